#include "holdfast/base/slice.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "holdfast/base/random.h"

namespace holdfast {
namespace {

TEST(Slice, EmptyOnesAreEqualAndOwnNothing) {
  EXPECT_EQ(Slice(), Slice::copy_of(""));
  EXPECT_EQ(Slice(), Slice::take(""));
  EXPECT_TRUE(Slice().empty());
  EXPECT_EQ(Slice().view(), "");
  EXPECT_EQ(Slice().sub(0), Slice());
}

TEST(Slice, OutlivesTheSliceItIsAPartOf) {
  Slice part;
  {
    const Slice whole = Slice::take(std::string(1000, 'a') + "tail");
    part = whole.sub(1000);
  }
  EXPECT_EQ(part.view(), "tail");
  part = part.sub(1, 2);
  EXPECT_EQ(part.view(), "ai");
}

TEST(Slice, CopiesOneByteStringNotMany) {
  const Slice a = Slice::copy_of("payload");
  const Slice b = a;            // NOLINT: the copy is the subject
  const Slice c = b.sub(3, 2);  // the same bytes
  EXPECT_EQ(a.data(), b.data());
  EXPECT_EQ(c.data(), a.data() + 3);
  static constexpr char kText[] = "static";
  EXPECT_EQ(Slice::unowned(kText).data(), kText);
}

TEST(Slice, MovedFromIsEmptyAndSelfAssignmentKeeps) {
  Slice a = Slice::copy_of("x");
  Slice b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT: that is the promise
  Slice& alias = b;
  b = alias;
  EXPECT_EQ(b.view(), "x");
}

TEST(Slice, OrdersAsUnsignedBytes) {
  EXPECT_LT(Slice::copy_of("a"), Slice::copy_of("b"));
  EXPECT_LT(Slice::copy_of("a"), Slice::copy_of("aa"));
  EXPECT_LT(Slice::copy_of("a"), Slice::copy_of("\xff"));
}

TEST(SliceDeathTest, APartLiesInside) {
  const Slice s = Slice::copy_of("abc");
  EXPECT_EQ(s.sub(3), Slice());
  EXPECT_DEATH(s.sub(4), "starts inside");
  EXPECT_DEATH(s.sub(1, 3), "ends inside");
}

TEST(Slice, MayBeSharedBetweenThreads) {
  const Slice shared = Slice::take(std::string(100, 'z'));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([mine = shared] {
      for (int i = 0; i < 10'000; ++i) {
        const Slice copy = mine.sub(static_cast<size_t>(i % 100));
        ASSERT_EQ(copy.view()[0], 'z');
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(shared.size(), 100u);
}

TEST(Chain, IsTheConcatenationOfItsParts) {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    Chain chain;
    std::string expected;
    for (uint64_t n = random.below(6); n > 0; --n) {
      const std::string part(random.below(5), static_cast<char>('a' + random.below(26)));
      expected += part;
      chain.push(Slice::copy_of(part));
    }
    Chain twice;
    twice.push(chain);
    twice.push(chain);
    ASSERT_EQ(chain.size(), expected.size());
    ASSERT_EQ(chain.empty(), expected.empty());
    ASSERT_EQ(chain.flatten().view(), expected);
    ASSERT_EQ(twice.flatten().view(), expected + expected);
    for (const Slice& part : chain.parts()) ASSERT_FALSE(part.empty());
  }
}

TEST(Chain, FlatteningOnePartCopiesNothing) {
  const Slice s = Slice::copy_of("only");
  EXPECT_EQ(Chain(s).flatten().data(), s.data());
}

}  // namespace
}  // namespace holdfast
