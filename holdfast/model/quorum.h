// Quorums: which sets of members may decide (Lamport, "The Part-Time Parliament"; Ongaro's dissertation, section 4.3).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "holdfast/model/types.h"

namespace holdfast {

enum class VoteResult { kPending, kWon, kLost };
constexpr VoteResult last_value(VoteResult) { return VoteResult::kLost; }

// How many members make a majority of n.
constexpr size_t majority_of(size_t n) { return n / 2 + 1; }

// The outcome of a vote among `members`; `vote(NodeId)` yields optional<bool>. No members: won.
template <class Vote>
VoteResult majority_vote(const std::vector<NodeId>& members, Vote&& vote) {
  if (members.empty()) return VoteResult::kWon;
  size_t yes = 0, no = 0;
  for (NodeId m : members) {
    const auto v = vote(m);
    if (v.has_value()) (*v ? yes : no) += 1;
  }
  const size_t need = majority_of(members.size());
  if (yes >= need) return VoteResult::kWon;
  if (members.size() - no < need) return VoteResult::kLost;
  return VoteResult::kPending;
}

// The greatest value that a majority of `members` has reached; `value(NodeId)` yields each one's. `none` without members.
template <class T, class ValueOf>
T majority_value(const std::vector<NodeId>& members, T none, ValueOf&& value) {
  if (members.empty()) return none;
  std::vector<T> values;
  values.reserve(members.size());
  for (NodeId m : members) values.push_back(value(m));
  const size_t k = values.size() - majority_of(values.size());
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k), values.end());
  return values[k];
}

}  // namespace holdfast
