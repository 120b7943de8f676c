// Failure detectors and the leader oracle in the simulated world: completeness, accuracy, agreement, stability, under
// faults of network, processes and clocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/detect_promises_testing.h"

namespace holdfast::detect {
namespace {

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

// The faults end; from then on the views become right, stay right, and all follow one running member: everything is
// within the budget, as the detectors' own tolerances say.
TEST_P(EveryDetector, AfterTheFaultsHaveEndedViewsAreRightAndOneLeads) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const size_t members = 2 + seed % 9;
    PromisedRun run(seed, GetParam(), members / 3);
    for (const Promise promise : {Promise::kSound, Promise::kComplete, Promise::kAccurate, Promise::kOneLeader}) {
      ASSERT_TRUE(run.budget(promise).within) << print(promise) << ": " << run.budget(promise).why;
    }
    ASSERT_EQ(run.run_within_budget(), "") << "seed " << seed;
  }
}

// All but one may crash: that one says so.
TEST_P(EveryDetector, WhoIsLeftAloneKnowsIt) {
  size_t alone = 0;
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    PromisedRun run(seed, GetParam(), 12);
    ASSERT_EQ(run.run_within_budget(), "") << "seed " << seed;
    const size_t left = run.group.running().size();
    EXPECT_EQ(run.budget(Promise::kComplete).within, left > 0) << run.budget(Promise::kComplete).why;
    alone += left == 1 ? 1 : 0;
  }
  EXPECT_GT(alone, 0u);
}

// When a message never arrives, or a clock never runs again, the rest of the promises is what the tolerance leaves. And
// the budget is no smaller than it must be: what it does not demand does not hold.
TEST_P(EveryDetector, AboveTheBudgetKeepsWhatItsToleranceLeaves) {
  std::set<Promise> lost;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    for (const Lasting lasting : {Lasting::kCut, Lasting::kStoppedClock}) {
      PromisedRun run(seed, GetParam(), 1, lasting);
      EXPECT_TRUE(run.budget(Promise::kSound).within) << run.budget(Promise::kSound).why;
      const Budget complete = run.budget(Promise::kComplete);
      if (lasting == Lasting::kStoppedClock) {
        EXPECT_FALSE(complete.within) << complete.why;
      } else if (run.group.nodes.size() > 3) {  // else the crash and the ends of the cut may be all there are
        EXPECT_TRUE(complete.within) << complete.why;
      }
      EXPECT_FALSE(run.budget(Promise::kAccurate).within);
      EXPECT_FALSE(run.budget(Promise::kOneLeader).within);
      ASSERT_EQ(run.run_within_budget(), "") << "seed " << seed;
      for (const auto& [promise, how] : run.broken()) lost.insert(promise);
    }
  }
  EXPECT_TRUE(lost.contains(Promise::kAccurate));
  EXPECT_TRUE(lost.contains(Promise::kOneLeader));
  // With SWIM those whose clocks run tell the one whose clock does not.
  EXPECT_EQ(lost.contains(Promise::kComplete), GetParam() != DetectorKind::kSwim);
}

