#include "holdfast/consensus/paxos/ledger.h"

#include <algorithm>

#include "holdfast/base/planted.h"

namespace holdfast::paxos {

void Ledger::promise(Ballot ballot, Out& out) {
  ensure(ballot > promised_, "a promise only grows");
  promised_ = ballot;
  held_ = held_stable_ = chosen_;
  advance_held();
  promise_seq_ = out.persist(Promised{promised_});
  promises_.push_back(promise_seq_);
}

void Ledger::reaffirm(Out& out) {
  promise_seq_ = out.persist(Promised{promised_});
  promises_.push_back(promise_seq_);
  write_chosen(out);
}

void Ledger::write_chosen(Out& out) {
  if (chosen_ <= chosen_written_) return;
  out.persist(Chosen{chosen_});
  chosen_written_ = chosen_;
}

void Ledger::accept(Ballot ballot, Entry entry, Out& out) {
  ensure(ballot == promised_, "what is accepted is accepted in the ballot that is promised");
  ensure(entry.index > chosen_, "what is chosen is not accepted again");
  write_chosen(out);
  accepted_seq_ = out.persist(Accepted{ballot, entry});
  if (const Slots::Slot* before = slots_.find(entry.index)) replaced_.emplace_back(accepted_seq_, before->seq);
  slots_.put(Vote{ballot, std::move(entry)}, accepted_seq_);
  advance_held();
}

void Ledger::learn_chosen(Index upto) {
  ensure(upto <= held_, "only what is held is known to be chosen");
  chosen_ = std::max(chosen_, upto);
}

void Ledger::write_mark(const SnapshotMeta& meta, bool reset, uint64_t catch_up, Out& out) {
  ensure(!has_snapshot_ || meta.index >= snapshot_.index, "the snapshot's index never falls");
  ensure(reset || meta.index <= chosen_, "a snapshot of the owner's holds only what is chosen");
  const StableSeq seq = out.persist(SnapshotMark{meta, reset});
  marks_.push_back({meta.index, seq, meta.blob});
  accepted_seq_ = seq;
  snapshot_ = meta;
  has_snapshot_ = true;
  if (reset) {
    slots_.drop_upto(meta.index, meta.term);
    chosen_ = std::max(chosen_, meta.index);
    chosen_written_ = std::max(chosen_written_, meta.index);
    held_ = std::max(held_, chosen_);
    advance_held();
  } else if (meta.index.value() > catch_up && meta.index - catch_up > slots_.base()) {
    const Index base = meta.index - catch_up;
    slots_.drop_upto(base, *slots_.term_at(base));
  }
  reaffirm(out);
}

void Ledger::advance_held() {
  for (;; ++held_) {
    const Slots::Slot* next = slots_.find(held_ + 1);
    if (next == nullptr || next->vote.ballot != promised_) break;
  }
  while (held_stable_ < held_) {
    if (held_stable_ >= chosen_) {
      const Slots::Slot* next = slots_.find(held_stable_ + 1);
      if (next == nullptr || next->seq > stable_) break;
    }
    ++held_stable_;
  }
}

void Ledger::on_stable(StableSeq upto) {
  stable_ = std::max(stable_, upto);
  while (marks_.size() > 1 && marks_[1].seq <= stable_) marks_.pop_front();
  while (promises_.size() > 1 && promises_[1] <= stable_) promises_.pop_front();
  while (!replaced_.empty() && replaced_.front().first <= stable_) replaced_.pop_front();
  advance_held();
}

// --- What may be said ------------------------------------------------------------------------------------------------

StableSeq Ledger::after_holding() const {
  if (planted<"R3">()) return {};
  return std::max(promise_seq_, accepted_seq_);
}

StableSeq Ledger::first_needed_behind(Index index) const {
  if (marks_.empty() || marks_.front().seq > stable_ || promises_.empty() || promises_.front() > stable_) return {};
  StableSeq needed = std::min(marks_.front().seq, promises_.front());
  for (const auto& [now, before] : replaced_) needed = std::min(needed, before);
  index = std::min(index, marks_.front().index);
  if (index < slots_.base()) return {};
  return slots_.least_seq_behind(index, needed);
}

bool Ledger::names(BlobId id) const {
  return std::any_of(marks_.begin(), marks_.end(), [&](const Mark& m) { return m.blob == id; });
}

void Ledger::check_invariants() const {
  slots_.check_invariants();
  ensure(held_ >= chosen_ && held_stable_ <= held_, "what is chosen is held");
  ensure(!has_snapshot_ || slots_.base() <= snapshot_.index, "the slots begin at or before the snapshot");
  ensure(!has_snapshot_ || chosen_ >= snapshot_.index, "a snapshot holds only what is chosen");
  constexpr uint64_t kRecent = 64;  // all slots after every step would cost more than it finds
  const Index last = slots_.last();
  Index i = last.value() > kRecent ? std::max(slots_.base(), last - kRecent) : slots_.base();
  for (++i; i <= last; ++i) {
    const Slots::Slot* slot = slots_.find(i);
    ensure(slot != nullptr || i > chosen_, "what is chosen has no holes");
    if (slot == nullptr) continue;
    ensure(slot->vote.entry.index == i, "an entry lies in its slot");
    ensure(slot->vote.ballot <= promised_, "nothing is accepted beyond the promise");
    ensure(slot->vote.entry.term <= slot->vote.ballot.round, "a value is as old as its first ballot");
  }
}

}  // namespace holdfast::paxos
