#include "holdfast/base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace holdfast {
namespace {

TEST(Random, TheSameSeedDrawsTheSameOnEveryPlatform) {
  // The first outputs of xoshiro256** over splitmix64, as published.
  EXPECT_EQ(Random(0).next(), 11091344671253066420ull);
  Random r(1), again(1);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(r.next());
    ASSERT_TRUE(seen.contains(again.next()));
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_NE(Random(1).next(), Random(2).next());
}

TEST(Random, BoundsHoldAndEveryValueComes) {
  Random r(2);
  std::array<int, 7> below{};
  for (int i = 0; i < 7000; ++i) ++below.at(r.below(7));
  for (const int n : below) EXPECT_NEAR(n, 1000, 200);
  std::set<int64_t> between;
  for (int i = 0; i < 1000; ++i) between.insert(r.between(-2, 2));
  EXPECT_EQ(between, (std::set<int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(r.between(5, 5), 5);
  EXPECT_EQ(r.below(1), 0u);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) hits += r.chance(1, 4) ? 1 : 0;
  EXPECT_NEAR(hits, 2500, 250);
  EXPECT_FALSE(r.chance(0, 5));
  EXPECT_TRUE(r.chance(5, 5));
}

TEST(Random, AForkDoesNotDisturbItsParent) {
  Random a(3), b(3);
  Random child = a.fork();
  b.fork();
  for (int i = 0; i < 100; ++i) child.next();
  EXPECT_EQ(a.next(), b.next());
}

TEST(RandomDeathTest, EmptyRangesAreBugs) {
  Random r(4);
  EXPECT_DEATH(r.below(0), "positive");
  EXPECT_DEATH(r.between(2, 1), "not empty");
}

}  // namespace
}  // namespace holdfast
