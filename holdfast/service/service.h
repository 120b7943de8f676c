// The service: one member of the store as its clients know it, and still a pure core. It owns the replica (consensus,
// stable records, snapshots), the store and its watchers; it validates requests, decides how each is served (locally,
// after a read index, through the log), and answers when that has happened. server/ puts gRPC around it in the real
// world, sim/ its simulated clients.
//
// Guarantees: a response other than Refused means the operation took effect at one moment between call and response
// (linearizable), and a write is stable on a quorum. Refused with kTimeout, kTimeoutDueTo*, kLeaderChanged or kStopped
// leaves a write's outcome unknown; any other refusal means it did not and will not take effect. Each write takes
// effect at most once, even when it is forwarded and the leader changes.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/replica/replica.h"
#include "holdfast/store/api.h"
#include "holdfast/store/store.h"
#include "holdfast/store/watch.h"

namespace holdfast::service {

struct CallIdTag {
  static constexpr const char* kPrefix = "c";
};
// One client request, named by the caller; unique in one run of the process.
using CallId = Strong<CallIdTag, uint64_t>;

// Answers one call. Exactly one per call, unless it was cancelled.
struct Reply {
  CallId call;
  store::Response response;
};
// The stream has watch responses: take them with take_watch() until it returns fewer than asked for. Not raised again
// before that.
struct WatchReady {
  store::StreamId stream;
};
struct RoleChanged {
  consensus::Role role = consensus::Role::kFollower;
  consensus::Term term;
  NodeId leader;
};
// This member must stop: `what` says why and what the operator can do. Nothing may be answered afterwards.
struct MustStop {
  std::string what;
};
using Event = std::variant<Reply, WatchReady, RoleChanged, MustStop>;

struct Config {
  replica::Config replica;
  store::Limits limits;
  store::WatchConfig watch;
  std::string name;
  std::vector<std::string> client_urls;
  std::vector<store::Member> bootstrap;             // every initial member; empty to join an existing cluster
  Duration request_timeout = Duration::seconds(7);  // 5 s + 2 election timeouts, as in etcd
  size_t max_request_bytes = size_t{3} << 19;
  size_t max_calls = 10'000;                  // waiting at once; beyond: kTooManyRequests
  size_t max_call_bytes = size_t{256} << 20;  // of the proposals of those; beyond: kTooManyRequests
  size_t max_learners = 1;                    // as in etcd
};

class Service {
 public:
  using Out = Outbox<replica::Wire, replica::Record, Event>;

  explicit Service(const Config& config);
  ~Service();

  // The core contract.
  void recover_blob(BlobId id, uint64_t size);
  void replay(StableSeq seq, const replica::Record& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const replica::Wire& wire, Out& out);
  void on_stable(Time now, StableSeq upto, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // Clients. `has_leader`: refuse at once when no leader is known (the client sent hasleader metadata).
  void call(Time now, CallId id, store::Request request, bool has_leader, Out& out);
  // The client has gone: nobody is told, and a write is not tried any further, though it may still take effect.
  void cancel(CallId id);
  void watch_open(store::StreamId stream);
  void watch_request(Time now, store::StreamId stream, const store::WatchRequest& request, Out& out);
  void watch_close(store::StreamId stream);
  std::vector<store::WatchResponse> take_watch(store::StreamId stream, size_t max);

  // Stops taking calls and hands leadership over; `stopped()` once that is done or was not possible in time.
  void stop(Time now, Out& out);
  bool stopped() const;

  // For status, metrics, checkers.
  const store::Store& store() const;
  const replica::Replica& replica() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::service
