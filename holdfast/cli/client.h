// A client of any store that speaks etcd's v3 gRPC API: one call at a time per thread, any number of threads.
//
// Guarantees
//   1. A read is repeated on the next endpoint when one is unavailable, until the timeout.
//   2. A write is sent again only when it was certainly never sent: the API has no request numbers, so repeating it
//      could apply it twice. After any other failure `may_have_happened` says whether its fate is open.
//   3. Every call ends within the timeout.
// Errors carry the server's code and text unchanged.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <rpc.pb.h>
#include "holdfast/base/status.h"
#include "holdfast/model/retry.h"

namespace holdfast::cli {

namespace pb = ::etcdserverpb;

// False when the failed write was certainly not applied, and never will be.
bool may_have_happened(const Status& failure);

// One watch on one connection; it is not resumed. next() blocks; cancel() may be called from another thread.
class WatchStream {
 public:
  ~WatchStream();
  // The next response, the one that says "created" included. Cancelled after cancel().
  StatusOr<pb::WatchResponse> next();
  void request_progress();
  void cancel();

 private:
  friend class Client;
  struct Impl;
  explicit WatchStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Client {
 public:
  struct Options {
    std::vector<std::string> endpoints = {"localhost:2379"};  // HOST:PORT or http://HOST:PORT
    std::chrono::milliseconds timeout{5000};
    // Calls that need a leader ask to be refused at once, with "etcdserver: no leader", by a member that knows none.
    bool require_leader = false;
    // With require_leader: what was refused for want of a leader is tried again until the timeout.
    bool await_leader = false;
  };

  ~Client();

  // InvalidArgument when an endpoint cannot be understood. Nothing is connected yet.
  static StatusOr<std::unique_ptr<Client>> create(const Options& options);

  StatusOr<pb::RangeResponse> range(const pb::RangeRequest& request);
  StatusOr<pb::PutResponse> put(const pb::PutRequest& request);
  StatusOr<pb::DeleteRangeResponse> del(const pb::DeleteRangeRequest& request);
  StatusOr<pb::TxnResponse> txn(const pb::TxnRequest& request);
  StatusOr<pb::CompactionResponse> compact(const pb::CompactionRequest& request);

  StatusOr<pb::LeaseGrantResponse> lease_grant(const pb::LeaseGrantRequest& request);
  StatusOr<pb::LeaseRevokeResponse> lease_revoke(int64_t id);
  StatusOr<pb::LeaseTimeToLiveResponse> lease_time_to_live(int64_t id, bool keys);
  StatusOr<pb::LeaseLeasesResponse> leases();
  // One renewal; a TTL of 0 in the answer means that there is no such lease. Each member is given `patience`, or the
  // command's timeout if that is shorter.
  StatusOr<pb::LeaseKeepAliveResponse> lease_keep_alive(
      int64_t id, std::chrono::milliseconds patience = std::chrono::milliseconds::max());

  StatusOr<pb::MemberListResponse> member_list(bool linearizable = true);
  StatusOr<pb::MemberAddResponse> member_add(const std::vector<std::string>& peer_urls, bool learner);
  StatusOr<pb::MemberRemoveResponse> member_remove(uint64_t id);
  StatusOr<pb::MemberUpdateResponse> member_update(uint64_t id, const std::vector<std::string>& peer_urls);
  StatusOr<pb::MemberPromoteResponse> member_promote(uint64_t id);
  StatusOr<pb::MoveLeaderResponse> move_leader(size_t endpoint, uint64_t target);

  // What the member at one endpoint says of itself; no other endpoint is asked.
  StatusOr<pb::StatusResponse> status(size_t endpoint);

  // On the endpoint that answered last.
  std::unique_ptr<WatchStream> watch(const pb::WatchCreateRequest& request);
  // Turns to the next endpoint; for callers that repeat a broken watch.
  void skip_endpoint() { current_.fetch_add(1, std::memory_order_relaxed); }

  size_t endpoint_count() const { return endpoints_.size(); }
  const std::string& endpoint(size_t i) const;

 private:
  struct Endpoint;
  struct Caller;
  friend struct Caller;

  explicit Client(const Options& options);
  void begin_operation();
  // False: too much of what this client did lately is repetition.
  bool may_repeat();

  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::chrono::milliseconds timeout_;
  const bool require_leader_;
  const bool await_leader_;
  std::atomic<size_t> current_{0};  // modulo the number of endpoints
  std::mutex budget_mutex_;
  // Where every call fails, endless repetition would make a bad day worse: a fifth more than what is asked is sent, and
  // twenty calls beyond that.
  RetryBudget budget_{200, 20};
};

// "http://h:1" and "h:1" to "h:1".
StatusOr<std::string> endpoint_address(std::string_view text);

}  // namespace holdfast::cli
