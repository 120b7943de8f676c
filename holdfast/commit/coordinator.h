// The coordinator's half of two-phase commit with presumed abort, for many transactions at once.
//
// Guarantees, over lossy, repeating, reordering channels and crashes that keep what was reported stable:
//  1. It commits a transaction only if every participant has voted yes.
//  2. A decision to commit leaves this node only when its record is stable. There is no record of an abort: a
//     transaction that is neither open nor committed here was aborted.
//  3. It remembers a commit until every participant has acknowledged it.
// Invariants (check_invariants): an open transaction has a deadline, somebody it waits for, and exactly when committed
// a record; a decided abort is gone.
//
// Not promised: progress of participants in doubt while this node is down (docs/protocols/two_phase_commit.md).
// Source: Bernstein et al., section 7.4; Mohan et al., section 3.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/commit/timers.h"
#include "holdfast/commit/types.h"

namespace holdfast::commit {

// What one participant is to do.
struct Part {
  NodeId node;
  Slice work;
};

class Coordinator {
 public:
  using Out = Outbox<Wire, CoordinatorRecord, CoordinatorEvent>;

  explicit Coordinator(const Config& config) : config_(config) {}

  void replay(StableSeq seq, const CoordinatorRecord& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const Wire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const { return timers_.earliest(); }
  void check_invariants() const;

  // Starts a transaction among `parts` (each node once; this one may be among them). Decided will be raised.
  // kInvalidArgument: nobody, somebody twice, or too many; kResourceExhausted: too many transactions are open.
  StatusOr<TxnId> begin(Time now, std::vector<Part> parts, Out& out);
  // Aborts a transaction that is not decided yet. kFailedPrecondition: it is, or is unknown.
  Status abort(Time now, const TxnId& txn, Out& out);

  // Persists one record that stands for all earlier ones.
  void checkpoint(Out& out) const;

  size_t open() const { return open_.size(); }

 private:
  struct Open {
    bool committed = false;
    std::vector<NodeId> participants;
    std::vector<Slice> work;     // one for each participant, until the decision
    std::set<NodeId> waits_for;  // who has not voted, or not acknowledged
    StableSeq record;            // of the commit
    Time give_up;                // when votes are missing
    uint32_t sent = 0;           // how often, since the decision or without one
    uint64_t ordinal = 0;        // counts what this life began; 0: recovered
  };
  using Table = std::map<TxnId, Open>;

  void on(Time now, NodeId from, const Vote& m, Out& out);
  void on(Time now, NodeId from, const Acknowledge& m, Out& out);
  void on(Time now, NodeId from, const DecisionRequest& m, Out& out);
  void commit(Time now, Table::iterator it, Out& out);
  void abort(Table::iterator it, NodeId no_voter, Out& out);
  void repeat(Time now, Table::iterator it, Out& out);
  void answer_unknown(NodeId to, const TxnId& txn, Out& out);
  TxnId horizon() const;

  const Config config_;
  Table open_;
  Timers timers_;
  uint64_t epoch_ = 0;
  StableSeq epoch_record_;
  uint64_t number_ = 0;  // of the latest transaction in this epoch
};

}  // namespace holdfast::commit
