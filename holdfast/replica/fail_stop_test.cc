// The channels of a fail-stop group, and the replica on them, step by step.
#include <gtest/gtest.h>

#include "holdfast/replica/fail_stop_links.h"

namespace holdfast::replica {
namespace {

constexpr Duration kInterval = Duration::millis(20), kCrashTimeout = Duration::millis(300);
constexpr NodeId kOne(1), kTwo(2), kThree(3);

Time at(int64_t ms) { return Time() + Duration::millis(ms); }

FailStopLinks links(uint64_t life) { return {FailStopLinks::Config{life, kInterval, kCrashTimeout}, {kTwo, kThree}}; }

FailStopFrame said(uint64_t slot, flooding::Message message) {
  return {7, 1, 1, {flooding::InSlot{slot, std::move(message)}}};
}

TEST(FailStopLinks, WhoHasNotBegunIsWaitedFor) {
  FailStopLinks l = links(1);
  EXPECT_TRUE(l.find_crashed(at(1'000)).empty());
  // A first proposal says nothing of others.
  l.receive(at(1'000), kTwo, said(1, flooding::Proposals{1, {}}));
  EXPECT_EQ(l.find_crashed(at(1'299)), std::vector<NodeId>());
  EXPECT_EQ(l.find_crashed(at(1'300)), std::vector{kTwo});
  EXPECT_TRUE(l.find_crashed(at(9'000)).empty());
}

// It was heard by others, took part, and crashed before it was heard here.
TEST(FailStopLinks, WhoIsKnownToHaveBegunIsMissedThoughItWasNeverHeard) {
  const FailStopFrame tells[] = {said(1, flooding::Proposals{2, {}}), said(1, flooding::Decided{}),
                                 said(2, flooding::Proposals{1, {}})};
  for (const FailStopFrame& frame : tells) {
    FailStopLinks l = links(1);
    l.receive(at(1'000), kTwo, frame);
    EXPECT_EQ(l.deadline(), Time()) << "an acknowledgement is due";
    for (int64_t ms = 1'020; ms < 1'300; ms += 20) {
      l.receive(at(ms), kTwo, FailStopFrame{7, 1, 2, {}});
      EXPECT_TRUE(l.find_crashed(at(ms)).empty());
    }
    EXPECT_EQ(l.find_crashed(at(1'300)), std::vector{kThree});
  }
}

TEST(FailStopLinks, AnotherProcessUnderAnOldNameIsNotHeard) {
  FailStopLinks l = links(1);
  l.receive(at(100), kTwo, FailStopFrame{7, 1, 1, {}});
  FailStopFrame reborn = said(1, flooding::Decided{});
  reborn.life = 8;
  EXPECT_TRUE(l.receive(at(200), kTwo, reborn).empty());
  EXPECT_EQ(l.find_crashed(at(400)), std::vector{kTwo}) << "its words are no sign of the old one's life";
}

}  // namespace
}  // namespace holdfast::replica
