#include "holdfast/commit/coordinator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::commit {

std::string to_text(const TxnId& txn) {
  return absl::StrCat(to_text(txn.coordinator), ".", txn.epoch, ".", txn.number);
}

void Coordinator::replay(StableSeq seq, const CoordinatorRecord& record) {
  const auto restore = [&](const Committed& c) {
    Open& open = open_[c.txn];
    open = {};
    open.committed = true;
    open.participants = c.participants;
    open.waits_for.insert(c.participants.begin(), c.participants.end());
    open.record = seq;
  };
  if (const auto* e = std::get_if<Epoch>(&record)) {
    epoch_ = e->epoch;
  } else if (const auto* c = std::get_if<Committed>(&record)) {
    restore(*c);
  } else if (const auto* ended = std::get_if<Ended>(&record)) {
    open_.erase(ended->txn);
  } else if (const auto* state = std::get_if<CoordinatorState>(&record)) {
    open_.clear();
    epoch_ = state->epoch;
    for (const Committed& committed : state->committed) restore(committed);
  }
}

void Coordinator::start(Time now, Out& out) {
  ++epoch_;
  epoch_record_ = out.persist(Epoch{epoch_});
  for (auto it = open_.begin(); it != open_.end(); ++it) {
    mark<"commit.coordinator_recovers_a_commit">();
    out.raise(Decided{it->first, Outcome::kCommit}, it->second.record);
    it->second.sent = 0;
    repeat(now, it, out);
  }
}

StatusOr<TxnId> Coordinator::begin(Time now, std::vector<Part> parts, Out& out) {
  Open open;
  for (Part& p : parts) {
    open.participants.push_back(p.node);
    open.work.push_back(std::move(p.work));
    if (!open.waits_for.insert(p.node).second || !p.node) {
      return absl::InvalidArgumentError(absl::StrCat("participant ", to_text(p.node), " is nobody or named twice"));
    }
  }
  if (parts.empty() || parts.size() > kMaxParticipants) {
    return absl::InvalidArgumentError(
        absl::StrCat("a transaction has 1 to ", kMaxParticipants, " participants, not ", parts.size()));
  }
  if (open_.size() >= config_.max_open) {
    return absl::ResourceExhaustedError(absl::StrCat(open_.size(), " transactions are open; try again later"));
  }
  // `ordinal`s of this life are the numbers of its transactions.
  if (!open_.empty() && number_ - open_.begin()->second.ordinal >= config_.max_window) {
    return absl::ResourceExhaustedError(absl::StrCat("transaction ", to_text(open_.begin()->first),
                                                     " is not over and too many have begun since; try again later"));
  }
  const TxnId txn{config_.self, epoch_, ++number_};
  open.ordinal = number_;
  open.give_up = now + config_.vote_timeout;
  open.sent = 0;
  repeat(now, open_.emplace(txn, std::move(open)).first, out);
  return txn;
}

Status Coordinator::abort(Time, const TxnId& txn, Out& out) {
  const auto it = open_.find(txn);
  if (it == open_.end() || it->second.committed) {
    return absl::FailedPreconditionError(absl::StrCat("transaction ", to_text(txn), " is decided already, or unknown"));
  }
  abort(it, NodeId(), out);
  return absl::OkStatus();
}

void Coordinator::on_message(Time now, NodeId from, const Wire& wire, Out& out) {
  if (const auto* vote = std::get_if<Vote>(&wire)) on(now, from, *vote, out);
  if (const auto* acknowledge = std::get_if<Acknowledge>(&wire)) on(now, from, *acknowledge, out);
  if (const auto* request = std::get_if<DecisionRequest>(&wire)) on(now, from, *request, out);
}

void Coordinator::on(Time now, NodeId from, const Vote& m, Out& out) {
  const auto it = open_.find(m.txn);
  if (it == open_.end()) {
    if (m.yes) answer_unknown(from, m.txn, out);
    return;
  }
  Open& open = it->second;
  if (open.committed ||
      std::find(open.participants.begin(), open.participants.end(), from) == open.participants.end()) {
    return;
  }
  if (!m.yes) return abort(it, from, out);
  open.waits_for.erase(from);
  if (open.waits_for.empty()) commit(now, it, out);
}

