// How members find each other and are forgotten: whoever is alone asks on, ever more seldom; whoever has gone, or been
// silent for long, makes room.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "holdfast/base/print.h"
#include "holdfast/detect/roster.h"
#include "holdfast/detect/swim.h"

namespace holdfast::detect {
namespace {

// When a member that nobody answers asks, in `time`.
template <class Core, class Config>
std::vector<Time> asks(const Config& config, Duration time) {
  Core core(config);
  typename Core::Out out;
  std::vector<Time> times;
  Time now;
  core.start(now, out);
  while (now <= Time() + time) {
    if (!out.sent.empty()) times.push_back(now);
    out.clear();
    now = core.deadline();
    core.on_time(now, out);
  }
  return times;
}

// Pauses double up to the last one, half of each is random, and members that began together part.
void expect_backing_off(const std::function<std::vector<Time>(uint64_t seed)>& run, Duration first, Duration last) {
  std::set<std::vector<Time>> runs;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<Time> times = run(seed);
    ASSERT_GT(times.size(), 10u);
    Duration whole = first;
    for (size_t i = 1; i < times.size(); ++i, whole = std::min(whole * 2, last)) {
      const Duration pause = times[i] - times[i - 1];
      EXPECT_LE(pause, whole) << i;
      EXPECT_GE(pause, whole / 2) << i;
    }
    runs.insert(times);
  }
  EXPECT_EQ(runs.size(), 20u);
}

TEST(Joining, SwimAsksEverMoreSeldom) {
  SwimConfig config{.self = NodeId(9), .seeds = {NodeId(1)}};
  expect_backing_off(
      [&](uint64_t seed) {
        config.seed = seed;
        return asks<Swim>(config, Duration::seconds(300));
      },
      config.join_pause_first, config.join_pause_last);
}

TEST(Joining, ARosterAsksEverMoreSeldom) {
  RosterConfig config{.self = NodeId(9), .seeds = {NodeId(1)}};
  expect_backing_off(
      [&](uint64_t seed) {
        config.seed = seed;
        return asks<Roster>(config, Duration::seconds(300));
      },
      config.retry, config.refresh);
}

// How often a member that is alone says so in five minutes; or, when somebody answers the `answered`-th asking, up to ten
// seconds later.
template <class Core, class Config, class Answer>
size_t times_unanswered(const Config& config, size_t answered, Answer&& answer) {
  Core core(config);
  typename Core::Out out;
  core.start(Time(), out);
  size_t unanswered = 0, asked = 0;
  Time until = Time::at_millis(300'000);
  for (Time now; now <= until; now = core.deadline(), core.on_time(now, out)) {
    for (const auto& raised : out.raised) unanswered += std::holds_alternative<Unanswered>(raised.event) ? 1 : 0;
    asked += out.sent.empty() ? 0 : 1;
    out.clear();
    if (asked != answered || until != Time::at_millis(300'000)) continue;
    answer(core, now, out);
    until = now + Duration::seconds(10);
  }
  return unanswered;
}

TEST(Joining, WhoIsNotAnsweredSaysSoOnce) {
  const auto in_swim = [](Swim& swim, Time now, Swim::Out& out) {
    swim.on_message(now, NodeId(5), SyncState{false, {{NodeId(5), 1, MemberState::kAlive, {}, {}}}}, out);
  };
  const auto in_roster = [](Roster& roster, Time now, Roster::Out& out) {
    roster.on_message(now, NodeId(5), Introduce{false, {{NodeId(5), 1, false, {}}}}, out);
  };
  SwimConfig swim{.self = NodeId(9), .seeds = {NodeId(1)}};
  RosterConfig roster{.self = NodeId(9), .seeds = {NodeId(1)}};
  EXPECT_EQ(times_unanswered<Swim>(swim, 999, in_swim), 1u);
  EXPECT_EQ(times_unanswered<Roster>(roster, 999, in_roster), 1u);
  EXPECT_EQ(times_unanswered<Roster>(roster, 3, in_roster), 0u);
  EXPECT_EQ(times_unanswered<Swim>(swim, 3, in_swim), 0u);
  swim.seeds.clear(), roster.seeds.clear();
  EXPECT_EQ(times_unanswered<Swim>(swim, 999, in_swim), 0u) << "who begins a group waits for nobody";
  EXPECT_EQ(times_unanswered<Roster>(roster, 999, in_roster), 0u);
}

// One roster, what it is told and what it says.
class RosterTest : public ::testing::Test {
 protected:
  RosterTest() { roster_.start(Time(), out_), out_.clear(); }

  // `who` introduces itself or somebody else; what comes of it.
  std::string hears(Time now, uint64_t who, uint64_t version = 1, bool gone = false) {
    roster_.on_message(now, NodeId(who), Introduce{false, {{NodeId(who), version, gone, {}}}}, out_);
    return came_of_it();
  }
  std::string waits(Time until) {
    while (roster_.deadline() <= until) roster_.on_time(roster_.deadline(), out_);
    return came_of_it();
  }
  // Whom the roster tells a member about that asks it.
  std::set<NodeId> tells(Time now) {
    roster_.on_message(now, NodeId(2), Introduce{true, {{NodeId(2), 1, false, {}}}}, out_);
    std::set<NodeId> told;
    for (const auto& sent : out_.sent) {
      for (const Acquaintance& a : std::get<Introduce>(sent.wire).known) told.insert(a.node);
    }
    out_.clear();
    return told;
  }
  std::string came_of_it() {
    roster_.check_invariants();
    std::string text;
    for (const auto& raised : out_.raised) text += print(raised.event) + " ";
    out_.clear();
    return text;
  }

  Roster roster_{{.self = NodeId(1)}};
  Roster::Out out_;
};

TEST_F(RosterTest, WhoComesAndLeavesLeavesRoomForOthers) {
  for (uint64_t n = 2; n < 5000; ++n) {
    ASSERT_NE(hears(Time(), n).find("Met"), std::string::npos) << n;
    ASSERT_NE(hears(Time(), n, 1, true).find("Parted"), std::string::npos) << n;
  }
  EXPECT_TRUE(roster_.peers().empty());
}

TEST_F(RosterTest, SaysOnceThatItIsFullAndAgainAfterThereWasRoom) {
  for (uint64_t n = 2; n <= 1000; ++n) ASSERT_NE(hears(Time(), n).find("Met"), std::string::npos) << n;
  EXPECT_EQ(hears(Time(), 2000), "Full{n2000, 1000} ");
  EXPECT_EQ(hears(Time(), 2001), "");
  hears(Time(), 7, 1, true);
  EXPECT_NE(hears(Time(), 2002).find("Met"), std::string::npos);
  EXPECT_EQ(roster_.find(NodeId(7)), nullptr) << "who is gone makes room at once";
  roster_.set_trust(Time(), NodeId(8), false);
  EXPECT_EQ(hears(Time(), 2003), "") << "who is suspected does not: it may come back";
  waits(Time::at_millis(601'000 + 30'000));
  EXPECT_NE(hears(Time::at_millis(632'000), 2004).find("Met"), std::string::npos);
  EXPECT_EQ(hears(Time::at_millis(632'000), 2005), "Full{n2005, 1000} ");
}

TEST_F(RosterTest, WhoIsDistrustedForLongIsForgottenAndNotHandedRound) {
  for (uint64_t n = 2; n <= 5; ++n) hears(Time(), n);
  EXPECT_EQ(tells(Time()).count(NodeId(4)), 1u);
  roster_.set_trust(Time::at_millis(1'000), NodeId(4), false);
  roster_.set_trust(Time::at_millis(1'000), NodeId(5), false);
  EXPECT_EQ(tells(Time::at_millis(2'000)).count(NodeId(4)), 0u);
  roster_.set_trust(Time::at_millis(500'000), NodeId(4), false);  // what was known before
  roster_.set_trust(Time::at_millis(500'000), NodeId(5), true);
  EXPECT_EQ(tells(Time::at_millis(500'000)).count(NodeId(5)), 1u);
  EXPECT_EQ(waits(Time::at_millis(590'000)), "");
  EXPECT_EQ(waits(Time::at_millis(601'000 + 30'000)), "Forgotten{n4} ");
  EXPECT_EQ(roster_.peers(), (std::vector<NodeId>{NodeId(2), NodeId(3), NodeId(5)}));
  EXPECT_NE(hears(Time::at_millis(700'000), 4).find("Met"), std::string::npos) << "it is as good as new";
}

TEST_F(RosterTest, WhoHasLeftIsForgottenInTime) {
  hears(Time(), 2), hears(Time(), 3);
  hears(Time(), 3, 1, true);
  EXPECT_EQ(hears(Time::at_millis(1), 3, 1, false), "") << "an old word does not bring it back";
  EXPECT_EQ(waits(Time::at_millis(630'000)), "Forgotten{n3} ");
  EXPECT_EQ(roster_.find(NodeId(3)), nullptr);
}

TEST(Joining, SwimSaysOnceThatItIsFull) {
  Swim swim({.self = NodeId(1), .reclaim_after = Duration::seconds(10), .max_members = 4});
  Swim::Out out;
  swim.start(Time(), out), out.clear();
  const auto learns = [&](Time now, uint64_t node, MemberState state) {
    swim.on_message(now, NodeId(2), Ping{1, {{NodeId(node), 1, state, {}, {}}}}, out);
    std::string text;
    for (const auto& raised : out.raised) text += print(raised.event) + " ";
    out.clear();
    return text;
  };
  for (uint64_t n = 2; n <= 4; ++n) learns(Time(), n, MemberState::kAlive);
  EXPECT_EQ(learns(Time(), 5, MemberState::kAlive), "Full{n5, 4} ");
  EXPECT_EQ(learns(Time(), 6, MemberState::kAlive), "");
  learns(Time(), 4, MemberState::kLeft);
  while (swim.deadline() <= Time::at_millis(60'000)) swim.on_time(swim.deadline(), out);
  out.clear();
  EXPECT_EQ(swim.member(NodeId(4)), nullptr);
  EXPECT_NE(learns(Time::at_millis(60'000), 7, MemberState::kAlive).find("Joined"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::detect
