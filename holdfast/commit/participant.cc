#include "holdfast/commit/participant.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::commit {

void Participant::replay(StableSeq seq, const ParticipantRecord& record) {
  const auto restore_prepared = [&](const Prepared& p) {
    txns_[p.txn] = {State::kPrepared, p.participants, p.workspace, seq, {}, false};
  };
  const auto restore_finished = [&](const Finished& f) {
    Txn& t = txns_[f.txn];
    t.state = f.outcome == Outcome::kCommit ? State::kCommitted : State::kAborted;
    t.record = seq;
    t.done = f.done;
    if (t.state == State::kAborted || t.done) t.workspace = {};
  };
  if (const auto* prepared = std::get_if<Prepared>(&record)) {
    restore_prepared(*prepared);
  } else if (const auto* finished = std::get_if<Finished>(&record)) {
    restore_finished(*finished);
  } else if (const auto* state = std::get_if<ParticipantState>(&record)) {
    txns_.clear();
    horizons_.clear();
    for (const TxnId& h : state->horizons) horizons_[h.coordinator] = h;
    for (const Prepared& p : state->prepared) restore_prepared(p);
    for (const Finished& f : state->finished) restore_finished(f);
  }
}

void Participant::start(Time now, Out& out) {
  for (auto it = txns_.begin(); it != txns_.end(); ++it) {
    Txn& t = it->second;
    if (t.state == State::kPrepared) {
      mark<"commit.participant_recovers_in_doubt">();
      out.raise(InDoubt{it->first, t.workspace});
      t.asked = 0;
      ask(now, it, out);
    } else if (!t.done && t.state == State::kCommitted) {
      out.raise(Commit{it->first, t.workspace});
    } else if (!t.done) {
      out.raise(Abort{it->first});
    }
  }
}

void Participant::on_message(Time now, NodeId from, const Wire& wire, Out& out) {
  if (const auto* request = std::get_if<VoteRequest>(&wire)) on(now, from, *request, out);
  if (const auto* decision = std::get_if<Decision>(&wire)) on(from, *decision, out);
  if (const auto* question = std::get_if<DecisionRequest>(&wire)) on(from, *question, out);
}

void Participant::on(Time now, NodeId from, const VoteRequest& m, Out& out) {
  if (from != m.txn.coordinator || m.participants.size() > kMaxParticipants) return;
  learn(m.horizon);
  const auto it = txns_.find(m.txn);
  if (it != txns_.end()) {
    const Txn& t = it->second;
    if (t.state == State::kPrepared) out.send(from, Vote{m.txn, true}, t.record);
    if (t.state == State::kAborted) out.send(from, Vote{m.txn, false});
    return;
  }
  if (is_over(m.txn)) return mark<"commit.late_vote_request">();
  if (txns_.size() >= config_.max_transactions) {
    mark<"commit.participant_is_full">();
    return out.send(from, Vote{m.txn, false});
  }
  Txn& t = txns_[m.txn];
  t.participants = m.participants;
  timers_.set(m.txn, now + config_.prepare_timeout);
  out.raise(Prepare{m.txn, m.work});
}

void Participant::vote(Time now, const TxnId& txn, bool yes, Slice workspace, Out& out) {
  const auto it = txns_.find(txn);
  if (it == txns_.end() || it->second.state != State::kPreparing) return;
  if (!yes) return refuse(it, out);
  Txn& t = it->second;
  t.state = State::kPrepared;
  t.workspace = std::move(workspace);
  t.record = out.persist(Prepared{txn, t.participants, t.workspace});
  // C2: the vote leaves before the promise is stable; a crash breaks it.
  if (planted<"C2">()) t.record = StableSeq();
  out.send(txn.coordinator, Vote{txn, true}, /*after=*/t.record);
  t.asked = 0;
  timers_.set(txn, now + config_.decision_timeout);
}

// The unilateral abort. The coordinator is told without waiting for the record: whether or not a crash takes it, the
// transaction cannot commit. The owner waits, so that its decision cannot be forgotten and taken again.
void Participant::refuse(Table::iterator it, Out& out) {
  out.send(it->first.coordinator, Vote{it->first, false});
  finish(it, Outcome::kAbort, out);
}

void Participant::finish(Table::iterator it, Outcome outcome, Out& out) {
  const TxnId& txn = it->first;
  Txn& t = it->second;
  t.record = out.persist(Finished{txn, outcome, false});
  timers_.cancel(txn);
  if (outcome == Outcome::kCommit) {
    t.state = State::kCommitted;
    out.raise(Commit{txn, t.workspace}, t.record);
  } else {
    t.state = State::kAborted;
    t.workspace = {};
    out.raise(Abort{txn}, t.record);
  }
}

void Participant::on(NodeId from, const Decision& m, Out& out) {
  const auto it = txns_.find(m.txn);
  if (it == txns_.end()) {
    // A commit that is over: the acknowledgement was lost, or the coordinator lost the record of the end.
    if (m.outcome == Outcome::kCommit && from == m.txn.coordinator && is_over(m.txn)) {
      mark<"commit.acknowledged_once_more">();
      out.send(from, Acknowledge{m.txn});
    }
  } else {
    const Txn& t = it->second;
    if (t.state == State::kPrepared) {
      finish(it, m.outcome, out);
    } else if (t.state == State::kPreparing && m.outcome == Outcome::kAbort) {
      mark<"commit.aborted_while_preparing">();
      finish(it, m.outcome, out);
    } else if (t.state == State::kCommitted && t.done && m.outcome == Outcome::kCommit) {
      out.send(m.txn.coordinator, Acknowledge{m.txn}, t.record);
    }
  }
  learn(m.horizon);
}

