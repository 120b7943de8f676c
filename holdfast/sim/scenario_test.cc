#include "holdfast/sim/scenario.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

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
  EXPECT_GE(count, 5u);
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
  EXPECT_EQ(spec->store.read_mode, raft::ReadMode::kLease);
  EXPECT_EQ(spec->workload.weights[static_cast<size_t>(Ask::kPut)], 1u);
  EXPECT_EQ(spec->workload.weights[static_cast<size_t>(Ask::kGet)], 0u);
  ASSERT_EQ(spec->plan.faults.size(), 2u);
  EXPECT_FALSE(spec->plan.faults[0].leader);
  EXPECT_TRUE(spec->plan.faults[1].leader);
  EXPECT_EQ(spec->plan.faults[0].kind, FaultKind::kPartition);
  EXPECT_EQ(spec->plan.faults[0].members, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(spec->plan.faults[0].start, Time::at_millis(100));
  EXPECT_FALSE(spec->plan.above_budget);
}

TEST(Scenario, MistakesAreNamedWithTheirLine) {
  const std::pair<const char*, const char*> mistakes[] = {
      {"seed = ", "line 1"},
      {"\n[cluster]\nmembers = 99", "line 3, [cluster]: members must lie between 1 and 9"},
      {"[cluster]\nmember = 3", "unknown key \"member\""},
      {"[cluster]\nreads = \"dirty\"", "reads must be"},
      {"[[fault]]\nname = \"crash\"\nmembers = \"lead\"", "members must be a list of positions, from 0, or \"leader\""},
      {"[workload]\nput = \"often\"", "put must be an integer"},
      {"[workload]\nput = 0", "no request has a weight"},
      {"[[fault]]\nname = \"gremlins\"", "there is no fault named \"gremlins\""},
      {"[[fault]]\nname = \"loss\"\nat = 3", "unknown key \"at\""},
      {"colour = 1", "unknown key \"colour\""},
  };
  for (const auto& [text, expected] : mistakes) {
    const StatusOr<RunSpec> spec = parse_scenario(text, "x.toml");
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_NE(spec.status().message().find(expected), std::string_view::npos) << spec.status();
  }
}

TEST(Scenario, AFaultThatCostsSafetyPutsTheRunAboveTheBudget) {
  const StatusOr<RunSpec> spec = parse_scenario("[[fault]]\nname = \"wipe\"\nat_ms = 5", "x.toml");
  ASSERT_TRUE(spec.ok());
  EXPECT_TRUE(spec->plan.above_budget);
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
