#include "holdfast/consensus/raft/log.h"

namespace holdfast::raft {

std::optional<Term> Log::term_at(Index index) const {
  if (index == base_) return base_term_;
  if (!holds(index)) return std::nullopt;
  return slot(index).entry.term;
}

Index Log::last_at_or_below(Index upper, Term term) const {
  Index low = base_, high = std::min(upper, last());
  // Terms never fall, so the entries at or below `term` are a prefix: find its end.
  while (low < high) {
    const Index middle = high - (high.value() - low.value()) / 2;
    if (known_term(middle) <= term) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

size_t Log::collect(Index from, size_t max_bytes, std::vector<Entry>& out) const {
  if (from > last()) return 0;
  size_t cost = 0, count = 0;
  const size_t begin = from.value() - base_.value() - 1;
  for (size_t i = begin; i < slots_.size(); ++i, ++count) {
    const size_t one = cost_of(slots_[i].entry);
    if (count > 0 && cost + one > max_bytes) break;
    cost += one;
  }
  out.reserve(out.size() + count);
  for (size_t i = begin; i < begin + count; ++i) out.push_back(slots_[i].entry);
  return cost;
}

std::vector<Entry> Log::range(Index from, Index to) const {
  ensure(from > base_ && to <= last(), "a range of entries is in memory");
  std::vector<Entry> out;
  if (from > to) return out;
  out.reserve(to - from + 1);
  for (Index i = from; i <= to; ++i) out.push_back(slot(i).entry);
  return out;
}

void Log::on_stable(StableSeq upto) {
  stable_upto_ = std::max(stable_upto_, upto);
  while (stable_ < last() && slot(stable_ + 1).seq <= stable_upto_) ++stable_;
}

void Log::append(Entry entry, StableSeq seq) {
  ensure(entry.index == last() + 1, "the log is contiguous");
  ensure(entry.term >= last_term(), "terms never fall along the log");
  ensure(slots_.empty() || seq > slots_.back().seq, "record numbers rise along the log");
  slots_.push_back({std::move(entry), seq});
}

void Log::truncate_from(Index index) {
  ensure(holds(index), "only what is in memory is truncated");
  slots_.resize(index.value() - base_.value() - 1);
  stable_ = std::min(stable_, last());
}

void Log::compact(Index index) {
  ensure(index >= base_ && index <= last(), "the log is compacted within itself");
  if (index == base_) return;
  const Slot& end = slot(index);
  const Term term = end.entry.term;
  const StableSeq seq = end.seq;
  slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(index - base_));
  base_ = index;
  base_term_ = term;
  base_seq_ = std::max(base_seq_, seq);
  stable_ = std::max(stable_, base_);
}

void Log::reset(Index index, Term term, StableSeq seq) {
  slots_.clear();
  base_ = index;
  base_term_ = term;
  base_seq_ = seq;
  stable_ = index;
}

void Log::check_invariants() const {
  ensure(stable_ >= base_ && stable_ <= last(), "the stable part is a prefix of the log");
  constexpr size_t kRecent = 64;  // the whole log after every step would cost more than it finds
  const size_t begin = slots_.size() > kRecent ? slots_.size() - kRecent : 0;
  for (size_t i = begin; i < slots_.size(); ++i) {
    ensure(slots_[i].entry.index == base_ + i + 1, "the log is contiguous");
    ensure(slots_[i].entry.term >= (i == 0 ? base_term_ : slots_[i - 1].entry.term), "terms never fall along the log");
    ensure(i == 0 || slots_[i].seq > slots_[i - 1].seq, "record numbers rise along the log");
  }
}

}  // namespace holdfast::raft
