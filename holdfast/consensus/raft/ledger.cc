#include "holdfast/consensus/raft/ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/membership.h"

namespace holdfast::raft {

// --- Recovery --------------------------------------------------------------------------------------------------------
//
// The stream may begin anywhere before the first record that is needed, so a replay can meet entries whose predecessors
// are gone and marks that are out of date (a mark that comes later covers both), and entries that later ones replace.

void Ledger::replay(StableSeq seq, const Record& record) {
  stable_ = seq;
  std::visit([&](const auto& r) { replay_record(seq, r); }, record);
  log_.on_stable(seq);
}

void Ledger::damaged(std::string what) {
  if (damage_.empty()) damage_ = std::move(what);
}

void Ledger::replay_record(StableSeq seq, const HardState& state) {
  if (state.term < term_) return damaged(absl::StrCat("the term falls at record ", seq.value()));
  term_ = state.term;
  vote_ = state.vote;
  term_seq_ = vote_seq_ = seq;
  hard_states_ = {seq};
}

void Ledger::replay_record(StableSeq seq, const Appended& appended) {
  const Entry& entry = appended.entry;
  if (!entry.index) return damaged(absl::StrCat("record ", seq.value(), " holds an entry without an index"));
  if (has_snapshot_ && entry.index <= snapshot_.index) {
    return damaged(absl::StrCat("record ", seq.value(), " holds entry ", entry.index.value(),
                                ", which the snapshot before it covers"));
  }
  if (entry.kind == EntryKind::kMembership && !membership_in(entry)) {
    return damaged(absl::StrCat("entry ", entry.index.value(), " holds no membership that can be"));
  }
  if (entry.index <= log_.base() || entry.index > log_.last() + 1) {
    // What came before was released: because a mark that comes later covers it, or because later entries replace this
    // one. If neither, recovered() tells.
    mark<"raft.replay_starts_inside">();
    const bool behind_snapshot = entry.index == snapshot_.index + 1;
    log_.reset(entry.index - 1, behind_snapshot ? snapshot_.term : Term{}, StableSeq{});
    base_known_ = behind_snapshot;
  } else if (entry.index <= log_.last()) {
    log_.truncate_from(entry.index);
  }
  if (entry.term < log_.last_term()) return damaged(absl::StrCat("the term of entry ", entry.index.value(), " falls"));
  log_.append(entry, seq);
}

void Ledger::replay_record(StableSeq seq, const SnapshotMark& mark) {
  const SnapshotMeta& meta = mark.meta;
  if (!well_formed(meta.membership) || (has_snapshot_ && meta.index < snapshot_.index)) {
    return damaged(absl::StrCat("the snapshot mark of record ", seq.value(), " cannot be right"));
  }
  snapshot_ = meta;
  has_snapshot_ = true;
  marks_ = {{meta.index, seq, meta.blob}};
  if (mark.reset || meta.index > log_.last()) {
    log_.reset(meta.index, meta.term, seq);
    base_known_ = true;
  } else if (meta.index == log_.base()) {
    log_.set_base_term(meta.term);
    base_known_ = true;
  } else if (meta.index > log_.base()) {
    if (!log_.matches(meta.index, meta.term)) {
      return damaged(absl::StrCat("the log contradicts the snapshot mark of record ", seq.value()));
    }
    if (!base_known_) log_.compact(log_.first());  // the first entry becomes the base, whose term is known
    base_known_ = true;
  }  // else it is an early mark, and the log begins behind it: a later one covers that
}

Status Ledger::recovered() const {
  if (!damage_.empty()) return absl::DataLossError(absl::StrCat("the records of consensus are damaged: ", damage_));
  if (planted<"R17">()) return absl::OkStatus();
  if (!base_known_ || log_.base() > snapshot_.index) {
    return absl::DataLossError(absl::StrCat("the records of consensus begin at entry ", log_.first().value(),
                                            ", and no snapshot covers what came before"));
  }
  if (log_.last_term() > term_) return absl::DataLossError("the log is ahead of the recorded term");
  return absl::OkStatus();
}

std::vector<FoundSnapshot> Ledger::survey(const std::vector<std::pair<StableSeq, const Record*>>& records) {
  std::vector<FoundSnapshot> found;
  std::deque<std::pair<Index, StableSeq>> log;
  for (const auto& [seq, record] : records) {
    if (const auto* a = std::get_if<Appended>(record)) {
      const Index index = a->entry.index;
      while (!log.empty() && log.back().first >= index) log.pop_back();
      if (!log.empty() && log.back().first + 1 != index) log.clear();  // leftovers of before a reset
      log.emplace_back(index, seq);
    } else if (const auto* m = std::get_if<SnapshotMark>(record)) {
      if (m->reset) {
        log.clear();
        found.clear();
      }
      if (!found.empty() && found.back().meta.index >= m->meta.index) continue;
      const auto behind = std::find_if(log.begin(), log.end(), [&](const auto& e) { return e.first > m->meta.index; });
      found.push_back({.meta = m->meta,
                       .reset = m->reset,
                       .log_begins = log.empty() ? m->meta.index + 1 : log.front().first,
                       .first_needed = behind == log.end() ? seq : std::min(seq, behind->second)});
    }
  }
  return found;
}

// --- Writing ---------------------------------------------------------------------------------------------------------

void Ledger::enter_term(Term term, NodeId vote, Out& out) {
  ensure(term >= term_, "the term never falls");
  ensure(term > term_ || !vote_ || vote_ == vote, "a vote is given once per term");
  if (planted<"R2">() && vote && term > term_) {
    term_seq_ = vote_seq_ = out.persist(HardState{term, NodeId{}});
    hard_states_.push_back(term_seq_);
    out.persist(HardState{term, vote});
    term_ = term;
    vote_ = vote;
    return;
  }
  term_ = term;
  vote_ = vote;
  reaffirm(out);
}

void Ledger::reaffirm(Out& out) {
  term_seq_ = vote_seq_ = out.persist(HardState{term_, vote_});
  hard_states_.push_back(term_seq_);
}

void Ledger::append(Entry entry, Out& out) {
  const StableSeq seq = out.persist(Appended{entry});
  log_.append(std::move(entry), seq);
}

void Ledger::write_mark(const SnapshotMeta& meta, bool keep_tail, uint64_t catch_up, Out& out) {
  ensure(!has_snapshot_ || meta.index >= snapshot_.index, "the snapshot's index never falls");
  const StableSeq seq = out.persist(SnapshotMark{meta, !keep_tail});
  marks_.push_back({meta.index, seq, meta.blob});
  reaffirm(out);
  snapshot_ = meta;
  has_snapshot_ = true;
  if (!keep_tail) {
    log_.reset(meta.index, meta.term, seq);
  } else if (meta.index.value() > catch_up) {
    log_.compact(std::max(log_.base(), meta.index - catch_up));
  }
}

void Ledger::on_stable(StableSeq upto) {
  stable_ = std::max(stable_, upto);
  while (marks_.size() > 1 && marks_[1].seq <= stable_) marks_.pop_front();
  while (hard_states_.size() > 1 && hard_states_[1] <= stable_) hard_states_.pop_front();
  log_.on_stable(stable_);
}

// --- What may be said ------------------------------------------------------------------------------------------------

StableSeq Ledger::after_holding(Index match) const {
  if (planted<"R3">()) return {};
  return std::max(term_seq_, log_.seq_of(match));
}

StableSeq Ledger::first_needed_behind(Index index) const {
  if (marks_.empty() || marks_.front().seq > stable_ || hard_states_.empty() || hard_states_.front() > stable_)
    return {};
  StableSeq needed = std::min(marks_.front().seq, hard_states_.front());
  index = std::min(index, marks_.front().index);
  if (index < log_.base()) return {};
  if (index < log_.last()) needed = std::min(needed, log_.seq_of(index + 1));
  return needed;
}

bool Ledger::names(BlobId id) const {
  return std::any_of(marks_.begin(), marks_.end(), [&](const Mark& m) { return m.blob == id; });
}

void Ledger::check_invariants() const {
  log_.check_invariants();
  ensure(log_.last_term() <= term_, "no entry is of a later term than its holder");
  ensure(!has_snapshot_ || log_.base() <= snapshot_.index, "the log begins at or before its snapshot");
  ensure(!has_snapshot_ || log_.last() >= snapshot_.index, "the log reaches its snapshot");
}

}  // namespace holdfast::raft
