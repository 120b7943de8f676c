#include "holdfast/consensus/raft/progress.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::raft {

bool Progress::may_send(const Config& config) const {
  switch (pace_) {
    case Pace::kProbe:
      return !probing_;
    case Pace::kReplicate:
      return inflight_.size() < config.max_inflight_messages &&
             (inflight_.empty() || inflight_bytes_ < config.max_inflight_bytes);
    case Pace::kSnapshot:
      return false;
  }
  return false;
}

void Progress::sent(Index last, size_t bytes, Time now) {
  if (pace_ == Pace::kProbe) {
    probing_ = true;
    probed_ = now;
    return;
  }
  ensure(pace_ == Pace::kReplicate, "appends are sent while probing or replicating");
  if (last < next_) return;
  next_ = last + 1;
  if (inflight_.empty()) moved_ = now;
  inflight_.push_back({last, bytes});
  inflight_bytes_ += bytes;
}

void Progress::probe_from(Index next) {
  pace_ = Pace::kProbe;
  next_ = next;
  probing_ = false;
  inflight_.clear();
  inflight_bytes_ = 0;
}

bool Progress::accepted(Index match, Time now) {
  if (planted<"R14">() && match < match_) match_ = match;
  const bool forgetful = next_ <= match_;
  if (match < match_ && !forgetful) return false;
  const bool news = match > match_;
  match_ = std::max(match_, match);
  if (news) moved_ = now;
  while (!inflight_.empty() && inflight_.front().last <= match) {
    inflight_bytes_ -= inflight_.front().bytes;
    inflight_.pop_front();
  }
  if (pace_ == Pace::kSnapshot) return news;
  next_ = std::max(next_, match + 1);
  if (pace_ == Pace::kProbe) {
    // Whatever is between was never sent in this pace.
    next_ = match + 1;
    pace_ = Pace::kReplicate;
    probing_ = false;
  }
  return news;
}

bool Progress::rejected(Index prev, Index hint) {
  if (pace_ == Pace::kSnapshot) return false;
  if (pace_ == Pace::kReplicate) {
    if (prev < match_) return false;  // a late reply: the follower has come further since
    if (prev == match_ && prev != Index{}) {
      // It does not hold what it acknowledged: its disk was lost or put back. It gets everything again, and `match`
      // stays, for what it said was true when it said it.
      mark<"raft.follower_forgot">();
      probe_from(std::min(hint, match_) + 1);
      return true;
    }
    probe_from(std::max(match_, std::min(hint, prev - 1)) + 1);
    return true;
  }
  if (prev + 1 != next_) return false;
  const bool forgetful = prev <= match_ && prev != Index{};
  if (prev == Index{}) return false;  // everyone's log matches at its beginning
  const Index matching = std::min(hint, prev - 1);
  if (forgetful) mark<"raft.follower_forgot">();
  probe_from((forgetful ? matching : std::max(match_, matching)) + 1);
  return true;
}

bool Progress::probe_again(Time now, Duration after) {
  if (pace_ != Pace::kProbe || !probing_ || now < probed_ + after) return false;
  probing_ = false;
  return true;
}

bool Progress::poke(Time now, Duration after) {
  if (pace_ != Pace::kReplicate || inflight_.empty() || now < moved_ + after) return false;
  moved_ = now;
  return true;
}

void Progress::begin_snapshot(SnapshotSending sending) {
  probe_from(next_);
  pace_ = Pace::kSnapshot;
  snapshot_ = std::move(sending);
}

void Progress::end_snapshot() {
  snapshot_.reset();
  probe_from(match_ + 1);
}

void Progress::check_invariants(Index last) const {
  ensure(match_ <= last, "no follower matches beyond the leader's log");
  ensure(next_ <= last + 1, "nothing is sent that the log does not hold");
  ensure((pace_ == Pace::kSnapshot) == snapshot_.has_value(), "a snapshot is sent in the snapshot pace only");
  ensure(pace_ == Pace::kReplicate || inflight_.empty(), "appends are pipelined only while replicating");
}

}  // namespace holdfast::raft