void Coordinator::commit(Time now, Table::iterator it, Out& out) {
  Open& open = it->second;
  open.committed = true;
  open.work.clear();
  open.waits_for.insert(open.participants.begin(), open.participants.end());
  open.record = out.persist(Committed{it->first, open.participants});
  // C1: the decision leaves before its record is stable; after a crash abort is presumed, against it.
  if (planted<"C1">()) open.record = StableSeq();
  out.raise(Decided{it->first, Outcome::kCommit}, open.record);
  open.sent = 0;
  repeat(now, it, out);
}

// Presumed abort: no record, no acknowledgement, nothing to remember.
void Coordinator::abort(Table::iterator it, NodeId no_voter, Out& out) {
  const TxnId txn = it->first;
  const std::vector<NodeId> participants = std::move(it->second.participants);
  open_.erase(it);
  timers_.cancel(txn);
  for (const NodeId p : participants) {
    if (p != no_voter) out.send(p, Decision{txn, horizon(), Outcome::kAbort});
  }
  out.raise(Decided{txn, Outcome::kAbort});
}

// Tells everybody it waits for, again, and pauses longer every time.
void Coordinator::repeat(Time now, Table::iterator it, Out& out) {
  const TxnId& txn = it->first;
  Open& open = it->second;
  for (size_t i = 0; i < open.participants.size(); ++i) {
    const NodeId p = open.participants[i];
    if (open.waits_for.count(p) == 0) continue;
    if (open.committed) {
      out.send(p, Decision{txn, horizon(), Outcome::kCommit}, open.record);
    } else {
      out.send(p, VoteRequest{txn, horizon(), open.participants, open.work[i]}, epoch_record_);
    }
  }
  const Time next = now + config_.resends().pause(++open.sent);
  timers_.set(txn, open.committed ? next : std::min(next, open.give_up));
}

void Coordinator::on(Time, NodeId from, const Acknowledge& m, Out& out) {
  const auto it = open_.find(m.txn);
  if (it == open_.end() || !it->second.committed) return;
  it->second.waits_for.erase(from);
  if (!it->second.waits_for.empty()) return;
  out.persist(Ended{m.txn});
  out.raise(Concluded{m.txn});
  timers_.cancel(m.txn);
  open_.erase(it);
}

void Coordinator::on(Time, NodeId from, const DecisionRequest& m, Out& out) {
  const auto it = open_.find(m.txn);
  if (it == open_.end()) return answer_unknown(from, m.txn, out);
  // While votes are collected there is nothing to tell; the decision will be sent when it is made.
  if (it->second.committed) out.send(from, Decision{m.txn, horizon(), Outcome::kCommit}, it->second.record);
}

// A transaction that is not open: aborted; or committed and acknowledged by all, and then nobody who asks is in doubt.
// One that this coordinator cannot have begun shows that it lost its records: then it must not presume anything.
void Coordinator::answer_unknown(NodeId to, const TxnId& txn, Out& out) {
  if (txn.coordinator != config_.self || txn > TxnId{config_.self, epoch_, number_}) {
    return mark<"commit.asked_about_the_future">();
  }
  mark<"commit.presumed_abort">();
  out.send(to, Decision{txn, horizon(), Outcome::kAbort});
}

void Coordinator::on_time(Time now, Out& out) {
  TxnId txn;
  while (timers_.take_due(now, txn)) {
    const auto it = open_.find(txn);
    if (it->second.committed || now < it->second.give_up) {
      repeat(now, it, out);
    } else {
      mark<"commit.votes_timed_out">();
      abort(it, NodeId(), out);
    }
  }
}

TxnId Coordinator::horizon() const {
  return open_.empty() ? TxnId{config_.self, epoch_, number_ + 1} : open_.begin()->first;
}

void Coordinator::checkpoint(Out& out) const {
  CoordinatorState state{epoch_, {}};
  for (const auto& [txn, open] : open_) {
    if (open.committed) state.committed.push_back({txn, open.participants});
  }
  out.persist(std::move(state));
}

void Coordinator::check_invariants() const {
  for (const auto& [txn, open] : open_) {
    ensure(txn.coordinator == config_.self, "a coordinator has only transactions of its own");
    ensure(txn <= (TxnId{config_.self, epoch_, number_}), "no transaction is younger than the latest begun");
    ensure(!open.waits_for.empty(), "an open transaction waits for somebody");
    ensure(timers_.has(txn), "an open transaction has a deadline");
    ensure(open.committed == open.work.empty(), "work is kept until the decision");
    ensure(open.committed || open.record == StableSeq(), "only a commit has a record");
  }
  ensure(timers_.size() == open_.size(), "only open transactions have deadlines");
}

}  // namespace holdfast::commit
