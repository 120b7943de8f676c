// The learner: it knows the decision once a majority of acceptors has accepted in one ballot, or once it is told.
#pragma once

#include <utility>

#include "holdfast/consensus/synod/types.h"

namespace holdfast::synod {

struct LearnerState {
  // Of each acceptor the newest acceptance heard of, sorted by acceptor. Bounded, however many ballots there are; a
  // decision that it lets slip is learned from a repetition, or by asking.
  std::vector<std::pair<NodeId, Vote>> accepts;
  std::optional<Slice> decided;
};

class Learner {
 public:
  explicit Learner(const Config& config) : config_(config) {}

  // True: now, and not before, the decision is known.
  bool on(NodeId from, const Accept& m);
  bool learn(const Slice& value);

  const std::optional<Slice>& decided() const { return state_.decided; }
  const LearnerState& state() const { return state_; }

 private:
  Config config_;
  LearnerState state_;
};

}  // namespace holdfast::synod
