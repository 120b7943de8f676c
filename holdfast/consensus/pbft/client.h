// PBFT's other side: submits operations, and believes what enough replicas say.
//
// Guarantees, while at most f of the n members are faulty: the result of an operation is that of its one execution in
// the order; of a read, that of a state which holds every operation and every read that was answered before the read
// was asked for. Each operation that submit() took is executed exactly once if the client stays up and a quorum of the
// members makes progress.
//
// Operations are bundled: a bundle is one request, with one signature. While `in_flight` bundles are under way, the
// next operations gather. Thread rule: one thread at a time. Contract: docs/architecture.md, "The core contract".
#pragma once

#include <deque>
#include <map>

#include "holdfast/base/status.h"
#include "holdfast/consensus/pbft/authority.h"
#include "holdfast/consensus/pbft/group.h"

namespace holdfast::pbft {

struct ClientConfig {
  NodeId self;
  uint64_t cluster = 0;
  Configuration configuration;
  uint64_t incarnation = 0;  // greater with every start of this client, for ever
  uint64_t window = 64;      // Config::client_window of the replicas
  uint64_t in_flight = 4;    // bundles
  uint64_t max_request_operations = 1024;
  uint64_t max_request_bytes = 1 << 20;
  uint64_t max_queued = 100'000;           // operations; more are refused
  Duration retry = Duration::millis(300);  // after which it is repeated; doubled up to four times
};

struct NoRecord {};
// The answer to what was submitted, or read, under this token.
struct Answered {
  uint64_t token = 0;
  Slice result;
};

class Client {
 public:
  using Out = Outbox<Packet, std::variant<NoRecord>, Answered>;

  Client(const ClientConfig& config, Authority& authority)
      : config_(config), authority_(authority), group_(config.configuration) {}

  // kResourceExhausted: too much is waiting; kInvalidArgument: larger than any request may be. Sent with the next
  // on_time(), for which deadline() is in the past. Tokens are the caller's.
  Status submit(uint64_t token, Slice operation);
  Status reconfigure(uint64_t token, const SignedChange& change);
  Status read(Time now, uint64_t token, Slice operation, Out& out);
  // The group is another from now on; what is under way is sent to it.
  void configure(Time now, const Configuration& configuration, Out& out);

  void on_message(Time now, NodeId from, const Packet& packet, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  size_t waiting() const { return queue_.size() + bundles_.size() + readings_.size(); }
  void check_invariants() const;

 private:
  struct Queued {
    uint64_t token;
    Slice operation;
    RequestKind kind;
  };
  struct Bundle {
    SignedRequest request;
    std::vector<uint64_t> tokens;
    Time retry;
    Duration wait;
    std::map<NodeId, Digest> said;
    std::map<Digest, std::vector<Slice>> results;  // of a digest that some replica has said
  };
  struct Reading {
    uint64_t token;
    Slice operation;
    Time until;
    std::map<NodeId, std::pair<Digest, Slice>> said;
  };

  uint64_t floor() const { return bundles_.empty() ? next_ : bundles_.begin()->first; }
  bool can_send() const;
  void make_bundle(Time now, Out& out);
  void broadcast(const Message& message, Out& out);
  void on_reply(Time now, NodeId from, const Reply& reply, Out& out);
  void on_read_reply(NodeId from, const Reply& reply, Out& out);
  void order_instead(std::map<uint64_t, Reading>::iterator reading);

  const ClientConfig config_;
  Authority& authority_;
  Group group_;
  std::deque<Queued> queue_;
  std::map<uint64_t, Bundle> bundles_;  // by sequence
  std::map<uint64_t, Reading> readings_;
  uint64_t next_ = 1, next_read_ = 1;
};

}  // namespace holdfast::pbft
