#include "holdfast/consensus/paxos/slots.h"

#include <algorithm>

namespace holdfast::paxos {

std::optional<Term> Slots::term_at(Index index) const {
  if (index == base_) return base_term_;
  const Slot* slot = find(index);
  return slot == nullptr ? std::nullopt : std::optional<Term>(slot->vote.entry.term);
}

std::vector<Entry> Slots::range(Index from, Index to) const {
  std::vector<Entry> out;
  if (from > to) return out;
  out.reserve(to - from + 1);
  for (Index i = from; i <= to; ++i) out.push_back(at(i));
  return out;
}

void Slots::put(Vote vote, StableSeq seq) {
  const Index index = vote.entry.index;
  ensure(index > base_, "what is in a snapshot is not accepted again");
  if (index > last()) slots_.resize(index - base_);
  slots_[index - base_ - 1] = Slot{std::move(vote), seq};
}

void Slots::drop_upto(Index index, Term term) {
  if (index < base_) return;
  const uint64_t gone = std::min<uint64_t>(index - base_, slots_.size());
  slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(gone));
  base_ = index;
  base_term_ = term;
  trim();
}

void Slots::trim() {
  while (!slots_.empty() && !slots_.back()) slots_.pop_back();
}

StableSeq Slots::least_seq_behind(Index index, StableSeq none) const {
  StableSeq least = none;
  const uint64_t begin = index <= base_ ? 0 : std::min<uint64_t>(index - base_, slots_.size());
  for (uint64_t i = begin; i < slots_.size(); ++i) {
    if (slots_[i]) least = std::min(least, slots_[i]->seq);
  }
  return least;
}

void Slots::check_invariants() const { ensure(slots_.empty() || slots_.back(), "the last slot is not empty"); }

}  // namespace holdfast::paxos
