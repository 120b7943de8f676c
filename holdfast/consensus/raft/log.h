// The replicated log as one member has it in memory: a contiguous run of entries behind a base, each with the number of
// the stable record that holds it.
//
// Invariants:
//  1. Entries are contiguous; terms never fall along the log.
//  2. Record numbers rise along the log, so what is stable is a prefix.
//  3. The term of the base is known; entries at or below the base are committed.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/consensus/raft/types.h"

namespace holdfast::raft {

class Log {
 public:
  Index base() const { return base_; }
  Index first() const { return base_ + 1; }
  Index last() const { return base_ + slots_.size(); }
  Term base_term() const { return base_term_; }
  Term last_term() const { return slots_.empty() ? base_term_ : slots_.back().entry.term; }
  bool holds(Index index) const { return index > base_ && index <= last(); }

  // None outside [base, last].
  std::optional<Term> term_at(Index index) const;
  // `index` in [base, last].
  Term known_term(Index index) const {
    ensure(index >= base_ && index <= last(), "a term is asked for that is in memory");
    return index == base_ ? base_term_ : slot(index).entry.term;
  }
  bool matches(Index index, Term term) const { return term_at(index) == term; }
  // `index` in (base, last].
  const Entry& at(Index index) const { return slot(index).entry; }
  // The record that must be stable for this member to hold everything up to `index`, which is at most last().
  StableSeq seq_of(Index index) const { return index <= base_ ? base_seq_ : slot(index).seq; }
  // The greatest index in [base, upper] whose term is at most `term`; the base when there is none.
  Index last_at_or_below(Index upper, Term term) const;

  // Appends entries from `from` on to `out`, until their cost passes `max_bytes` (but one at least). Returns the cost.
  size_t collect(Index from, size_t max_bytes, std::vector<Entry>& out) const;
  std::vector<Entry> range(Index from, Index to) const;  // both included

  // How far this member holds the log on stable storage.
  Index stable() const { return stable_; }
  void on_stable(StableSeq upto);

  void append(Entry entry, StableSeq seq);
  void truncate_from(Index index);
  // Forgets entries up to `index`, which lies in [base, last].
  void compact(Index index);
  // The log is empty behind `index`.
  void reset(Index index, Term term, StableSeq seq);

  // Recovery learns the base's term after its entries.
  void set_base_term(Term term) { base_term_ = term; }

  void check_invariants() const;

 private:
  struct Slot {
    Entry entry;
    StableSeq seq;
  };
  const Slot& slot(Index index) const {
    ensure(holds(index), "an entry is asked for that is in memory");
    return slots_[index.value() - base_.value() - 1];
  }

  Index base_;
  Term base_term_;
  StableSeq base_seq_;
  std::deque<Slot> slots_;
  Index stable_;
  StableSeq stable_upto_;
};

}  // namespace holdfast::raft
