// Log time of PBFT: it never runs ahead when primaries change, and a liar bends it by little.
#include "holdfast/consensus/pbft/stamps.h"

#include <gtest/gtest.h>

namespace holdfast::pbft {
namespace {

constexpr Time at(int64_t ms) { return Time::at_millis(1'000'000 + ms); }

// A member that has executed a batch of the present, stamped 1000, at time 0.
struct Member {
  Member() : stamps(config) {
    stamps.lose(at(-10), 500);
    stamps.executed(at(0), 1000, /*live=*/true);
  }
  Config config;
  Stamps stamps;
};

// Its anchor would let it count the time in which nobody led: leases granted before would end early.
TEST(Stamps, ANewPrimaryAddsOnlyWhatHasPassedSinceItEnteredTheView) {
  Member m;
  m.stamps.enter(at(3'000));
  EXPECT_EQ(m.stamps.read(at(3'000)), 1'000);
  EXPECT_EQ(m.stamps.read(at(3'250)), 1'250);
  m.stamps.executed(at(3'300), 1'280, true);
  EXPECT_EQ(m.stamps.read(at(3'400)), 1'400);
}

// Or the group would vote out one primary after the other for telling the truth.
TEST(Stamps, ABackupBelievesThatTimeStoodStillWhileViewsChanged) {
  Member m;
  EXPECT_FALSE(m.stamps.believes(at(8'000), 1'000)) << "without a change of view it has been frozen";
  m.stamps.enter(at(8'000));
  EXPECT_TRUE(m.stamps.believes(at(8'000), 1'000));
}

// What was stamped in an earlier view and lies before it may have a later stamp.
TEST(Stamps, AStampThatFallsIsBelievedAndTimeDoesNotFall) {
  Member m;
  m.stamps.enter(at(100));
  m.stamps.executed(at(150), 1'700, false);
  EXPECT_TRUE(m.stamps.believes(at(160), 1'050));
  m.stamps.executed(at(170), 1'050, true);
  EXPECT_EQ(m.stamps.executed_ms(), 1'700);
  EXPECT_GE(m.stamps.read(at(180)), 1'700);
}

TEST(Stamps, APrimaryBendsTimeByTheSlackAndAnEighth) {
  Member m;
  const int64_t slack = m.config.stamp_slack.millis();
  EXPECT_TRUE(m.stamps.believes(at(800), 1'000 + 800 + slack + 100));
  EXPECT_FALSE(m.stamps.believes(at(800), 1'000 + 800 + slack + 101));
  EXPECT_TRUE(m.stamps.believes(at(8'000), 1'000 + 8'000 - slack - 1'000));
  EXPECT_FALSE(m.stamps.believes(at(8'000), 1'000 + 8'000 - slack - 1'001));
  // A change of view gives no room ahead: the anchor stays.
  m.stamps.enter(at(800));
  EXPECT_FALSE(m.stamps.believes(at(800), 1'000 + 800 + slack + 101));
  EXPECT_FALSE(m.stamps.believes(at(800), -1));
}

// It had taken a batch that was long on its way for one of the present.
TEST(Stamps, WhoseAnchorIsTooEarlyLearnsItFromWhatTheOthersDecide) {
  Member m;
  const int64_t slack = m.config.stamp_slack.millis();
  EXPECT_FALSE(m.stamps.believes(at(100), 6'100));
  m.stamps.executed(at(100), 1'100 + slack, /*live=*/false);
  EXPECT_FALSE(m.stamps.believes(at(100), 6'100)) << "others believe what this one does";
  m.stamps.executed(at(110), 6'100, /*live=*/false);
  EXPECT_TRUE(m.stamps.believes(at(200), 6'200));
  EXPECT_FALSE(m.stamps.believes(at(200), 6'200 + 2 * slack));
}

TEST(Stamps, WhoWasAwayBelievesUntilItHasExecutedABatchOfThePresent) {
  Member m;
  m.stamps.lose(at(100), 2'000);
  EXPECT_TRUE(m.stamps.believes(at(200), 900'000));
  m.stamps.executed(at(200), 900'000, true);
  EXPECT_FALSE(m.stamps.believes(at(300), 990'000));
}

}  // namespace
}  // namespace holdfast::pbft
