// The clients of the simulated store: closed loops of calls, watchers that reconnect and resume, and probes.
//
// A client talks to one member at a time. When an answer does not come, or the connection breaks, the outcome of its
// call is unknown; it goes on with another call, perhaps at another member. No call is ever sent twice.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "holdfast/sim/net.h"
#include "holdfast/sim/recorder.h"
#include "holdfast/sim/store_wire.h"
#include "holdfast/sim/workload.h"

namespace holdfast::sim {

// Where clients find members: those that are part of the cluster now.
using MemberList = std::function<std::vector<NodeId>()>;

class ClientBase {
 public:
  ClientBase(World& world, Net& net, uint64_t number, MemberList members);
  virtual ~ClientBase() = default;
  uint64_t number() const { return number_; }
  NodeId endpoint() const { return kFirstClient + number_; }
  // The connection to this member broke, and the client's side was told.
  virtual void connection_lost(NodeId member) = 0;

 protected:
  virtual void receive(NodeId from, const ClientWire& wire) = 0;
  void say(NodeId member, const ClientWire& wire) { net_.send(endpoint(), member, codec::encode(wire).flatten()); }
  NodeId any_member();

  World& world_;
  Net& net_;
  uint64_t number_;
  MemberList members_;
  Random random_;
};

// One call at a time, recorded.
class Caller : public ClientBase {
 public:
  using Done = std::function<void(const store::Request&, const store::Response*)>;  // none: no answer
  Caller(World& world, Net& net, uint64_t number, MemberList members, Recorder& recorder)
      : ClientBase(world, net, number, std::move(members)), recorder_(recorder) {}

  bool busy() const { return current_ != 0; }
  void call(NodeId member, store::Request request, bool has_leader, Duration patience, Done done);
  void connection_lost(NodeId member) override;

 protected:
  void receive(NodeId from, const ClientWire& wire) override;

 private:
  void finish(const store::Response* response);

  Recorder& recorder_;
  uint64_t current_ = 0;  // the operation's id in the history
  NodeId at_;
  store::Request request_;
  Done done_;
};

// Calls one after the other for as long as the workload runs.
class LoopClient : public Caller {
 public:
  LoopClient(World& world, Net& net, uint64_t number, MemberList members, Recorder& recorder,
             const WorkloadConfig& config);
  void start() { running_ = true, next(); }
  void stop() { running_ = false; }
  // Never again what it had with this member: an answer that is under way is not heard.
  void leave(NodeId member) {
    if (member_ == member) member_ = {};
    connection_lost(member);
  }

 private:
  void next();

  WorkloadConfig config_;
  Asker asker_;
  NodeId member_;
  bool running_ = false;
};

// Watches a range for the whole run: reconnects and resumes from where it was.
class WatchClient : public ClientBase {
 public:
  WatchClient(World& world, Net& net, uint64_t number, MemberList members, Recorder& recorder);
  void start();
  // No more reconnecting. The session that is open now must be complete when its member is one that `serves`.
  void stop(const std::function<bool(NodeId member)>& serves);
  void connection_lost(NodeId member) override;

 protected:
  void receive(NodeId from, const ClientWire& wire) override;

 private:
  void open();
  void beat();
  void reopen(Duration delay);

  Recorder& recorder_;
  store::WatchCreateRequest create_;
  check::WatchSession* session_ = nullptr;
  uint64_t stream_ = 0;
  uint64_t received_ = 0;
  store::Revision next_;
  Time heard_;
  bool running_ = false;
  bool reopening_ = false;
};

}  // namespace holdfast::sim
