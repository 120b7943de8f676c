// One process of a group under PBFT, or a client of the group: the production cores, and for a primary that equivocates
// a tongue of its own. Internal to lab/.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/replica.h"

namespace holdfast::lab {

// What a member executed as which place of the order: operations as they were submitted.
struct PbftExecuted {
  pbft::Seq place;
  std::vector<std::string> operations;
};
// A quorum voted for this at this member: it can prove it from now on.
struct PbftPrepared {
  pbft::Vote vote;
};
struct PbftBelieved {
  std::string operation;
};

class PbftPlayer {
 public:
  using Entered = pbft::ViewEntered;
  using Out = Outbox<pbft::Packet, pbft::Record, std::variant<PbftExecuted, PbftPrepared, Entered, PbftBelieved>>;

  // Of a member, or of a client.
  PbftPlayer(const pbft::Config& config, const crypto::Seed& seed);
  PbftPlayer(const pbft::ClientConfig& config, const crypto::Seed& seed);

  void recover_blob(BlobId id, uint64_t size);
  void replay(StableSeq seq, const pbft::Record& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const pbft::Packet& packet, Out& out);
  void on_stable(Time now, StableSeq upto, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // A client only.
  void submit(const std::string& operation);
  // A member only: whom it tells, as primary, that a place holds these operations instead of what it holds.
  using Lies = std::map<NodeId, std::set<std::string>>;
  void equivocate(Lies lies) { lies_ = std::move(lies); }

  bool is_client() const { return client_ != nullptr; }
  bool leads() const { return !is_client() && replica_->primary() == self_ && !replica_->changing(); }
  // The view that it has asked for and that has not begun.
  std::optional<pbft::View> wants_view() const;

 private:
  template <class Step>
  void step(Time now, Out& out, Step&& step);
  template <class Step>
  void client_step(Out& out, Step&& step);
  void heed(NodeId from, const pbft::Packet& packet);
  pbft::Packet twist(NodeId to, const pbft::Packet& packet);

  uint64_t cluster_;
  pbft::Configuration configuration_;
  NodeId self_;
  std::unique_ptr<pbft::KeyedAuthority> authority_;
  std::unique_ptr<pbft::Replica> replica_;
  pbft::Replica::Out replica_out_;
  std::unique_ptr<pbft::Client> client_;
  pbft::Client::Out client_out_;
  std::vector<std::string> submitted_;  // by token
  std::vector<std::string> log_;        // the state: what was executed
  Lies lies_;
  std::map<std::string, pbft::SignedRequest> heard_;  // by operation
  std::map<std::pair<NodeId, pbft::Seq>, Slice> told_;
};

}  // namespace holdfast::lab
