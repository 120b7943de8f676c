// The order of failures, and what protocols promise under them.
#include <gtest/gtest.h>

#include "holdfast/model/tolerance.h"

namespace holdfast {
namespace {

using enum FailureClass;
using enum Component;
using enum Persistence;

std::vector<FailureClass> all_classes() {
  std::vector<FailureClass> all;
  for (size_t i = 0; i < kFailureClasses; ++i) all.push_back(static_cast<FailureClass>(i));
  return all;
}

TEST(FailureOrder, IsWhatTheLiteratureSays) {
  // Each row: tolerating the first implies tolerating all the others.
  const std::vector<FailureClass> chains[] = {
      {kFailNoisy, kFailStop},      {kCrash, kFailNoisy},
      {kFailResume, kCrash},        {kSendOmission, kCrash},
      {kReceiveOmission, kCrash},   {kOmission, kSendOmission, kReceiveOmission, kFailSilent},
      {kFailSilent, kOmission},     {kLate, kOmission},
      {kTiming, kLate, kEarly},     {kResponse, kValue, kStateTransition},
      {kFailSafe, kOmission},       {kArbitrary, kTiming, kResponse, kFailSafe, kFailResume},
      {kFailArbitrary, kArbitrary},
  };
  for (const auto& chain : chains) {
    for (const FailureClass y : chain) EXPECT_TRUE(tolerates(chain[0], y)) << name(chain[0]) << " " << name(y);
  }
  for (const FailureClass c : all_classes()) EXPECT_TRUE(tolerates(kFailArbitrary, c)) << name(c);
}

TEST(FailureOrder, HasNoMoreThanThat) {
  const std::pair<FailureClass, FailureClass> unordered[] = {{kSendOmission, kReceiveOmission},
                                                             {kEarly, kLate},
                                                             {kValue, kStateTransition},
                                                             {kResponse, kCrash},
                                                             {kTiming, kValue},
                                                             {kFailSafe, kValue},
                                                             {kFailSafe, kLate},
                                                             {kOmission, kFailResume},
                                                             {kEarly, kCrash}};
  for (const auto& [a, b] : unordered) {
    EXPECT_FALSE(tolerates(a, b)) << name(a) << " " << name(b);
    EXPECT_FALSE(tolerates(b, a)) << name(b) << " " << name(a);
  }
  const std::pair<FailureClass, FailureClass> strict[] = {
      {kFailStop, kFailNoisy}, {kFailNoisy, kCrash}, {kCrash, kSendOmission}, {kCrash, kFailResume},
      {kOmission, kLate},      {kLate, kTiming},     {kTiming, kArbitrary},   {kArbitrary, kFailArbitrary}};
  for (const auto& [less, more] : strict) EXPECT_FALSE(tolerates(less, more)) << name(less) << " " << name(more);
}

TEST(FailureOrder, IsALattice) {
  for (const FailureClass a : all_classes()) {
    EXPECT_TRUE(tolerates(a, a));
    for (const FailureClass b : all_classes()) {
      const FailureSet join = FailureSet(a) | b, meet = FailureSet(a) & b;
      EXPECT_TRUE(join.includes(a) && join.includes(b) && FailureSet(a).includes(meet) && FailureSet(b).includes(meet));
      EXPECT_EQ(meet | a, FailureSet(a)) << "absorption";
      EXPECT_EQ(join & a, FailureSet(a)) << "absorption";
      const bool same_set = (a == kOmission && b == kFailSilent) || (a == kFailSilent && b == kOmission);
      if (a != b) {
        EXPECT_EQ(tolerates(a, b) && tolerates(b, a), same_set) << name(a) << " " << name(b);
      }
      for (const FailureClass c : all_classes()) {
        if (tolerates(a, b) && tolerates(b, c)) {
          EXPECT_TRUE(tolerates(a, c));
        }
        if (tolerates(c, a) && tolerates(c, b)) {
          EXPECT_TRUE(FailureSet(c).includes(join)) << "the least upper bound";
        }
        EXPECT_EQ(join & c, (FailureSet(a) & c) | (FailureSet(b) & c)) << "distributive";
      }
    }
  }
}

TEST(FailureOrder, TellsOmissionFromCommission) {
  for (const FailureClass c : {kFailStop, kFailNoisy, kCrash, kFailResume, kOmission, kFailSilent, kLate, kFailSafe}) {
    EXPECT_FALSE(is_commission(c)) << name(c);
  }
  for (const FailureClass c : {kEarly, kTiming, kValue, kStateTransition, kResponse, kArbitrary, kFailArbitrary}) {
    EXPECT_TRUE(is_commission(c)) << name(c);
  }
}

TEST(FailureText, NamesTheGreatestClasses) {
  EXPECT_EQ(to_text(FailureSet()), "none");
  for (const FailureClass c : all_classes()) {
    EXPECT_EQ(to_text(FailureSet(c)), c == kFailSilent ? "omission" : name(c));
  }
  EXPECT_EQ(to_text(kFailResume | kLate), "fail-resume or late");
  EXPECT_EQ(to_text(Failure{kStorage, kValue, kPermanent}), "storage: value, permanent");
}

TEST(GroupSize, IsTheSmallestThatToleratesK) {
  for (const Bound bound : {Bound::kThird, Bound::kMinority, Bound::kAllButTwo, Bound::kAllButOne}) {
    for (size_t k = 1; k < 100; ++k) {
      const StatusOr<size_t> n = group_size(bound, k);
      ASSERT_TRUE(n.ok());
      EXPECT_EQ(tolerated(bound, *n), k) << name(bound);
      EXPECT_LT(tolerated(bound, *n - 1), k) << name(bound) << " is the smallest";
    }
  }
  EXPECT_EQ(*group_size(Bound::kAllButOne, 2), 3u);
  EXPECT_EQ(*group_size(Bound::kMinority, 2), 5u);
  EXPECT_EQ(*group_size(Bound::kThird, 2), 7u);
  EXPECT_EQ(*group_size(Bound::kNone, 0), 1u);
  EXPECT_FALSE(group_size(Bound::kNone, 1).ok());
  EXPECT_FALSE(group_size(Bound::kThird, SIZE_MAX / 2).ok());
  for (const Bound bound : {Bound::kNone, Bound::kThird, Bound::kMinority, Bound::kAllButTwo, Bound::kAllButOne}) {
    EXPECT_EQ(tolerated(bound, 0), 0u);
    EXPECT_EQ(tolerated(bound, 1), 0u);
  }
}

const Failure kCrashes{kProcess, kFailResume, kTransient};
const Failure kDies{kProcess, kCrash, kPermanent};
const Failure kRots{kStorage, kFailSafe, kPermanent};
const Failure kLies{kStorage, kValue, kPermanent};
const Failure kBetrays{kProcess, kFailArbitrary, kPermanent};

Budget of(const Tolerance& t, size_t n, std::vector<Strike> strikes) { return judge(t, n, strikes); }

TEST(JudgingARun, WithoutFailuresEverythingIsDemanded) {
  for (const Tolerance& t : {fail_stop_group("a"), majority_group("b"), byzantine_group("c"), oral_group("d")}) {
    EXPECT_TRUE(of(t, 1, {}).within && of(t, 1, {}).safe) << t.protocol;
  }
}

TEST(JudgingARun, AMajorityGroupSurvivesWhatPassesInAnyNumber) {
  const Tolerance raft = majority_group("raft");
  EXPECT_TRUE(of(raft, 3, {{"crash_all", kCrashes, {0, 1, 2}}}).within);
  EXPECT_TRUE(of(raft, 3, {{"crash", kCrashes, {}, 3}, {"again", kCrashes, {}, 3}}).within);
  EXPECT_TRUE(of(raft, 3, {{"loss", {kChannel, kOmission, kIntermittent}, {}, 3}}).within);
}

TEST(JudgingARun, AMajorityGroupMayLoseAMinorityForGood) {
  const Tolerance raft = majority_group("raft");
  EXPECT_TRUE(of(raft, 3, {{"dies", kDies, {1}}}).within);
  EXPECT_TRUE(of(raft, 5, {{"dies", kDies, {1}}, {"rots", kRots, {3}}}).within);
  EXPECT_TRUE(of(raft, 3, {{"dies", kDies, {1}}, {"rots", kRots, {1}}}).within) << "the same member counts once";
  const Budget two = of(raft, 3, {{"dies", kDies, {1}}, {"rots", kRots, {2}}});
  EXPECT_FALSE(two.within);
  EXPECT_TRUE(two.safe) << "halt, never lie";
  EXPECT_EQ(
      two.why,
      "dies (process: crash, permanent) lasts, and 2 of 3 members may be lost: raft is live without 1 (k of 2k+1)");
  EXPECT_FALSE(of(raft, 3, {{"rots", kRots, {}, 1}, {"rots", kRots, {}, 1}}).within)
      << "the unknown count at their worst";
  EXPECT_FALSE(of(raft, 2, {{"dies", kDies, {0}}}).within);
}

TEST(JudgingARun, StorageThatLiesIsBeyondAMajorityGroup) {
  const Budget budget = of(majority_group("raft"), 5, {{"sync_lies", kLies, {0}}});
  EXPECT_FALSE(budget.within);
  EXPECT_FALSE(budget.safe);
  EXPECT_EQ(budget.why, "sync_lies (storage: value, permanent): raft promises nothing under it");
  EXPECT_FALSE(of(majority_group("raft"), 5, {{"betrays", kBetrays, {0}}}).safe);
}

TEST(JudgingARun, AByzantineGroupBearsAThirdOfLiars) {
  const Tolerance pbft = byzantine_group("pbft");
  EXPECT_TRUE(of(pbft, 4, {{"betrays", kBetrays, {0}}, {"crash_all", kCrashes, {0, 1, 2, 3}}}).within);
  EXPECT_TRUE(of(pbft, 4, {{"lies", kLies, {2}}}).within);
  EXPECT_FALSE(of(pbft, 3, {{"betrays", kBetrays, {0}}}).safe);
  EXPECT_FALSE(of(pbft, 4, {{"betrays", kBetrays, {0, 1}}}).safe);
  const Budget conspiracy = of(pbft, 4, {{"betrays", kBetrays, {0}}, {"lies", kLies, {2}}});
  EXPECT_FALSE(conspiracy.safe) << "two liars, whatever makes them lie";
  EXPECT_TRUE(of(pbft, 4, {{"betrays", kBetrays, {2}}, {"lies", kLies, {2}}}).within);
  const Budget mixed = of(pbft, 4, {{"betrays", kBetrays, {0}}, {"dies", kDies, {1}}});
  EXPECT_TRUE(mixed.safe && !mixed.within) << mixed.why;
}

TEST(JudgingARun, ASynchronousGroupCountsWhoeverEverFailed) {
  const Tolerance flooding = fail_stop_group("flooding");
  const Failure stops{kProcess, kFailStop, kTransient};
  EXPECT_TRUE(of(flooding, 3, {{"stop", stops, {0, 1}}}).within);
  EXPECT_FALSE(of(flooding, 3, {{"stop", stops, {0, 1, 2}}}).within);
  EXPECT_FALSE(of(flooding, 3, {{"crash", {kProcess, kCrash, kTransient}, {0}}}).safe) << "nobody may notice it";
  EXPECT_FALSE(of(flooding, 3, {{"loss", {kChannel, kOmission, kTransient}, {0}}}).safe);
}

TEST(JudgingARun, TheGeneralsNeedWhatTheirPapersSay) {
  EXPECT_TRUE(of(oral_group("om"), 4, {{"traitor", kBetrays, {0}}}).within);
  EXPECT_FALSE(of(oral_group("om"), 3, {{"traitor", kBetrays, {0}}}).safe);
  EXPECT_TRUE(of(signed_group("sm"), 3, {{"traitor", kBetrays, {0}}}).within);
  EXPECT_FALSE(of(signed_group("sm"), 3, {{"traitors", kBetrays, {0, 1}}}).safe);
  EXPECT_TRUE(of(voting_group("tmr"), 3, {{"module", kBetrays, {0}}}).within);
  EXPECT_FALSE(of(voting_group("tmr"), 3, {{"modules", kBetrays, {0, 2}}}).safe);
}

}  // namespace
}  // namespace holdfast
