#include "holdfast/replica/log_clock.h"

#include <gtest/gtest.h>

namespace holdfast::replica {
namespace {

TEST(LogClock, CountsOnlyTimeThatTheLeaderHasSeenPass) {
  LogClock c;
  c.applied(5000, false);
  c.lead(Time::at_millis(70'000));
  EXPECT_EQ(c.read(Time::at_millis(70'000)), 5000);
  EXPECT_EQ(c.read(Time::at_millis(70'300)), 5300);
}

TEST(LogClock, DoesNotStartAfreshWithANewLeader) {
  LogClock c;
  c.lead(Time::at_millis(100));
  // An earlier leader's command is applied after the election: it was stamped before it.
  c.applied(8000, false);
  EXPECT_EQ(c.read(Time::at_millis(350)), 8250);
}

TEST(LogClock, IsNotCountedTwiceByTheLeadersOwnReadings) {
  LogClock c;
  c.lead(Time::at_millis(0));
  c.applied(c.read(Time::at_millis(1000)), true);
  EXPECT_EQ(c.read(Time::at_millis(1500)), 1500);
}

TEST(LogClock, NeverFallsEvenWhenTheLocalClockDoes) {
  LogClock c;
  c.lead(Time::at_millis(1000));
  c.applied(700, true);
  EXPECT_EQ(c.read(Time::at_millis(10)), 700);
  c.applied(300, false);
  EXPECT_EQ(c.applied_ms(), 700);
}

}  // namespace
}  // namespace holdfast::replica
