// When failed operations are tried again, and when no more.
#include "holdfast/model/retry.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <type_traits>

namespace holdfast {
namespace {

constexpr Duration ms(int64_t n) { return Duration::millis(n); }
constexpr RetryPolicy kPolicy = RetryPolicy(Repeatable::kIdempotent).growing(ms(100), ms(1500));

// Nobody gets a policy, or retries, without saying why that does no harm.
static_assert(!std::is_default_constructible_v<RetryPolicy>);
static_assert(!std::is_constructible_v<Retry, uint64_t>);
static_assert(!std::is_constructible_v<Retry, Duration, uint64_t>);
static_assert(!std::is_convertible_v<Repeatable, RetryPolicy>, "it is said aloud");
static_assert(kPolicy.pause(3) == ms(400), "a policy is a constant");

std::vector<int64_t> pauses(const RetryPolicy& policy, uint64_t seed, int count) {
  Retry retry(policy, seed);
  std::vector<int64_t> out;
  for (int i = 0; i < count; ++i) out.push_back(retry.next_pause().millis());
  return out;
}

TEST(RetryPauses, DoubleUpToTheMost) {
  EXPECT_EQ(pauses(kPolicy, 1, 7), (std::vector<int64_t>{100, 200, 400, 800, 1500, 1500, 1500}));
  EXPECT_EQ(pauses(kPolicy.every(ms(30)), 1, 3), (std::vector<int64_t>{30, 30, 30}));
  EXPECT_EQ(pauses(kPolicy.growing({}, ms(500)), 1, 3), (std::vector<int64_t>{0, 0, 0}))
      << "nothing doubled is nothing";
  EXPECT_EQ(pauses(kPolicy.growing(ms(500), ms(5)), 1, 2), (std::vector<int64_t>{500, 500}));
  EXPECT_EQ(pauses(kPolicy.growing(ms(-5), ms(-1)), 1, 2), (std::vector<int64_t>{0, 0}));
  for (const uint32_t failures : {0u, 1u, 5u, 64u, 1'000'000u, std::numeric_limits<uint32_t>::max()}) {
    EXPECT_LE(kPolicy.pause(failures), ms(1500));
    const RetryPolicy huge = kPolicy.growing(ms(1), Duration::nanos(std::numeric_limits<int64_t>::max()));
    EXPECT_GT(huge.pause(failures), Duration()) << "no overflow";
  }
}

TEST(RetryPauses, BeginAnewAfterSuccess) {
  Retry retry(kPolicy, 1);
  retry.next_pause(), retry.next_pause();
  EXPECT_EQ(retry.failures(), 2u);
  retry.succeeded();
  EXPECT_EQ(retry.next_pause(), ms(100));
}

TEST(RetryPauses, AreAtLeastWhatTheOtherSideAskedFor) {
  for (const Jitter jitter : {Jitter::kNone, Jitter::kHalf, Jitter::kFull, Jitter::kDecorrelated}) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
      Retry retry(kPolicy.spread(jitter), seed);
      for (int i = 0; i < 20; ++i) EXPECT_GE(retry.next_pause(ms(700)), ms(700));
      EXPECT_GE(*retry.failed(Time(), Duration::seconds(5)), Duration::seconds(5)) << "longer than the most, too";
    }
  }
}

TEST(RetryJitter, StaysWithinItsBoundsAndReachesThem) {
  for (const Jitter jitter : {Jitter::kHalf, Jitter::kFull, Jitter::kDecorrelated}) {
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t seed = 0; seed < 3000; ++seed) {
      const std::vector<int64_t> drawn = pauses(kPolicy.spread(jitter), seed, 3);
      for (const int64_t p : drawn) EXPECT_LE(p, 1500);
      least = std::min(least, drawn[2]), most = std::max(most, drawn[2]);
    }
    // The third pause is 400 before jitter; decorrelated ones lie between the first and 3 * 3 * 3 times it, capped.
    const int64_t low = jitter == Jitter::kHalf ? 200 : jitter == Jitter::kFull ? 0 : 100;
    const int64_t high = jitter == Jitter::kDecorrelated ? 1500 : 400;
    EXPECT_GE(least, low);
    EXPECT_LT(least, low + 20);
    EXPECT_LE(most, high);
    EXPECT_GT(most, high - 40);
  }
}

