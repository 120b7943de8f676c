// The participant's half of two-phase commit with presumed abort, for many transactions of many coordinators at once.
// Its resource (what is locked, written, undone) is its owner's.
//
// Guarantees, over lossy, repeating, reordering channels and crashes that keep what was reported stable:
//  1. A yes vote leaves this node only when the promise is stable, and binds it: only a decision ends the doubt.
//  2. A decision reaches the owner only when it is stable here, and is never reversed.
//  3. Before its yes vote it may abort on its own: when its owner says so or is too slow, or when a fellow in doubt
//  asks.
//     It then never votes yes.
//  4. In doubt, it asks the coordinator and all fellows until one knows (cooperative termination).
// What is over is remembered until the coordinator's horizon has passed it, so that a late message cannot revive it.
//
// Not promised: an end of the doubt while the coordinator and every fellow that knows are down (blocking).
// Source: Bernstein et al., sections 7.3 and 7.4; Mohan et al., section 3.
#pragma once

#include <map>
#include <vector>

#include "holdfast/commit/timers.h"
#include "holdfast/commit/types.h"

namespace holdfast::commit {

class Participant {
 public:
  using Out = Outbox<Wire, ParticipantRecord, ParticipantEvent>;

  explicit Participant(const Config& config) : config_(config) {}

  void replay(StableSeq seq, const ParticipantRecord& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const Wire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const { return timers_.earliest(); }
  void check_invariants() const;

  // The owner's answer to Prepare. Yes: it can commit from now on whatever happens, given `workspace`, which is made
  // stable with the promise and comes back with Commit and InDoubt. Ignored when the transaction was aborted meanwhile.
  void vote(Time now, const TxnId& txn, bool yes, Slice workspace, Out& out);
  // The owner's answer to Commit and Abort: it has made the outcome stable. Safe to repeat.
  void done(Time now, const TxnId& txn, Out& out);

  // Persists one record that stands for all earlier ones.
  void checkpoint(Out& out) const;

  size_t in_doubt() const;
  size_t remembered() const { return txns_.size(); }

 private:
  enum class State { kPreparing, kPrepared, kCommitted, kAborted };
  struct Txn {
    State state = State::kPreparing;
    std::vector<NodeId> participants;
    Slice workspace;  // while prepared, or committed and not done
    StableSeq record;
    uint32_t asked = 0;  // for the decision
    bool done = false;
  };
  using Table = std::map<TxnId, Txn>;

  void on(Time now, NodeId from, const VoteRequest& m, Out& out);
  void on(NodeId from, const Decision& m, Out& out);
  void on(NodeId from, const DecisionRequest& m, Out& out);
  void finish(Table::iterator it, Outcome outcome, Out& out);
  void refuse(Table::iterator it, Out& out);
  void ask(Time now, Table::iterator it, Out& out);
  void tell(NodeId to, const TxnId& txn, const Txn& t, Out& out) const;
  void learn(const TxnId& horizon);
  bool is_over(const TxnId& txn) const;
  void forget_if_over(Table::iterator it);
  TxnId horizon_of(NodeId coordinator) const;

  const Config config_;
  Table txns_;
  Timers timers_;
  std::map<NodeId, TxnId> horizons_;
};

}  // namespace holdfast::commit
