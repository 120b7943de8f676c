#include "holdfast/replica/proposals.h"

#include <gtest/gtest.h>

#include "holdfast/base/random.h"

namespace holdfast::replica {
namespace {

constexpr Duration kRetry = Duration::millis(300);
const NodeId kLeader(7);
const NodeId kOther(8);

Time ms(int64_t n) { return Time::at_millis(n); }

std::vector<uint64_t> take(Proposals& p, int64_t at, uint64_t term = 1, NodeId leader = kLeader, bool self = false,
                           size_t max = 1 << 20) {
  std::vector<uint64_t> out;
  for (const auto& item : p.take_due(ms(at), consensus::Term(term), leader, self, max)) out.push_back(item.sequence);
  return out;
}

using Sequences = std::vector<uint64_t>;

TEST(Proposals, AreHandedOverOnceAndAgainAfterAWhile) {
  Proposals p(kRetry);
  EXPECT_EQ(p.deadline(consensus::Term(1), kLeader), Time::never());
  p.add(Slice::unowned("a"));
  p.add(Slice::unowned("b"));
  EXPECT_EQ(p.deadline(consensus::Term(1), kLeader), Time());
  EXPECT_EQ(take(p, 0), (Sequences{1, 2}));
  EXPECT_EQ(take(p, 100), Sequences{});
  EXPECT_EQ(p.deadline(consensus::Term(1), kLeader), ms(300));
  EXPECT_EQ(take(p, 300), (Sequences{1, 2}));
}

TEST(Proposals, GoAtOnceToANewLeaderOrANewTerm) {
  Proposals p(kRetry);
  p.add(Slice::unowned("a"));
  EXPECT_EQ(take(p, 0, 1, kLeader), Sequences{1});
  EXPECT_EQ(p.deadline(consensus::Term(2), kOther), Time());
  EXPECT_EQ(take(p, 1, 2, kOther), Sequences{1});
  EXPECT_EQ(take(p, 2, 3, kOther), Sequences{1});
  EXPECT_EQ(p.deadline(consensus::Term(3), NodeId{}), Time::never()) << "nobody to send to";
}

TEST(Proposals, TheLeaderTakesItsOwnOncePerTerm) {
  Proposals p(kRetry);
  p.add(Slice::unowned("a"));
  EXPECT_EQ(take(p, 0, 1, kLeader, true), Sequences{1});
  EXPECT_EQ(take(p, 10'000, 1, kLeader, true), Sequences{});
  EXPECT_EQ(p.deadline(consensus::Term(1), kLeader), Time::never());
  EXPECT_EQ(take(p, 10'000, 2, kLeader, true), Sequences{1});
}

TEST(Proposals, WhatHasNoRoomIsOfferedAgain) {
  Proposals p(kRetry);
  p.add(Slice::unowned("a"));
  EXPECT_EQ(take(p, 0, 1, kLeader, true), Sequences{1});
  p.postpone(1, ms(5));
  EXPECT_EQ(take(p, 4, 1, kLeader, true), Sequences{});
  EXPECT_EQ(p.deadline(consensus::Term(1), kLeader), ms(5));
  EXPECT_EQ(take(p, 5, 1, kLeader, true), Sequences{1});
  EXPECT_FALSE(p.offered_again(1)) << "the first offer was declined for certain";
  EXPECT_EQ(take(p, 10, 2, NodeId(8), false), Sequences{1});
  EXPECT_TRUE(p.offered_again(1));
}

TEST(Proposals, AreBatchedUpToTheBoundAndOneAtLeast) {
  Proposals p(kRetry);
  for (int i = 0; i < 3; ++i) p.add(Slice::copy_of(std::string(10, 'x')));
  EXPECT_EQ(take(p, 0, 1, kLeader, false, 5), Sequences{1});
  EXPECT_EQ(p.deadline(consensus::Term(1), kLeader), Time());
  EXPECT_EQ(take(p, 0, 1, kLeader, false, 20), (Sequences{2, 3}));
}

TEST(Proposals, TheFloorFollowsTheOldestStillWaitedFor) {
  Proposals p(kRetry);
  for (int i = 0; i < 3; ++i) p.add(Slice::unowned("x"));
  EXPECT_TRUE(p.settle(2));
  EXPECT_FALSE(p.settle(2));
  EXPECT_EQ(p.floor(), 1u);
  EXPECT_TRUE(p.settle(1));
  EXPECT_EQ(p.floor(), 3u);
  EXPECT_EQ(p.sequences(), Sequences{3});
  EXPECT_FALSE(p.settle(9));
  EXPECT_TRUE(p.settle(3));
  EXPECT_EQ(p.floor(), 4u);
  EXPECT_EQ(p.waiting(), 0u);
}

// Whatever is lost, everything waiting is handed over again within the retry time of the present leader.
TEST(Proposals, NothingWaitsUnsentForLongerThanTheRetryTime) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Random r(seed);
    Proposals p(kRetry);
    std::map<uint64_t, int64_t> last_sent;
    constexpr int64_t kStep = 80;
    uint64_t term = 1;
    NodeId leader = kLeader;
    for (int64_t now = 0; now < 5000; now += static_cast<int64_t>(r.below(kStep))) {
      if (r.chance(1, 3)) last_sent[p.add(Slice::copy_of(std::string(r.below(30), 'y')))] = now;
      if (r.chance(1, 5) && !last_sent.empty()) {
        const uint64_t s = last_sent.begin()->first + r.below(last_sent.size());
        if (p.settle(s)) last_sent.erase(s);
      }
      if (r.chance(1, 40)) leader = NodeId(r.below(3) + 1), ++term;
      for (int round = 0; p.deadline(consensus::Term(term), leader) <= ms(now); ++round) {
        ASSERT_LT(round, 200) << "a deadline in the past asks for work that is not there, seed " << seed;
        for (uint64_t s : take(p, now, term, leader, false, 40)) last_sent[s] = now;
      }
      for (const auto& [s, at] : last_sent)
        ASSERT_LE(now - at, kRetry.millis() + kStep) << "sequence " << s << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace holdfast::replica
