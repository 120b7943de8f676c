// Failure detectors and the leader oracle in the simulated world: completeness, accuracy, agreement, stability, under
// faults of network, processes and clocks.
#include <gtest/gtest.h>

#include "tests/detect_group_testing.h"

namespace holdfast::detect {
namespace {

std::string first_violation(const SimulatedGroup& group) {
  if (group.world.violations().empty()) return {};
  const sim::Violation& v = group.world.violations().front();
  return v.oracle + " at " + to_text(v.at) + ": " + v.explanation;
}

class EveryDetector : public testing::TestWithParam<DetectorKind> {};

INSTANTIATE_TEST_SUITE_P(All, EveryDetector,
                         testing::Values(DetectorKind::kSwim, DetectorKind::kHeartbeat, DetectorKind::kProbe,
                                         DetectorKind::kPhi),
                         [](const auto& i) { return print(i.param); });

// Nothing fails: nobody is suspected, all know each other, one leads and stays.
TEST_P(EveryDetector, InACalmWorldNobodyIsSuspected) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SimulatedGroup group(seed, {.kind = GetParam(), .members = 2 + seed % 9});
    std::string suspicions;
    group.listener = [&](NodeId at, const AgentEvent& event) {
      if (std::holds_alternative<Suspected>(event)) suspicions += print(at) + " " + print(event) + "; ";
    };
    group.start_all();
    group.world.run_until(Time::at_millis(25'000));
    ASSERT_TRUE(group.agrees()) << "seed " << seed << ": " << group.view();
    const NodeId leader = group.common_leader();
    ASSERT_NE(leader, NodeId()) << "seed " << seed << ": " << group.view();
    EXPECT_TRUE(group.world.run_until(Time::at_millis(90'000), [&] { return group.common_leader() != leader; }) ==
                false)
        << "seed " << seed << ": " << group.view();
    EXPECT_EQ(suspicions, "") << "seed " << seed;
  }
}

// The faults end; from then on the views become right, stay right, and all follow one running member.
TEST_P(EveryDetector, AfterTheFaultsHaveEndedViewsAreRightAndOneLeads) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SimulatedGroup group(seed, {.kind = GetParam(), .members = 2 + seed % 9});
    const Time healed = Time::at_millis(60'000);
    RandomFaults faults(group, Time::at_millis(5'000), healed, 4 + seed % 20, group.nodes.size() / 3);
    std::string late;
    const Time settled = healed + Duration::seconds(240);
    group.listener = [&](NodeId at, const AgentEvent& event) {
      if (group.world.now() > settled && std::holds_alternative<Suspected>(event)) {
        late += print(at) + " " + print(event) + "; ";
      }
    };
    group.start_all();
    group.world.run_until(settled);
    ASSERT_FALSE(group.world.violated()) << "seed " << seed << ": " << first_violation(group);
    ASSERT_TRUE(group.agrees()) << "seed " << seed << ": " << group.view();
    const NodeId leader = group.common_leader();
    ASSERT_NE(leader, NodeId()) << "seed " << seed << ": " << group.view();
    group.world.run_until(settled + Duration::seconds(60),
                          [&] { return !group.agrees() || group.common_leader() != leader; });
    ASSERT_EQ(group.common_leader(), leader) << "seed " << seed << ": " << group.view();
    ASSERT_EQ(late, "") << "seed " << seed;
  }
}

// V10: observers that are slow, paused again and again, or woken late must not condemn those that are well; the bound
// is in detect_planted_test.
TEST(SlowObservers, HardlyEverCondemnThoseThatAreWell) {
  size_t with = 0, without = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    with += healthy_members_condemned(seed, true);
    without += healthy_members_condemned(seed, false);
  }
  RecordProperty("deaths_with_lifeguard", static_cast<int>(with));
  RecordProperty("deaths_plain_swim", static_cast<int>(without));
  EXPECT_LE(with * 10, without);
  EXPECT_GE(without, 10u) << "the scenario is hard for a detector that does not know its own slowness";
}

TEST(Swim, IsSuspectedRefutesAndComesBackByItself) {
  SimulatedGroup group(7, {.members = 5});
  std::vector<std::string> seen;
  group.listener = [&](NodeId at, const AgentEvent& event) {
    if (at == NodeId(1)) seen.push_back(print(event));
  };
  group.start_all();
  group.world.run_until(Time::at_millis(20'000));
  seen.clear();
  // Paused for less than a suspicion lasts: it wakes, hears of it, and refutes.
  group.node(NodeId(3)).pause();
  const auto saw = [&](std::string_view what) {
    return std::any_of(seen.begin(), seen.end(), [&](const std::string& s) { return s.rfind(what, 0) == 0; });
  };
  ASSERT_TRUE(group.world.run_until(Time::at_millis(40'000), [&] { return saw("Suspected{n3"); }));
  group.node(NodeId(3)).resume();
  ASSERT_TRUE(group.world.run_until(Time::at_millis(50'000), [&] { return saw("Restored{n3}"); }));
  EXPECT_FALSE(saw("Died"));
  // Paused for longer: it is dead, and comes back all the same.
  seen.clear();
  group.node(NodeId(3)).pause();
  ASSERT_TRUE(group.world.run_until(Time::at_millis(110'000), [&] { return saw("Died{n3}"); }));
  group.node(NodeId(3)).resume();
  ASSERT_TRUE(group.world.run_until(Time::at_millis(120'000), [&] { return saw("Restored{n3}"); }));
  EXPECT_TRUE(group.world.run_until(Time::at_millis(125'000), [&] { return group.agrees(); })) << group.view();
}

TEST(Swim, ARestartUnderAnEarlierWallClockIsTakenBack) {
  for (const DetectorKind kind : {DetectorKind::kSwim, DetectorKind::kHeartbeat, DetectorKind::kPhi}) {
    SimulatedGroup group(11, {.kind = kind, .members = 4});
    group.start_all();
    group.world.run_until(Time::at_millis(20'000));
    for (const Duration wall : {Duration::seconds(-86'400), Duration::seconds(-86'400), Duration::seconds(3'600)}) {
      group.crash_and_restart(NodeId(2), Duration::seconds(90), wall);
      group.world.run_until(group.world.now() + Duration::seconds(80));
      EXPECT_TRUE(group.agrees()) << print(kind) << ": " << group.view();
      EXPECT_TRUE(group.world.run_until(group.world.now() + Duration::seconds(40),
                                        [&] { return group.node(NodeId(2)).up() && group.agrees(); }))
          << print(kind) << ": " << group.view();
    }
  }
}

TEST(Swim, SidesOfALongPartitionFindEachOtherAgain) {
  SimulatedGroup group(5, {.members = 9});
  group.start_all();
  group.world.run_until(Time::at_millis(20'000));
  group.cut(Time::at_millis(20'000), Time::at_millis(200'000),
            [](NodeId a, NodeId b) { return (a.value() <= 4) != (b.value() <= 4); });
  group.world.run_until(Time::at_millis(199'000));
  EXPECT_FALSE(group.node(NodeId(1)).core()->trusts(NodeId(9)));
  EXPECT_FALSE(group.node(NodeId(9)).core()->trusts(NodeId(1)));
  // Each side has a leader of its own, and says so.
  EXPECT_LE(group.node(NodeId(1)).core()->leader(), NodeId(4));
  EXPECT_GT(group.node(NodeId(9)).core()->leader(), NodeId(4));
  EXPECT_TRUE(group.world.run_until(Time::at_millis(300'000), [&] { return group.agrees(); })) << group.view();
  EXPECT_TRUE(group.world.run_until(Time::at_millis(320'000), [&] { return group.common_leader() != NodeId(); }));
}

TEST(Swim, SidesFindEachOtherAgainAlthoughTheSeedsAreGone) {
  SimulatedGroup group(6, {.members = 9});
  group.start_all();
  group.world.run_until(Time::at_millis(20'000));
  group.cut(Time::at_millis(20'000), Time::at_millis(150'000),
            [](NodeId a, NodeId b) { return (a.value() <= 6) != (b.value() <= 6); });
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    group.world.at(Time::at_millis(30'000), [&group, seed] { group.node(NodeId(seed)).crash("for good"); });
  }
  group.world.run_until(Time::at_millis(150'000));
  EXPECT_FALSE(group.node(NodeId(4)).core()->trusts(NodeId(9)));
  EXPECT_TRUE(group.world.run_until(Time::at_millis(400'000), [&] { return group.agrees(); })) << group.view();
}

TEST(Swim, ARestartThatNobodyNoticedTopsWhatItsFormerLifeSaid) {
  SimulatedGroup group(8, {.members = 4});
  group.start_all();
  group.world.run_until(Time::at_millis(20'000));
  const uint64_t before = group.node(NodeId(4)).core()->swim()->incarnation();
  group.crash_and_restart(NodeId(4), Duration::millis(50), Duration::seconds(-86'400));
  group.world.run_until(Time::at_millis(30'000));
  // What the others hold is what the new life says: its description, for example, if that is another one now.
  const uint64_t after = group.node(NodeId(4)).core()->swim()->incarnation();
  EXPECT_GT(after, before);
  for (uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(group.node(NodeId(i)).core()->swim()->member(NodeId(4))->incarnation, after);
  }
}

TEST(Swim, MembersThatOnlyOthersCanReachAreNotSuspectedForGood) {
  // Indirect probes (SWIM, section 3.1): 1 and 2 cannot hear each other; everybody else hears both.
  SimulatedGroup group(3, {.members = 6});
  size_t suspicions = 0;
  group.listener = [&](NodeId, const AgentEvent& event) {
    suspicions += std::holds_alternative<Suspected>(event) ? 1 : 0;
  };
  group.start_all();
  group.world.run_until(Time::at_millis(20'000));
  group.cut(Time::at_millis(20'000), Time::at_millis(120'000),
            [](NodeId a, NodeId b) { return a.value() + b.value() == 3; });
  group.world.run_until(Time::at_millis(120'000));
  EXPECT_EQ(suspicions, 0u);
}

TEST(Swim, MessagesFitIntoADatagramHoweverLargeTheGroup) {
  SimulatedGroup group(2, {.members = 150});
  group.start_all();
  group.world.run_until(Time::at_millis(60'000));
  EXPECT_TRUE(group.agrees());
  EXPECT_LE(group.bytes, 1400u);
  EXPECT_GT(group.bytes, 1200u) << "the bound was met";
}

TEST(Omega, ALeaderThatRunsStaysWhenOthersComeAndGo) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SimulatedGroup group(seed, {.members = 6});
    group.node(NodeId(1));
    for (uint64_t i = 2; i <= 6; ++i) group.node(NodeId(i)).start();
    group.world.run_until(Time::at_millis(30'000));
    const NodeId leader = group.common_leader();
    ASSERT_NE(leader, NodeId()) << group.view();
    std::string demoted;
    group.listener = [&](NodeId at, const AgentEvent& event) {
      const auto* leads = std::get_if<Leads>(&event);
      if (leads != nullptr && leads->node != leader && leads->node != NodeId())
        demoted += print(at) + " " + print(event) + "; ";
    };
    // One with the least identity joins; others crash and come back; a third of all messages is lost.
    group.lay(Time::at_millis(30'000), Time::at_millis(120'000), [](NodeId, NodeId) { return true; }, {.loss = 200});
    group.node(NodeId(1)).start();
    for (uint64_t i = 2; i <= 6; ++i) {
      if (NodeId(i) != leader)
        group.world.at(Time::at_millis(30'000 + 9'000 * static_cast<int64_t>(i)),
                       [&group, i] { group.crash_and_restart(NodeId(i), Duration::seconds(4), Duration()); });
    }
    group.world.run_until(Time::at_millis(140'000));
    EXPECT_EQ(demoted, "") << "seed " << seed;
    EXPECT_EQ(group.common_leader(), leader) << "seed " << seed << ": " << group.view();
  }
}

TEST(Group, OneThatLeavesIsMissedByNobody) {
  for (const DetectorKind kind :
       {DetectorKind::kSwim, DetectorKind::kHeartbeat, DetectorKind::kProbe, DetectorKind::kPhi}) {
    SimulatedGroup group(4, {.kind = kind, .members = 5});
    std::string events;
    bool departed = false;
    group.listener = [&](NodeId at, const AgentEvent& event) {
      if (at == NodeId(2) && std::holds_alternative<Departed>(event)) departed = true;
      if (at != NodeId(2) && !std::holds_alternative<Leads>(event)) events += print(at) + " " + print(event) + "; ";
    };
    group.start_all();
    group.world.run_until(Time::at_millis(20'000));
    events.clear();
    group.node(NodeId(2)).input([](Agent& agent, Time now, Agent::Out& out) { agent.leave(now, out); });
    ASSERT_TRUE(group.world.run_until(Time::at_millis(22'000), [&] { return departed; }));
    group.node(NodeId(2)).crash("it has left");
    group.world.run_until(Time::at_millis(120'000));
    EXPECT_EQ(std::count(events.begin(), events.end(), ';'), 4) << print(kind) << ": " << events;
    EXPECT_EQ(events.find("Suspected"), std::string::npos) << events;
    EXPECT_TRUE(group.agrees()) << group.view();
    EXPECT_NE(group.common_leader(), NodeId()) << group.view();
  }
}

TEST(Group, TheSameSeedIsTheSameRunOnEveryBuild) {
  const auto hash = [](uint64_t seed, DetectorKind kind) {
    SimulatedGroup group(seed, {.kind = kind, .members = 6});
    RandomFaults faults(group, Time::at_millis(5'000), Time::at_millis(60'000), 15, 1);
    group.start_all();
    group.world.run_until(Time::at_millis(90'000));
    return group.world.trace().hash();
  };
  EXPECT_EQ(hash(1, DetectorKind::kSwim), 3783415201676813933u);
  EXPECT_EQ(hash(1, DetectorKind::kHeartbeat), 9044945969593611693u);
  EXPECT_EQ(hash(1, DetectorKind::kPhi), 10878109297838707935u);
  EXPECT_NE(hash(1, DetectorKind::kSwim), hash(2, DetectorKind::kSwim));
}

}  // namespace
}  // namespace holdfast::detect