TEST(RetryJitter, IsDrawnFromTheSeed) {
  const RetryPolicy policy = kPolicy.spread(Jitter::kFull);
  EXPECT_EQ(pauses(policy, 7, 20), pauses(policy, 7, 20));
  std::set<std::vector<int64_t>> different;
  for (uint64_t seed = 0; seed < 100; ++seed) different.insert(pauses(policy, seed, 3));
  EXPECT_GT(different.size(), 95u) << "those who failed together part";
}

TEST(RetryEnds, AfterTheTriesThatWereAllowed) {
  Retry retry(kPolicy.tries(3), 1);
  EXPECT_TRUE(retry.failed(Time()).ok());
  EXPECT_TRUE(retry.failed(Time()).ok());
  EXPECT_EQ(retry.failed(Time()).status(), absl::ResourceExhaustedError("given up after 3 tries"));
}

TEST(RetryEnds, BeforeTheDeadlineAndNeverBehindIt) {
  Retry retry(kPolicy.within(ms(1000)), 1, Time::at_millis(5000));
  EXPECT_EQ(*retry.failed(Time::at_millis(5100)), ms(100));
  EXPECT_EQ(*retry.failed(Time::at_millis(5300)), ms(200));
  EXPECT_EQ(*retry.failed(Time::at_millis(5600)), ms(400)) << "just fits";
  EXPECT_EQ(retry.failed(Time::at_millis(6000)).status().code(), StatusCode::kDeadlineExceeded);
  retry.begin(Time::at_millis(6000));
  EXPECT_TRUE(retry.failed(Time::at_millis(6001)).ok()) << "another operation has its own";
  EXPECT_FALSE(retry.failed(Time::at_millis(99'000)).ok());
}

// Random clocks and failures: what is promised holds.
TEST(RetryEnds, KeepItsPromisesOverRandomRuns) {
  Random random(3);
  for (int round = 0; round < 5000; ++round) {
    const auto jitter = static_cast<Jitter>(random.below(4));
    const Duration first = ms(random.between(0, 50)), most = ms(random.between(0, 400)),
                   within = ms(random.between(1, 2000));
    const auto tries = static_cast<uint32_t>(random.below(10));
    const RetryPolicy policy =
        RetryPolicy(Repeatable::kExactlyOnce).growing(first, most).spread(jitter).tries(tries).within(within);
    const Time begin = Time::at_millis(random.between(0, 1000));
    Time now = begin;
    Retry retry(policy, random.next(), begin);
    uint32_t done = 1;
    for (int i = 0; i < 200; ++i) {
      now = now + ms(random.between(0, 30));
      const StatusOr<Duration> pause = retry.failed(now);
      if (!pause.ok()) break;
      ASSERT_GE(*pause, Duration());
      ASSERT_LE(*pause, std::max(first, most));
      now = now + *pause;
      ASSERT_LE(now, begin + within);
      ++done;
      ASSERT_TRUE(tries == 0 || done <= tries);
    }
  }
}

TEST(RetryBudgets, KeepRepetitionsAPartOfTheOperations) {
  // Everything fails, everybody retries without end: the load grows by a tenth and not by a multiple.
  RetryBudget budget(100, 10);
  uint64_t operations = 0, repetitions = 0;
  for (; operations < 10'000; ++operations) {
    budget.operation();
    Retry retry(kPolicy, operations);
    while (retry.failed(Time(), {}, &budget).ok()) ASSERT_LE(++repetitions, 10 + (operations + 1) / 10);
  }
  EXPECT_GE(repetitions, operations / 10) << "and they may be used";
}

TEST(RetryBudgets, HoldNoMoreThanTheirReserve) {
  RetryBudget budget(1000, 2);
  for (int i = 0; i < 100; ++i) budget.operation();
  EXPECT_TRUE(budget.take());
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take()) << "quiet times do not save up for a storm";
  RetryBudget none(0, 0);
  none.operation();
  EXPECT_EQ(Retry(kPolicy, 1).failed(Time(), {}, &none).status().code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace holdfast
