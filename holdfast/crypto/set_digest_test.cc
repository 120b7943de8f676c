// The digest of a set: of its elements alone, however they came and went.
#include "holdfast/crypto/set_digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "holdfast/base/random.h"

namespace holdfast::crypto {
namespace {

Digest element(uint64_t n) { return digest("element " + std::to_string(n)); }

SetDigest of(const std::vector<uint64_t>& numbers) {
  SetDigest s;
  for (const uint64_t n : numbers) s.add(element(n));
  return s;
}

// Vectors of our own: whoever changes one of these changes what members of different versions agree upon.
TEST(SetDigest, KnownAnswers) {
  EXPECT_EQ(to_hex(SetDigest().digest().view()), "b28df35494d9dc01ba1857775b8ac90f9be1443c48d488ae2f4fb9bd7dfdfc72");
  EXPECT_EQ(to_hex(of({1}).digest().view()), "96af959591d409eca968ab7473a16ff02a48aaf5d69131e213b669c2778d7231");
  EXPECT_EQ(to_hex(of({1, 2, 3}).digest().view()), "113bf2afbe92a08c346261be67cb735c396ff862e615d314b94faa547b4e6d9f");
}

TEST(SetDigest, TheOrderDoesNotMatter) {
  std::vector<uint64_t> numbers{1, 2, 3, 4, 5};
  const Digest expected = of(numbers).digest();
  int orders = 0;
  do {
    ASSERT_EQ(of(numbers).digest(), expected);
    ++orders;
  } while (std::next_permutation(numbers.begin(), numbers.end()));
  EXPECT_EQ(orders, 120);
}

TEST(SetDigest, WhatWentAgainLeavesNothing) {
  SetDigest s = of({1, 2, 3});
  s.remove(element(2));
  EXPECT_EQ(s, of({3, 1}));
  s.remove(element(1));
  s.remove(element(3));
  EXPECT_EQ(s, SetDigest());
}

TEST(SetDigest, RemovingWhatWasNotThereGivesTheDigestOfNoSetThatIsNear) {
  SetDigest s = of({1});
  s.remove(element(2));
  for (uint64_t n = 0; n < 100; ++n) {
    EXPECT_NE(s, of({n}));
    EXPECT_NE(s, of({1, n}));
  }
}

// All subsets of ten elements: 1024 sets, 1024 digests.
TEST(SetDigest, DifferentSetsHaveDifferentDigests) {
  std::set<Digest> seen;
  for (uint64_t bits = 0; bits < 1024; ++bits) {
    SetDigest s;
    for (uint64_t n = 0; n < 10; ++n) {
      if ((bits >> n & 1) != 0) s.add(element(n));
    }
    EXPECT_TRUE(seen.insert(s.digest()).second) << bits;
  }
}

TEST(SetDigest, FollowsASetThroughRandomChanges) {
  Random random(7);
  SetDigest kept;
  std::set<uint64_t> there;
  for (int i = 0; i < 2000; ++i) {
    const uint64_t n = random.below(40);
    if (there.erase(n) == 1) {
      kept.remove(element(n));
    } else {
      there.insert(n);
      kept.add(element(n));
    }
    if (i % 50 == 0) {
      ASSERT_EQ(kept.digest(), of({there.begin(), there.end()}).digest());
    }
  }
}

}  // namespace
}  // namespace holdfast::crypto
