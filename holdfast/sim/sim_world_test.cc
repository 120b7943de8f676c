#include "holdfast/sim/world.h"

#include <gtest/gtest.h>

#include "holdfast/sim/clock.h"

namespace holdfast::sim {
namespace {

TEST(World, EventsHappenInTheOrderOfTimeThenOfScheduling) {
  World w(1);
  std::vector<int> order;
  w.at(Time::at_millis(2), [&] { order.push_back(3); });
  w.at(Time::at_millis(1), [&] {
    order.push_back(1);
    w.at(Time(), [&] { order.push_back(2); });  // the past is now
  });
  w.at(Time::at_millis(2), [&] { order.push_back(4); });
  w.run_until(Time::at_millis(1));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(w.now(), Time::at_millis(1));
  w.run_until(Time::at_millis(9));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(w.now(), Time::at_millis(9));
}

TEST(World, AViolationEndsTheRun) {
  World w(1);
  int later = 0;
  w.at(Time::at_millis(1), [&] { w.violate("TEST", "it broke"); });
  w.at(Time::at_millis(2), [&] { ++later; });
  w.run_until(Time::at_millis(5));
  EXPECT_EQ(later, 0);
  ASSERT_EQ(w.violations().size(), 1u);
  EXPECT_EQ(w.violations()[0].at, Time::at_millis(1));
}

TEST(World, StreamsDependOnSeedPurposeAndNumberOnly) {
  World a(1), b(1), c(2);
  a.stream("x").next();
  EXPECT_EQ(a.stream("x").next(), b.stream("x").next());
  EXPECT_NE(a.stream("x").next(), a.stream("y").next());
  EXPECT_NE(a.stream("x", 1).next(), a.stream("x", 2).next());
  EXPECT_NE(a.stream("x").next(), c.stream("x").next());
}

TEST(SimClock, ReadsThroughOffsetAndRate) {
  SimClock clock(Time::at_millis(100), Time::at_millis(5000), 1'100'000);
  EXPECT_EQ(clock.read(Time::at_millis(200)), Time::at_millis(5110));
  clock.set_rate(Time::at_millis(200), 0);
  EXPECT_EQ(clock.read(Time::at_millis(900)), Time::at_millis(5110));
  EXPECT_EQ(clock.when(Time::at_millis(900), Time::at_millis(5111)), Time::never());
  clock.set_rate(Time::at_millis(900), 500'000);
  EXPECT_EQ(clock.when(Time::at_millis(900), Time::at_millis(5160)), Time::at_millis(1000));
  clock.step(Time::at_millis(1000), Duration::seconds(3600));
  EXPECT_EQ(clock.read(Time::at_millis(1000)), Time::at_millis(5160 + 3'600'000));
}

TEST(SimClock, WhenIsTheFirstMomentAtWhichTheReadingIsReached) {
  Random random(9);
  for (int i = 0; i < 2000; ++i) {
    SimClock clock(Time::at_nanos(random.between(0, 1'000'000)), Time::at_nanos(random.between(0, 1'000'000)),
                   random.between(1, 3'000'000));
    const Time now = Time::at_nanos(1'000'000);
    const Time target = clock.read(now) + Duration::nanos(random.between(1, 5'000'000));
    const Time when = clock.when(now, target);
    EXPECT_GE(clock.read(when), target);
    EXPECT_LT(clock.read(when - Duration::nanos(1)), target);
  }
}

}  // namespace
}  // namespace holdfast::sim
