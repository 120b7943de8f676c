// Small-scope exhaustive exploration, to bounds that take seconds; larger ones are run by hand (docs/exploration.md).
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/exploration_models.h"
#include "tests/exploration_raft.h"

namespace holdfast::exploration {
namespace {

template <class Core>
explore::Verdict explored(const std::string& what, explore::Model<Core> model, size_t most = 3'000'000) {
  explore::Explorer<Core> explorer(std::move(model));
  explore::Verdict v = explorer.run(most);
  std::printf("%s", explore::summary(what, v).c_str());
  return v;
}

TEST(Exploration, FloodingOfThreeAtAllCrashPoints) {
  for (const auto agreement : {flooding::Agreement::kCorrect, flooding::Agreement::kUniform}) {
    const auto v = explored("flooding, 3 processes, 2 crashes, " + print(agreement),
                            flooding_model({.processes = 3, .crashes = 2, .agreement = agreement}));
    EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
    EXPECT_GT(v.states, 3000u);
  }
}

TEST(Exploration, FloodingOfFourAtAllPointsOfOneCrash) {
  const auto v = explored("flooding, 4 processes, 1 crash",
                          flooding_model({.processes = 4, .crashes = 1, .propose_at_start = true}));
  EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
}

// Arrivals that commute are tried in one order alone (docs/exploration.md): the same decisions, in far fewer states.
TEST(Exploration, FloodingOfFourAtAllPointsOfTwoAndThreeCrashes) {
  for (const uint32_t crashes : {2, 3}) {
    for (const auto agreement : {flooding::Agreement::kCorrect, flooding::Agreement::kUniform}) {
      const auto v = explored("flooding, 4 processes, " + std::to_string(crashes) + " crashes, " + print(agreement),
                              flooding_model({.processes = 4,
                                              .crashes = crashes,
                                              .agreement = agreement,
                                              .propose_at_start = true,
                                              .arrivals_first = true}));
      EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
    }
  }
}

// What may be left out is left out rightly: with and without the reduction the same can be raised by each process.
TEST(Exploration, ArrivalsTriedFirstHideNothing) {
  for (const auto agreement : {flooding::Agreement::kCorrect, flooding::Agreement::kUniform}) {
    std::set<std::string> ends[2];
    for (const bool first : {false, true}) {
      auto model = flooding_model({.processes = 3, .crashes = 2, .agreement = agreement, .arrivals_first = first});
      const auto invariant = model.invariant;
      model.invariant = [&, invariant, nodes = model.nodes](const auto& v) {
        std::string raised;
        for (const NodeId id : nodes) {
          const auto& n = v.node(id);
          raised += (n.core ? "up" : "down") + (n.raised.empty() ? std::string() : print(n.raised[0])) + " ";
        }
        ends[first ? 1 : 0].insert(raised);
        return invariant(v);
      };
      EXPECT_TRUE(explored("flooding, 3 processes, 2 crashes", std::move(model)).complete);
    }
    EXPECT_EQ(ends[0], ends[1]);
    EXPECT_GT(ends[0].size(), 50u);
  }
}

TEST(Exploration, AFalseSuspicionBreaksFloodingAndTheScheduleIsShown) {
  const auto v =
      explored("flooding, 3 processes, a detector that lies",
               flooding_model({.processes = 3, .crashes = 0, .propose_at_start = true, .detector_lies = true}));
  EXPECT_TRUE(v.violation.starts_with("agreement")) << v.violation;
  // The shortest way: one hears everybody, one believes that it is alone.
  EXPECT_NE(v.schedule.find("5. "), std::string::npos) << v.schedule;
  EXPECT_EQ(v.schedule.find("6. "), std::string::npos) << v.schedule;
  EXPECT_NE(v.schedule.find("is told that n1 has crashed"), std::string::npos) << v.schedule;
}

TEST(Exploration, SingleDecreePaxosWithTwoProposers) {
  const auto v = explored("single-decree Paxos, 1 + 1 ballots", synod_model({.first_ballots = 1, .second_ballots = 1}));
  EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
  EXPECT_GT(v.states, 10'000u);
}

TEST(Exploration, SingleDecreePaxosWithThreeBallotsOfTwoProposers) {
  const auto v = explored("single-decree Paxos, 2 + 1 ballots, judged by what was accepted",
                          synod_model({.first_ballots = 2, .second_ballots = 1, .learners = false}));
  EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
}

TEST(Exploration, OralMessagesAgainstAllThatOneTraitorCanSay) {
  for (const auto order : {generals::Order::kRetreat, generals::Order::kAttack}) {
    const auto v = explored("OM(1), 4 generals, a lieutenant is the traitor, " + print(order),
                            oral_model({.traitor = NodeId(2), .order = order}));
    EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
  }
  const auto v = explored("OM(1), 4 generals, the commander is the traitor", oral_model({.traitor = NodeId(1)}));
  EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
}

TEST(Exploration, ThreeGeneralsFail) {
  const auto v =
      explored("OM(1), 3 generals, a lieutenant is the traitor", oral_model({.generals = 3, .traitor = NodeId(2)}));
  EXPECT_TRUE(v.violation.starts_with("IC2")) << v.violation;
}

TEST(Exploration, ElectionOfRaftInTwoTerms) {
  const auto v = explored("Raft election, 3 members, 2 terms", election_model({.highest_term = 2}));
  EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
  EXPECT_GT(v.states, 10'000u);
}

TEST(Exploration, ElectionOfRaftWithAVoterThatCrashesBetweenItsRecords) {
  const auto v = explored("Raft election, 3 members, 1 term, one voter crashes",
                          election_model({.highest_term = 1, .crashes = 1, .brittle = NodeId(3)}));
  EXPECT_TRUE(v.complete) << v.violation << "\n" << v.schedule;
}

}  // namespace
}  // namespace holdfast::exploration
