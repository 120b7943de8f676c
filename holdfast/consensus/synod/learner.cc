#include "holdfast/consensus/synod/learner.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/model/quorum.h"

namespace holdfast::synod {

bool Learner::on(NodeId from, const Accept& m) {
  if (state_.decided) return false;
  auto& accepts = state_.accepts;
  const auto at =
      std::lower_bound(accepts.begin(), accepts.end(), from, [](const auto& a, NodeId node) { return a.first < node; });
  const bool known = at != accepts.end() && at->first == from;
  if (known && at->second.ballot > m.ballot) return false;
  // SYNOD-TWICE: a repeated acceptance counts as another's.
  if (!known || planted<"SYNOD-TWICE">()) {
    accepts.insert(at, {from, Vote{m.ballot, m.value}});
  } else {
    at->second = Vote{m.ballot, m.value};
  }
  const auto same =
      std::count_if(accepts.begin(), accepts.end(), [&](const auto& a) { return a.second.ballot == m.ballot; });
  if (static_cast<size_t>(same) < majority_of(config_.acceptors.size())) return false;
  return learn(m.value);
}

bool Learner::learn(const Slice& value) {
  if (state_.decided) return false;
  state_.decided = value;
  state_.accepts.clear();
  return true;
}

}  // namespace holdfast::synod
