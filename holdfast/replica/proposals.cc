#include "holdfast/replica/proposals.h"

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"

namespace holdfast::replica {

uint64_t Proposals::push(Waiting w) {
  const uint64_t sequence = next();
  queue_.emplace(w.due, sequence);
  waiting_.push_back(std::move(w));
  return sequence;
}

bool Proposals::settle(uint64_t sequence) {
  if (sequence < base_ || sequence >= next()) return false;
  Waiting& w = waiting_[sequence - base_];
  if (w.settled) return false;
  queue_.erase({w.due, sequence});
  w = Waiting{.settled = true};
  while (!waiting_.empty() && waiting_.front().settled) {
    waiting_.pop_front();
    ++base_;
  }
  return true;
}

std::vector<uint64_t> Proposals::sequences() const {
  std::vector<uint64_t> out;
  for (uint64_t s = base_; s < next(); ++s) {
    if (!waiting_[s - base_].settled) out.push_back(s);
  }
  return out;
}

void Proposals::set_due(uint64_t sequence, Time due) {
  Waiting& w = waiting_[sequence - base_];
  queue_.erase({w.due, sequence});
  w.due = due;
  queue_.emplace(due, sequence);
}

std::vector<Proposals::Item> Proposals::take_due(Time now, consensus::Term term, NodeId leader, bool to_self,
                                                 size_t max_bytes) {
  if (term != term_ || leader != leader_) {
    term_ = term;
    leader_ = leader;
    for (uint64_t s : sequences()) set_due(s, Time());
  }
  std::vector<Item> out;
  size_t bytes = 0;
  while (!queue_.empty() && queue_.begin()->first <= now) {
    const auto [due, sequence] = *queue_.begin();
    Waiting& w = waiting_[sequence - base_];
    if (!out.empty() && bytes + w.command.size() > max_bytes) break;
    if (due != Time()) mark<"replica.proposal_sent_again">();
    bytes += w.command.size();
    ++w.offers;
    out.push_back({sequence, w.command, w.membership});
    set_due(sequence, to_self ? Time::never() : now + retry_.pause(w.offers));
  }
  return out;
}

bool Proposals::offered_again(uint64_t sequence) const {
  const bool waits = sequence >= base_ && sequence < next();
  return waits && waiting_[sequence - base_].offers > 1;
}

void Proposals::postpone(uint64_t sequence, Time when) {
  const bool waits = sequence >= base_ && sequence < next() && !waiting_[sequence - base_].settled;
  if (!waits) return;
  --waiting_[sequence - base_].offers;
  set_due(sequence, when);
}

Time Proposals::deadline(consensus::Term term, NodeId leader) const {
  if (queue_.empty() || leader == NodeId{}) return Time::never();
  return term == term_ && leader == leader_ ? queue_.begin()->first : Time();
}

}  // namespace holdfast::replica
