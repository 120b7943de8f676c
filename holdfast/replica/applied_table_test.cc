#include "holdfast/replica/applied_table.h"

#include <gtest/gtest.h>

#include "holdfast/base/random.h"

namespace holdfast::replica {
namespace {

Origin origin(uint64_t node, uint64_t incarnation, uint64_t sequence, uint64_t floor) {
  return {NodeId(node), incarnation, sequence, floor};
}

TEST(AppliedTable, ClaimsEachProposalOnce) {
  AppliedTable t;
  EXPECT_TRUE(t.claim(origin(1, 5, 1, 1)));
  EXPECT_FALSE(t.claim(origin(1, 5, 1, 1)));
  EXPECT_TRUE(t.claim(origin(2, 5, 1, 1))) << "another node's sequence is another proposal";
  EXPECT_TRUE(t.claim(origin(1, 5, 3, 1))) << "order does not matter";
  EXPECT_TRUE(t.claim(origin(1, 5, 2, 1)));
  EXPECT_FALSE(t.claim(origin(1, 5, 3, 1)));
}

TEST(AppliedTable, RefusesWhatItsOriginGaveUp) {
  AppliedTable t;
  EXPECT_TRUE(t.claim(origin(1, 1, 7, 5)));
  EXPECT_FALSE(t.claim(origin(1, 1, 4, 1))) << "4 lies below the floor that 7 brought";
  EXPECT_TRUE(t.claim(origin(1, 1, 5, 1)));
}

TEST(AppliedTable, RefusesEarlierIncarnationsAndStartsAfreshWithLaterOnes) {
  AppliedTable t;
  EXPECT_TRUE(t.claim(origin(1, 2, 9, 9)));
  EXPECT_FALSE(t.claim(origin(1, 1, 10, 9)));
  EXPECT_TRUE(t.claim(origin(1, 3, 1, 1)));
  EXPECT_FALSE(t.claim(origin(1, 2, 11, 11)));
}

// The log may hold a proposal twice, and between the two the removal of its origin.
TEST(AppliedTable, TakesNothingOfABannedNodeEvenFromASnapshot) {
  AppliedTable t;
  EXPECT_TRUE(t.claim(origin(1, 5, 1, 1)));
  EXPECT_TRUE(t.claim(origin(2, 5, 1, 1)));
  t.ban_all_but([](NodeId id) { return id == NodeId(2); });
  const auto back = AppliedTable::from_rows(t.rows());
  ASSERT_TRUE(back.ok()) << back.status();
  for (AppliedTable table : {t, *back}) {
    for (const Origin& o : {origin(1, 5, 1, 1), origin(1, 5, 2, 1), origin(1, 6, 1, 1)}) {
      EXPECT_TRUE(table.contains(o));
      EXPECT_FALSE(table.claim(o));
    }
    EXPECT_FALSE(table.claim(origin(2, 5, 1, 1)));
    EXPECT_TRUE(table.claim(origin(2, 5, 2, 1)));
    EXPECT_TRUE(table.claim(origin(3, 1, 1, 1)));
  }
}

TEST(AppliedTable, ComesBackFromItsRows) {
  AppliedTable t;
  Random r(1);
  for (int i = 0; i < 500; ++i) t.claim(origin(r.below(3) + 1, r.below(2), r.below(50) + 1, r.below(10)));
  const auto back = AppliedTable::from_rows(t.rows());
  ASSERT_TRUE(back.ok()) << back.status();
  for (uint64_t node = 1; node <= 3; ++node) {
    for (uint64_t inc = 0; inc < 3; ++inc) {
      for (uint64_t s = 0; s < 60; ++s) {
        EXPECT_EQ(t.contains(origin(node, inc, s, 0)), back->contains(origin(node, inc, s, 0)));
      }
    }
  }
}

TEST(AppliedTable, RefusesMalformedRows) {
  EXPECT_FALSE(AppliedTable::from_rows({{NodeId(1), 1, 5, {4}}}).ok());
  EXPECT_FALSE(AppliedTable::from_rows({{NodeId(1), 1, 1, {4, 4}}}).ok());
  EXPECT_FALSE(AppliedTable::from_rows({{NodeId(1), 1, 1, {}}, {NodeId(1), 1, 1, {}}}).ok());
}

// The table against a naive one that forgets nothing: whatever is repeated and reordered, each proposal at most once,
// and exactly once unless its origin had given it up.
TEST(AppliedTable, AgreesWithATableThatForgetsNothing) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random r(seed);
    AppliedTable t;
    std::set<uint64_t> applied;
    uint64_t greatest_floor = 0;
    std::vector<Origin> sent;
    uint64_t floor = 1;
    for (uint64_t s = 1; s <= 60; ++s) {
      sent.push_back(origin(1, 1, s, floor));
      if (r.chance(1, 3)) floor = std::max(floor, s - r.below(std::min<uint64_t>(s, 8)));
    }
    for (int i = 0; i < 300; ++i) {
      const Origin& o = sent[r.below(sent.size())];
      const bool naive = applied.count(o.sequence) == 0 && o.sequence >= greatest_floor;
      ASSERT_EQ(t.claim(o), naive);
      if (naive) applied.insert(o.sequence);
      greatest_floor = std::max(greatest_floor, o.floor);
    }
  }
}

}  // namespace
}  // namespace holdfast::replica
