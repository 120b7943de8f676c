#include "holdfast/sim/scenario.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "holdfast/base/mark.h"

namespace holdfast::sim {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Scenario, EveryScenarioOfTheHouseKeepsEveryPromise) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(HOLDFAST_SOURCE_DIR "/holdfast/sim/scenarios")) {
    const std::string name = entry.path().filename();
    StatusOr<RunSpec> spec = parse_scenario(read(entry.path()), name);
    ASSERT_TRUE(spec.ok()) << spec.status();
    const uint64_t first = spec->seed;
    for (uint64_t seed = first; seed < first + 5; ++seed) {
      spec->seed = seed;
      const RunResult result = run_store(*spec);
      for (const Violation& v : result.violations) {
        ADD_FAILURE() << name << " with seed " << seed << ": " << v.oracle << "\n" << v.explanation;
      }
      EXPECT_GT(result.answered, 50u) << name << " with seed " << seed;
    }
    ++count;
  }
  EXPECT_GE(count, 7u);
  uint64_t older_snapshots = 0;
  for (const Mark* m : all_marks()) older_snapshots += m->name == "replica.older_snapshot_used" ? m->hits.load() : 0;
  EXPECT_GT(older_snapshots, 0u) << "a snapshot rotted, and nobody noticed";
}

TEST(Scenario, WhatItSaysIsWhatRuns) {
  StatusOr<RunSpec> spec = parse_scenario(R"(
    seed = 7
    faults_ms = 1234
    [cluster]
    members = 5
    reads = "lease"
    [workload]
    clients = 3
    put = 1
    [[fault]]
    name = "N9"
    at_ms = 100
    for_ms = 200
    members = [0, 1]
    strength = 900
    [[fault]]
    name = "crash"
    members = "leader"
  )",
                                          "test.toml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->seed, 7u);
  EXPECT_EQ(spec->faults, Duration::millis(1234));
  EXPECT_EQ(spec->store.members, 5u);
  EXPECT_EQ(spec->store.read_mode, consensus::ReadMode::kLease);
  EXPECT_EQ(spec->workload.weights[static_cast<size_t>(Ask::kPut)], 1u);
  EXPECT_EQ(spec->workload.weights[static_cast<size_t>(Ask::kGet)], 0u);
  ASSERT_EQ(spec->plan.faults.size(), 2u);
  EXPECT_FALSE(spec->plan.faults[0].leader);
  EXPECT_TRUE(spec->plan.faults[1].leader);
  EXPECT_EQ(spec->plan.faults[0].kind, FaultKind::kPartition);
  EXPECT_EQ(spec->plan.faults[0].members, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(spec->plan.faults[0].start, Time::at_millis(100));
}

TEST(Scenario, MistakesAreNamedWithTheirLine) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"seed = ", "line 1"},
      {"\n[cluster]\nmembers = 99", "line 3, [cluster]: members must lie between 1 and 9"},
      {"[cluster]\nmember = 3", "unknown key \"member\""},
      {"[cluster]\nreads = \"dirty\"", "reads must be"},
      {"[[fault]]\nname = \"crash\"\nmembers = \"lead\"", "members must be a list of positions, from 0, or \"leader\""},
      {"[[fault]]\nname = \"crash\"\nmembers = []", "line 3, [[fault]]: members must be a list of positions"},
      {"[[fault]]\nname = \"crash\"\nmembers = [0, 3]", "line 3, [[fault]]: a position of a member must be a number from 0 to 2"},
      {"[[fault]]\nname = \"crash\"\nmembers = [-1]", "a position of a member must be"},
      {"[[fault]]\nname = \"crash\"\nmembers = [1.5]", "a position of a member must be"},
      {"[[fault]]\nname = \"crash\"\nmembers = [\"n1\"]", "a position of a member must be"},
      {"cluster = 3", "line 1, top level: cluster must be a table: [cluster]"},
      {"fault = \"crash\"", "faults are written as [[fault]]"},
      {"fault = [1]", "faults are written as [[fault]]"},
      {"[workload]\nput = \"often\"", "put must be an integer"},
      {"[workload]\nput = 0", "no request has a weight"},
      {"[[fault]]\nname = \"gremlins\"", "there is no fault named \"gremlins\""},
      {"[[fault]]\nname = \"loss\"\nat = 3", "unknown key \"at\""},
      {"colour = 1", "unknown key \"colour\""},
      {"title = \"a\"\n\u00e9 = 1", "x.toml: line 2: letters beyond ASCII"},
      {"title = \"a\" \u00e9", "line 1: letters beyond ASCII"},
      {"title = \"\"\"a\n\u00e9\"\"\"", "line 2: letters beyond ASCII"},
  };
  for (const auto& [text, expected] : mistakes) {
    const StatusOr<RunSpec> spec = parse_scenario(text, "x.toml");
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_NE(spec.status().message().find(expected), std::string_view::npos) << spec.status();
  }
}

