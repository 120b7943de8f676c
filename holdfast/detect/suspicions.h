// The members under suspicion, and how long each may take to refute (SWIM section 4.2; Lifeguard section IV-B).
//
// A suspicion that only this process has is held for long; each independent one by another member shortens it:
//   timeout = max(min, max - (max - min) * log(c + 1) / log(k + 1))    with c confirmations of the k that are awaited.
// A process that is cut off or slow hears no confirmations, so its false suspicions live long enough to be refuted.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/detect/swim_types.h"

namespace holdfast::detect {

class Suspicions {
 public:
  explicit Suspicions(const SwimConfig& config) : config_(config) {}

  // `by` suspects `node`, in a group of `n` members. Replaces an earlier suspicion.
  void start(Time t, NodeId node, NodeId by, size_t n);
  // Another member suspects it too. True when that is news that others should hear: one of the first k.
  bool confirm(NodeId node, NodeId by);
  void stop(NodeId node);
  // Takes one whose time is over; false when there is none.
  bool take_expired(Time t, NodeId& node);

  Time earliest() const { return due_.empty() ? Time::never() : due_.begin()->first; }
  bool has(NodeId node) const { return open_.count(node) > 0; }
  size_t size() const { return open_.size(); }
  // How long a suspicion lasts in a group of n after c of k confirmations; pure, for tests and docs.
  Duration timeout(size_t n, size_t c, size_t k) const;

 private:
  struct Open {
    Time began;
    size_t n = 0;            // of the group when it began
    size_t awaited = 0;      // k
    std::vector<NodeId> by;  // the first is who began; at most k + 1
    Time due;
  };
  const SwimConfig& config_;
  std::map<NodeId, Open> open_;
  std::set<std::pair<Time, NodeId>> due_;
};

}  // namespace holdfast::detect