void Participant::done(Time, const TxnId& txn, Out& out) {
  const auto it = txns_.find(txn);
  if (it == txns_.end() || it->second.done) return;
  Txn& t = it->second;
  if (t.state != State::kCommitted && t.state != State::kAborted) return;
  t.done = true;
  t.workspace = {};
  if (t.state == State::kCommitted) out.send(txn.coordinator, Acknowledge{txn}, t.record);
  forget_if_over(it);
}

void Participant::on(NodeId from, const DecisionRequest& m, Out& out) {
  auto it = txns_.find(m.txn);
  if (it == txns_.end()) {
    if (is_over(m.txn) || txns_.size() >= config_.max_transactions) return;
    // Never heard of, so never voted for: abort, for good, and say so. Its owner has nothing to undo.
    mark<"commit.refused_for_a_fellow">();
    it =
        txns_
            .emplace(m.txn, Txn{State::kAborted, {}, {}, out.persist(Finished{m.txn, Outcome::kAbort, true}), {}, true})
            .first;
  } else if (it->second.state == State::kPreparing) {
    mark<"commit.aborted_for_a_fellow">();
    refuse(it, out);
  }
  tell(from, m.txn, it->second, out);
}

void Participant::tell(NodeId to, const TxnId& txn, const Txn& t, Out& out) const {
  if (t.state == State::kPrepared) return mark<"commit.both_in_doubt">();
  mark<"commit.told_a_fellow">();
  const Outcome outcome = t.state == State::kCommitted ? Outcome::kCommit : Outcome::kAbort;
  out.send(to, Decision{txn, horizon_of(txn.coordinator), outcome}, t.record);
}

void Participant::ask(Time now, Table::iterator it, Out& out) {
  const TxnId& txn = it->first;
  Txn& t = it->second;
  out.send(txn.coordinator, DecisionRequest{txn});
  for (const NodeId fellow : t.participants) {
    if (fellow != config_.self && fellow != txn.coordinator) out.send(fellow, DecisionRequest{txn});
  }
  timers_.set(txn, now + config_.resends().pause(++t.asked));
}

void Participant::on_time(Time now, Out& out) {
  TxnId txn;
  while (timers_.take_due(now, txn)) {
    const auto it = txns_.find(txn);
    if (it->second.state == State::kPreparing) {
      mark<"commit.owner_too_slow">();
      refuse(it, out);
    } else {
      ask(now, it, out);
    }
  }
}

TxnId Participant::horizon_of(NodeId coordinator) const {
  const auto it = horizons_.find(coordinator);
  return it == horizons_.end() ? TxnId{coordinator, 0, 0} : it->second;
}

bool Participant::is_over(const TxnId& txn) const { return txn < horizon_of(txn.coordinator); }

void Participant::learn(const TxnId& horizon) {
  if (horizon <= horizon_of(horizon.coordinator)) return;
  horizons_[horizon.coordinator] = horizon;
  for (auto it = txns_.lower_bound({horizon.coordinator, 0, 0}); it != txns_.end() && it->first < horizon;) {
    forget_if_over(it++);
  }
}

void Participant::forget_if_over(Table::iterator it) {
  if (it->second.done && is_over(it->first)) txns_.erase(it);
}

void Participant::checkpoint(Out& out) const {
  ParticipantState state;
  for (const auto& [coordinator, horizon] : horizons_) state.horizons.push_back(horizon);
  for (const auto& [txn, t] : txns_) {
    const bool decided = t.state == State::kCommitted || t.state == State::kAborted;
    if (t.state == State::kPrepared || (t.state == State::kCommitted && !t.done)) {
      state.prepared.push_back({txn, t.participants, t.workspace});
    }
    if (decided) {
      state.finished.push_back({txn, t.state == State::kCommitted ? Outcome::kCommit : Outcome::kAbort, t.done});
    }
  }
  out.persist(std::move(state));
}

size_t Participant::in_doubt() const {
  return static_cast<size_t>(
      std::count_if(txns_.begin(), txns_.end(), [](const auto& e) { return e.second.state == State::kPrepared; }));
}

void Participant::check_invariants() const {
  size_t waiting = 0;
  for (const auto& [txn, t] : txns_) {
    const bool decided = t.state == State::kCommitted || t.state == State::kAborted;
    ensure(timers_.has(txn) == !decided, "exactly the undecided transactions have deadlines");
    ensure(!t.done || decided, "only a decided transaction is done");
    ensure(t.workspace.empty() || t.state == State::kPrepared || (t.state == State::kCommitted && !t.done),
           "a workspace is kept only while it may be needed");
    ensure(!(t.done && is_over(txn)), "what is over and done is forgotten");
    waiting += decided ? 0 : 1;
  }
  ensure(timers_.size() == waiting, "only known transactions have deadlines");
}

}  // namespace holdfast::commit