TEST(DetectorTolerance, CoversHaltingOfAllButOneAndNobodyThatLies) {
  using enum FailureClass;
  const auto within = [](const Tolerance& t, FailureSet what, Persistence persistence, std::vector<size_t> members,
                         Component component = Component::kProcess) {
    return judge(t, 4, std::vector{Strike{"it", {component, what, persistence}, std::move(members), 0}}).within;
  };
  for (size_t k = 0; k <= static_cast<size_t>(last_value(DetectorKind())); ++k) {
    for (size_t p = 0; p <= static_cast<size_t>(last_value(Promise())); ++p) {
      const auto promise = static_cast<Promise>(p);
      const Tolerance t = tolerance(static_cast<DetectorKind>(k), promise);
      EXPECT_TRUE(within(t, kFailResume, Persistence::kPermanent, {0, 1, 2})) << t.protocol;
      EXPECT_TRUE(within(t, kTiming, Persistence::kTransient, {0, 1, 2, 3})) << t.protocol;
      EXPECT_EQ(within(t, kCrash, Persistence::kPermanent, {0, 1, 2, 3}), promise == Promise::kSound) << t.protocol;
      EXPECT_FALSE(within(t, kArbitrary, Persistence::kTransient, {0})) << t.protocol;
      EXPECT_TRUE(within(t, kFailArbitrary, Persistence::kPermanent, {0, 1, 2, 3}, Component::kStorage)) << t.protocol;
      EXPECT_TRUE(within(t, kFailSafe, Persistence::kIntermittent, {0, 1, 2, 3}, Component::kChannel)) << t.protocol;
    }
  }
  // The paper's phi is not held to accuracy once messages are late: it has no means to learn.
  EXPECT_FALSE(within(accuracy_without_growth(), kLate, Persistence::kTransient, {0}, Component::kChannel));
  EXPECT_TRUE(within(accuracy_without_growth(), kCrash, Persistence::kPermanent, {0, 1, 2}));
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

// The others, which judge alone: what each slow observer may get wrong in an hour, against several hundred without heeding
// its own pauses (detect_planted_test).
TEST_P(EveryDetector, SlowObserversSeldomSuspectThoseThatAreWell) {
  if (GetParam() == DetectorKind::kSwim) return;  // suspects by hearsay, too; its verdict is a death, counted above
  size_t verdicts = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) verdicts += verdicts_of_the_slow(seed, GetParam());
  const double observer_hours = 10 * 3 * 300 / 3600.0;
  EXPECT_LT(static_cast<double>(verdicts) / observer_hours, GetParam() == DetectorKind::kPhi ? 80 : 20) << verdicts;
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

// Whoever has crashed for good is remembered for a while, then by nobody: nothing is sent to it any more, and nobody is
// told of it. If it comes back after all, it is a new one.
TEST_P(EveryDetector, WhoIsDeadForLongIsForgottenByAll) {
  SimulatedGroup group(1, {.kind = GetParam(), .members = 6, .period = Duration::millis(100)});
  const NodeId dead(5);
  group.start_all();
  group.world.run_until(Time::at_millis(20'000));
  group.node(dead).crash("for good");
  group.world.run_until(Time::at_millis(40'000));
  group.node(NodeId(6)).crash("fault");  // who joins meanwhile hears nothing of it
  group.node(NodeId(6)).start();
  const auto knows_the_dead = [&] {
    size_t count = 0;
    for (const NodeId id : group.running()) {
      for (const Fellow& f : group.node(id).core()->fellows(group.world.now())) count += f.node == dead ? 1 : 0;
    }
    return count;
  };
  EXPECT_GE(knows_the_dead(), 4u);
  group.world.run_until(Time::at_millis(100'000));
  EXPECT_EQ(knows_the_dead(), 0u);
  size_t sent = 0;
  group.net.set_tap([&](NodeId, NodeId to, const Slice&) { sent += to == dead ? 1 : 0; });
  group.world.run_until(Time::at_millis(200'000));
  EXPECT_EQ(sent, 0u);
  EXPECT_EQ(knows_the_dead(), 0u);
  group.node(dead).start();
  group.world.run_until(Time::at_millis(210'000));
  EXPECT_TRUE(group.agrees()) << group.view();
}

TEST(Group, TheSameSeedIsTheSameRunOnEveryBuild) {
  const auto hash = [](uint64_t seed, DetectorKind kind) {
    SimulatedGroup group(seed, {.kind = kind, .members = 6});
    RandomFaults faults(group, Time::at_millis(5'000), Time::at_millis(60'000), 15, 1);
    group.start_all();
    group.world.run_until(Time::at_millis(90'000));
    return group.world.trace().hash();
  };
  EXPECT_EQ(hash(1, DetectorKind::kSwim), 15932003694559039610u);
  EXPECT_EQ(hash(1, DetectorKind::kHeartbeat), 3938438179008831563u);
  EXPECT_EQ(hash(1, DetectorKind::kPhi), 17354357885475698864u);
  EXPECT_NE(hash(1, DetectorKind::kSwim), hash(2, DetectorKind::kSwim));
}

}  // namespace
}  // namespace holdfast::detect
