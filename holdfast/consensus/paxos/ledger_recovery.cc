// How a ledger comes back from its records.
//
// The stream may begin anywhere before the first record that is needed. A slot counts as it was accepted last; a mark
// or a Chosen says that what is there at its place in the stream is chosen, and nothing is accepted there any more.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/membership.h"
#include "holdfast/consensus/paxos/ledger.h"

namespace holdfast::paxos {

void Ledger::replay(StableSeq seq, const Record& record) {
  stable_ = seq;
  std::visit([&](const auto& r) { replay_record(seq, r); }, record);
}

void Ledger::damaged(std::string what) {
  if (damage_.empty()) damage_ = std::move(what);
}

void Ledger::replay_record(StableSeq seq, const Promised& promised) {
  if (promised.ballot < promised_) return damaged(absl::StrCat("the promise falls at record ", seq.value()));
  promised_ = promised.ballot;
  promise_seq_ = seq;
  promises_ = {seq};
}

void Ledger::replay_record(StableSeq seq, const Accepted& accepted) {
  const Entry& entry = accepted.entry;
  if (!entry.index || entry.index > kMaxIndex) {
    return damaged(absl::StrCat("record ", seq.value(), " holds an entry without a slot"));
  }
  if (entry.kind == EntryKind::kMembership && !membership_in(entry)) {
    return damaged(absl::StrCat("entry ", entry.index.value(), " holds no membership that can be"));
  }
  if (has_snapshot_ && entry.index <= snapshot_.index) {
    return damaged(absl::StrCat("record ", seq.value(), " holds entry ", entry.index.value(),
                                ", which the snapshot before it covers"));
  }
  replayed_[entry.index] = {Vote{accepted.ballot, entry}, seq};
  accepted_seq_ = seq;
}

void Ledger::replay_record(StableSeq, const Chosen& chosen) {
  chosen_ = std::max(chosen_, chosen.upto);
  chosen_written_ = chosen_;
}

void Ledger::replay_record(StableSeq seq, const SnapshotMark& mark) {
  const SnapshotMeta& meta = mark.meta;
  if (!well_formed(meta.membership) || (has_snapshot_ && meta.index < snapshot_.index)) {
    return damaged(absl::StrCat("the snapshot mark of record ", seq.value(), " cannot be right"));
  }
  snapshot_ = meta;
  has_snapshot_ = true;
  marks_ = {{meta.index, seq, meta.blob}};
  accepted_seq_ = seq;
  chosen_ = std::max(chosen_, meta.index);
  if (mark.reset) replayed_.erase(replayed_.begin(), replayed_.upper_bound(meta.index));
}

Status Ledger::recovered() const {
  const auto lost = [](auto... what) {
    return absl::DataLossError(absl::StrCat("the records of consensus are damaged: ", what...));
  };
  if (!damage_.empty()) return lost(damage_);
  for (auto it = replayed_.upper_bound(snapshot_.index); it != replayed_.end(); ++it) {
    if (it->second.vote.ballot > promised_)
      return lost("entry ", it->first.value(), " was accepted beyond the promise");
  }
  for (Index i = snapshot_.index + 1; i <= chosen_; ++i) {
    if (!replayed_.contains(i) && !planted<"R17">()) return lost("entry ", i.value(), ", which was chosen, is missing");
  }
  return absl::OkStatus();
}

void Ledger::finish_recovery() {
  // Slots before the snapshot serve followers that are a little late, where they are there without a gap; of the first
  // of them only the term is kept, as the base's.
  Index begin = snapshot_.index + 1;
  while (replayed_.contains(begin - 1)) --begin;
  if (begin <= snapshot_.index) {
    mark<"paxos.slots_before_the_snapshot">();
    slots_.drop_upto(begin, replayed_.at(begin).vote.entry.term);
  } else {
    slots_.drop_upto(snapshot_.index, snapshot_.term);
  }
  for (auto it = replayed_.upper_bound(slots_.base()); it != replayed_.end(); ++it) {
    slots_.put(std::move(it->second.vote), it->second.seq);
  }
  replayed_.clear();
  held_ = held_stable_ = chosen_;
  advance_held();
}

std::vector<consensus::FoundSnapshot> Ledger::survey(const std::vector<std::pair<StableSeq, const Record*>>& records) {
  std::vector<consensus::FoundSnapshot> found;
  std::map<Index, StableSeq> slots;
  for (const auto& [seq, record] : records) {
    if (const auto* a = std::get_if<Accepted>(record)) {
      slots[a->entry.index] = seq;
    } else if (const auto* m = std::get_if<SnapshotMark>(record)) {
      const Index index = m->meta.index;
      if (m->reset) {
        slots.erase(slots.begin(), slots.upper_bound(index));
        found.clear();
      }
      if (!found.empty() && found.back().meta.index >= index) continue;
      consensus::FoundSnapshot one{.meta = m->meta, .reset = m->reset, .log_begins = index + 1, .first_needed = seq};
      while (slots.contains(one.log_begins - 1)) --one.log_begins;
      for (auto it = slots.upper_bound(index); it != slots.end(); ++it) {
        one.first_needed = std::min(one.first_needed, it->second);
      }
      found.push_back(std::move(one));
    }
  }
  return found;
}

}  // namespace holdfast::paxos
