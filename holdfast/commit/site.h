// One site of distributed transactions: coordinator of those it begins, participant in its own and in others'. Both
// halves write one stream of records; messages a site sends to itself go the way of all others, so the host delivers
// them back.
//
// Log space: every `checkpoint_records` records, each half writes one record that stands for all earlier ones, and once
// both are stable the older ones are released.
#pragma once

#include <variant>
#include <vector>

#include "holdfast/commit/coordinator.h"
#include "holdfast/commit/participant.h"

namespace holdfast::commit {

using SiteRecord = std::variant<CoordinatorRecord, ParticipantRecord>;
using SiteEvent = std::variant<Decided, Concluded, Prepare, InDoubt, Commit, Abort>;

class Site {
 public:
  using Out = Outbox<Wire, SiteRecord, SiteEvent>;

  explicit Site(const Config& config) : config_(config), coordinator_(config), participant_(config) {}

  void replay(StableSeq seq, const SiteRecord& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const Wire& wire, Out& out);
  void on_stable(Time now, StableSeq upto, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // As of Coordinator and Participant.
  StatusOr<TxnId> begin(Time now, std::vector<Part> parts, Out& out);
  Status abort(Time now, const TxnId& txn, Out& out);
  void vote(Time now, const TxnId& txn, bool yes, Slice workspace, Out& out);
  void done(Time now, const TxnId& txn, Out& out);

  const Coordinator& coordinator() const { return coordinator_; }
  const Participant& participant() const { return participant_; }

 private:
  template <class Step>
  void coordinate(Out& out, Step&& step);
  template <class Step>
  void participate(Out& out, Step&& step);
  void checkpoint_when_due(Out& out);

  const Config config_;
  Coordinator coordinator_;
  Participant participant_;
  Coordinator::Out coordinator_out_;
  Participant::Out participant_out_;
  // The latest checkpoint: its first record, and its last one. Released: its first, once it was stable.
  StableSeq checkpoint_;
  StableSeq checkpoint_end_;
  StableSeq released_;
};

}  // namespace holdfast::commit
