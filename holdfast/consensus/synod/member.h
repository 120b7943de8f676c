// Single-decree Paxos: one process, with those of the three roles that its configuration gives it.
//
// Guarantees, over channels that lose, repeat, delay and reorder, and crashes that keep what was reported stable, of
// any number of processes (Paxos Made Simple, section 2):
//  1. Validity: only a value that was proposed is decided.
//  2. Agreement: all decide the same, for ever.
//  3. Nobody learns of a decision that was not made.
// Progress: if a majority of the acceptors is up and hears a leader for long enough, and nobody else is trusted
// meanwhile (or backoff lets one proposer go first), everybody that is up learns.
//
// A process is proposer when its owner proposes or an oracle trusts it; acceptor when Config::acceptors has it; every
// process learns. Messages to itself go the way of all others.
#pragma once

#include "holdfast/consensus/synod/acceptor.h"
#include "holdfast/consensus/synod/learner.h"
#include "holdfast/consensus/synod/proposer.h"

namespace holdfast::synod {

struct MemberState {
  AcceptorState acceptor;
  ProposerState proposer;
  LearnerState learner;
};

class Member {
 public:
  using Out = synod::Out;

  explicit Member(const Config& config);

  void replay(StableSeq seq, const Record& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const Message& message, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // The owner wants `value` decided; Decided will tell which one is. Not stable: after a restart it proposes again.
  // Only the first value of one life counts.
  void propose(Time now, Slice value, Out& out);
  // An oracle trusts `leader` (none: nobody).
  void trust(Time now, NodeId leader, Out& out);

  const std::optional<Slice>& decided() const { return learner_.decided(); }
  MemberState state() const { return {acceptor_.state(), proposer_.state(), learner_.state()}; }

 private:
  void on(Time now, NodeId from, const Collect& m, Out& out);
  void on(Time now, NodeId from, const Last& m, Out& out);
  void on(Time now, NodeId from, const Begin& m, Out& out);
  void on(Time now, NodeId from, const Accept& m, Out& out);
  void on(Time now, NodeId from, const Success& m, Out& out);
  void on(Time now, NodeId from, const Refuse& m, Out& out);
  void on(Time now, NodeId from, const Ask& m, Out& out);
  bool accepts_from(NodeId from, const Ballot& ballot) const;
  void learned(bool by_own_ballot, Out& out);

  Config config_;
  Acceptor acceptor_;
  Proposer proposer_;
  Learner learner_;
  Time ask_at_ = Time::never();
};

}  // namespace holdfast::synod
