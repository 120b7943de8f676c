// For tests: messages that are on their way for a while.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {

// What `which` picks arrives `ms` later than it was sent, and everything else at once.
class Late {
 public:
  using Which = std::function<bool(NodeId from, NodeId to, const Message&)>;
  Late(Quiet& q, int64_t ms, Which which) : q_(q) {
    q.drops = [this, ms, which = std::move(which)](NodeId from, NodeId to, const Message& m) {
      if (arriving_ || !which(from, to, m)) return false;
      held_.push_back({q_.now + Duration::millis(ms),
                       {from, to, Envelope(m).seal(kQuietCluster, from, to, q_.authority(to).key(), q_.authority(from))}});
      return true;
    };
  }
  void pass(int64_t ms) {
    q_.pass(ms);
    while (!held_.empty() && held_.front().first <= q_.now) {
      const Quiet::Wire wire = std::move(held_.front().second);
      held_.pop_front();
      arriving_ = true;
      q_.arrive(wire);
      arriving_ = false;
    }
  }

 private:
  Quiet& q_;
  std::deque<std::pair<Time, Quiet::Wire>> held_;
  bool arriving_ = false;
};

}  // namespace holdfast::pbft