TEST(Scenario, LettersBeyondAsciiMayStandInStringsAndComments) {
  for (const char* text : {"title = \"\u00e9 \\\" \u00e9\"", "title = '\u00e9\\' # \u00e9", "# it's \u00e9\nseed = 4"}) {
    EXPECT_TRUE(parse_scenario(text, "x.toml").ok()) << parse_scenario(text, "x.toml").status();
  }
}

Budget budget_under(const std::string& text) {
  const StatusOr<RunSpec> spec = parse_scenario(text, "x.toml");
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.ok() ? budget_of(*spec) : Budget();
}

TEST(Budget, IsWhatRaftToleratesOfThePlan) {
  const auto fault = [](const std::string& name, const std::string& more = "") {
    return "[[fault]]\nname = \"" + name + "\"\nat_ms = 5\n" + more + "\n";
  };
  EXPECT_TRUE(budget_under(fault("crash_all") + fault("partition") + fault("torn_writes")).within);
  const std::string lease = "[cluster]\nreads = \"lease\"\n";
  EXPECT_TRUE(budget_under(fault("freeze")).within);
  EXPECT_FALSE(budget_under(lease + fault("freeze")).safe) << "a lease needs clocks that run";
  EXPECT_TRUE(budget_under(lease + fault("drift") + fault("wall_clock") + fault("timer_error")).within);
  for (const char* lie : {"wipe", "old_image", "sync_lies", "lost_write", "misdirected_write"}) {
    EXPECT_FALSE(budget_under(fault(lie)).safe) << lie;
    EXPECT_FALSE(budget_under(fault(lie, "members = [0]")).safe) << lie << ": one that forgets is one too many";
  }
  EXPECT_TRUE(budget_under(fault("log_rot")).within) << "a minority may lose its disk";
  const Budget two = budget_under(fault("log_rot", "members = [0]") + fault("bit_rot", "members = [1]"));
  EXPECT_FALSE(two.within);
  EXPECT_TRUE(two.safe);
  EXPECT_TRUE(budget_under("[cluster]\nmembers = 5\n" + fault("log_rot") + fault("bit_rot")).within);
  EXPECT_FALSE(budget_under(fault("misdirected_read")).within) << "any number of members may be hit";
  EXPECT_TRUE(budget_under(fault("misdirected_read", "members = [2]")).within);
}

TEST(Budget, NoSeedIsAboveIt) {
  for (uint64_t seed = 1; seed <= 5000; ++seed) {
    const Budget budget = budget_of(swarm_spec(seed));
    ASSERT_TRUE(budget.within && budget.safe) << "seed " << seed << ": " << budget.why;
  }
}

// Two of three refuse to start: progress is not demanded, all the rest is.
TEST(Budget, AboveItOnlySafetyIsDemanded) {
  const StatusOr<RunSpec> spec = parse_scenario(
      "faults_ms = 3000\n[workload]\nput = 10\nget = 10\n"
      "[[fault]]\nname = \"log_rot\"\nat_ms = 1000\nmembers = [0]\n"
      "[[fault]]\nname = \"log_rot\"\nat_ms = 1100\nmembers = [1]\n",
      "x.toml");
  ASSERT_TRUE(spec.ok());
  const RunResult result = run_store(*spec);
  EXPECT_FALSE(result.budget.within);
  EXPECT_GT(result.answered, 0u);
  for (const Violation& v : result.violations) ADD_FAILURE() << v.oracle << "\n" << v.explanation;
}

TEST(Spec, SaysTheClassOfEveryFaultAndWhyTheRunIsWithinBudget) {
  const StatusOr<RunSpec> spec = parse_scenario("[[fault]]\nname = \"P3\"\nat_ms = 5\nfor_ms = 7", "x.toml");
  ASSERT_TRUE(spec.ok());
  const std::string text = describe(*spec);
  EXPECT_NE(text.find("P3 pause from 5 ms for 7 ms, strength 500/1000 (process: late, transient)\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("within the budget: every failure passes"), std::string::npos) << text;
}

TEST(Scenario, NamesTheEngine) {
  const auto engine = [](const std::string& text) { return parse_scenario(text, "x.toml")->store.engine; };
  EXPECT_EQ(engine("seed = 1"), replica::EngineKind::kRaft);
  EXPECT_EQ(engine("engine = \"paxos\""), replica::EngineKind::kPaxos);
  EXPECT_EQ(parse_scenario("engine = \"pbft\"", "x.toml")->store.members, 4u) << "PBFT needs four";
  const Status status = parse_scenario("seed = 1\nengine = \"zab\"", "x.toml").status();
  EXPECT_NE(status.message().find("engine must be raft, paxos or pbft"), std::string::npos) << status;
  EXPECT_NE(status.message().find("line 2"), std::string::npos) << status;
}

TEST(FaultTable, NamesAreUnique) {
  for (size_t i = 0; i < kFaultKinds; ++i) {
    const FaultKind kind = static_cast<FaultKind>(i);
    EXPECT_EQ(fault_named(info(kind).name), kind);
  }
  EXPECT_FALSE(fault_named("").has_value());
}

}  // namespace
}  // namespace holdfast::sim
