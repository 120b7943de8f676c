// Decision tables over all inputs: every membership of up to seven, every way to vote, against counting by the book.
#include "holdfast/model/quorum.h"

#include <gtest/gtest.h>

#include <optional>

namespace holdfast {
namespace {

std::vector<NodeId> members(size_t n) {
  std::vector<NodeId> out;
  for (size_t i = 1; i <= n; ++i) out.push_back(NodeId(i));
  return out;
}

TEST(Quorum, AMajorityIsMoreThanHalfAndAnyTwoMeet) {
  for (size_t n = 1; n <= 100; ++n) {
    EXPECT_GT(2 * majority_of(n), n);
    EXPECT_LE(2 * (majority_of(n) - 1), n);
  }
}

TEST(Quorum, EveryVoteOfUpToSevenMembers) {
  EXPECT_EQ(majority_vote({}, [](NodeId) { return std::optional<bool>(false); }), VoteResult::kWon);
  size_t seen[3] = {};
  for (size_t n = 1; n <= 7; ++n) {
    size_t ways = 1;
    for (size_t i = 0; i < n; ++i) ways *= 3;
    for (size_t way = 0; way < ways; ++way) {
      const auto vote = [&](NodeId id) -> std::optional<bool> {
        size_t w = way;
        for (uint64_t i = 1; i < id.value(); ++i) w /= 3;
        return w % 3 == 0 ? std::nullopt : std::optional<bool>(w % 3 == 1);
      };
      // By the book: won when the missing votes cannot change it, lost when they cannot help.
      size_t yes = 0, missing = 0;
      for (const NodeId m : members(n)) {
        yes += vote(m) == std::optional<bool>(true) ? 1 : 0;
        missing += vote(m).has_value() ? 0 : 1;
      }
      const VoteResult expected = 2 * yes > n               ? VoteResult::kWon
                                  : 2 * (yes + missing) > n ? VoteResult::kPending
                                                            : VoteResult::kLost;
      const VoteResult result = majority_vote(members(n), vote);
      ASSERT_EQ(result, expected) << n << " members, way " << way;
      ++seen[static_cast<size_t>(result)];
    }
  }
  for (const size_t s : seen) EXPECT_GT(s, 100u);
}

TEST(Quorum, TheValueThatAMajorityHasReached) {
  EXPECT_EQ(majority_value<uint64_t>({}, 99, [](NodeId) { return uint64_t{1}; }), 99u);
  for (size_t n = 1; n <= 6; ++n) {
    size_t ways = 1;
    for (size_t i = 0; i < n; ++i) ways *= 4;
    for (size_t way = 0; way < ways; ++way) {
      const auto value = [&](NodeId id) {
        size_t w = way;
        for (uint64_t i = 1; i < id.value(); ++i) w /= 4;
        return static_cast<uint64_t>(w % 4);
      };
      uint64_t expected = 0;
      for (uint64_t v = 0; v < 4; ++v) {
        size_t reached = 0;
        for (const NodeId m : members(n)) reached += value(m) >= v ? 1 : 0;
        if (2 * reached > n) expected = v;
      }
      ASSERT_EQ(majority_value<uint64_t>(members(n), 0, value), expected) << n << " members, way " << way;
    }
  }
}

}  // namespace
}  // namespace holdfast
