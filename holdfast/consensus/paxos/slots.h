// The slots of one acceptor in memory: what was accepted in each, with the ballot and the number of the stable record
// that holds it. Slots are accepted in any order; there may be holes.
//
// Invariants:
//  1. Slots at or below the base are gone; they are chosen and in a snapshot.
//  2. The slots behind the last one are empty; the last one is not, unless it is the base.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/consensus/paxos/types.h"

namespace holdfast::paxos {

class Slots {
 public:
  struct Slot {
    Vote vote;
    StableSeq seq;
  };

  Index base() const { return base_; }
  Index first() const { return base_ + 1; }
  Index last() const { return base_ + slots_.size(); }
  // None: nothing was accepted there, or it is gone.
  const Slot* find(Index index) const {
    if (index <= base_ || index > last()) return nullptr;
    const std::optional<Slot>& slot = slots_[index - base_ - 1];
    return slot ? &*slot : nullptr;
  }
  // An entry that must be there.
  const Entry& at(Index index) const {
    const Slot* slot = find(index);
    ensure(slot != nullptr, "an entry is asked for that is in memory");
    return slot->vote.entry;
  }
  // Of an entry in memory, and of the base.
  std::optional<Term> term_at(Index index) const;
  std::vector<Entry> range(Index from, Index to) const;  // both included, all there

  // In place of what is there. `vote.entry.index` is behind the base.
  void put(Vote vote, StableSeq seq);
  // Everything up to `index` goes; the base's term is `term`.
  void drop_upto(Index index, Term term);
  // The least record number of the slots behind `index`; `none` when all are empty.
  StableSeq least_seq_behind(Index index, StableSeq none) const;

  void check_invariants() const;

 private:
  void trim();

  Index base_;
  Term base_term_;
  std::deque<std::optional<Slot>> slots_;
};

}  // namespace holdfast::paxos
