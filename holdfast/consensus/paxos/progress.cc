#include "holdfast/consensus/paxos/progress.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::paxos {

bool Progress::holds(Index slot) const {
  if (slot <= match_) return true;
  return std::any_of(beyond_.begin(), beyond_.end(),
                     [&](const auto& r) { return r.first <= slot && slot <= r.second; });
}

bool Progress::holds_all(Index first, Index last) const {
  if (last <= match_) return true;
  first = std::max(first, match_ + 1);
  return std::any_of(beyond_.begin(), beyond_.end(),
                     [&](const auto& r) { return r.first <= first && last <= r.second; });
}

bool Progress::may_send(const Config& config) const {
  return pace_ == Pace::kSend && inflight_.size() < config.max_inflight_messages &&
         (inflight_.empty() || inflight_bytes_ < config.max_inflight_bytes);
}

Index Progress::skip_held(Index last) {
  for (const auto& [from, to] : beyond_) {
    if (from <= next_ && next_ <= to) next_ = to + 1;
    if (from > next_) return std::min(last, from - 1);
  }
  return last;
}

void Progress::sent(Index last, size_t bytes, Time now) {
  ensure(pace_ == Pace::kSend && last >= next_, "values are sent in order");
  inflight_.push_back({next_, last, bytes, now});
  inflight_bytes_ += bytes;
  next_ = last + 1;
}

bool Progress::accepted(Index first, Index last, Index held, Time) {
  if (planted<"R14">() && held < match_) match_ = held;
  const Index match_before = match_;
  const size_t runs_before = beyond_.size();
  match_ = std::max(match_, held);
  if (first > match_ + 1 && first <= last && !holds(first)) {
    beyond_.emplace_back(first, last);
    std::sort(beyond_.begin(), beyond_.end());
  } else if (first <= match_ + 1) {
    match_ = std::max(match_, last);
  }
  while (!beyond_.empty() && beyond_.front().first <= match_ + 1) {
    match_ = std::max(match_, beyond_.front().second);
    beyond_.erase(beyond_.begin());
  }
  std::erase_if(inflight_, [&](const Inflight& f) {
    if (!holds_all(f.first, f.last)) return false;
    inflight_bytes_ -= f.bytes;
    return true;
  });
  if (pace_ == Pace::kAsk) {
    pace_ = Pace::kSend;
    next_ = match_ + 1;
  }
  // What it has lost (stands_at) is below match_, and is sent again until it says that it has it.
  if (pace_ == Pace::kSend) next_ = std::max(next_, (match_ > match_before ? match_ : held) + 1);
  return match_ > match_before || beyond_.size() != runs_before;
}

bool Progress::stands_at(Index held, Time now, Duration patience) {
  if (pace_ == Pace::kSnapshot) return false;
  if (pace_ == Pace::kSend && held < match_ && inflight_.empty()) {
    // It does not hold what it acknowledged: its disk was lost or put back. It gets everything again, and `match`
    // stays, for what it said was true when it said it.
    mark<"paxos.follower_forgot">();
    beyond_.clear();
    send_again_from(held + 1);
    return true;
  }
  if (!inflight_.empty() && inflight_.front().sent + patience <= now) {
    mark<"paxos.sent_again">();
    send_again_from(std::min(inflight_.front().first, held + 1));
    return true;
  }
  return false;
}

void Progress::send_again_from(Index next) {
  next_ = next;
  inflight_.clear();
  inflight_bytes_ = 0;
}

void Progress::begin_snapshot(consensus::SnapshotSending sending) {
  send_again_from(next_);
  pace_ = Pace::kSnapshot;
  snapshot_ = std::move(sending);
}

void Progress::end_snapshot() {
  snapshot_.reset();
  pace_ = Pace::kSend;
  send_again_from(match_ + 1);
}

void Progress::check_invariants(Index last) const {
  ensure(match_ <= last, "no follower holds more than the leader has proposed");
  ensure(next_ <= last + 1, "nothing is sent that was not proposed");
  ensure((pace_ == Pace::kSnapshot) == snapshot_.has_value(), "a snapshot is sent in the snapshot pace only");
  ensure(pace_ == Pace::kSend || inflight_.empty(), "values are sent ahead only when it is known where to");
}

}  // namespace holdfast::paxos
