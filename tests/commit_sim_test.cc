// Atomic commitment in the simulated world, AC1 to AC5, under faults of network, processes, disks and clocks.
#include <gtest/gtest.h>

#include "tests/commit_sim_testing.h"

namespace holdfast::commit {
namespace {

std::string first_violation(const SimulatedCommit& run) {
  if (run.world.violations().empty()) return {};
  const sim::Violation& v = run.world.violations().front();
  return v.oracle + " at " + to_text(v.at) + ": " + v.explanation;
}

TEST(CommitInTheSimulator, HoldsUnderFaultsAndEndsWhenTheyHeal) {
  size_t commits = 0, aborts = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SimulatedCommit run(seed, /*faults=*/true);
    ASSERT_TRUE(run.run()) << "seed " << seed << ": " << first_violation(run);
    commits += run.checker.count(Outcome::kCommit);
    aborts += run.checker.count(Outcome::kAbort);
  }
  EXPECT_GT(commits, 20'000u);
  EXPECT_GT(aborts, 6'000u);
}

TEST(CommitInTheSimulator, CommitsEverythingWhenNothingFailsAndAllVoteYes) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SimulatedCommit run(seed, /*faults=*/false);
    run.all_vote_yes = true;
    ASSERT_TRUE(run.run()) << "seed " << seed << ": " << first_violation(run);
    EXPECT_GT(run.begun, 200u);
    ASSERT_EQ(run.checker.count(Outcome::kCommit), run.begun) << "seed " << seed;
  }
}

TEST(CommitInTheSimulator, TheSameSeedIsTheSameRun) {
  const auto hash = [](uint64_t seed) {
    SimulatedCommit run(seed, true);
    run.run();
    return run.world.trace().hash();
  };
  EXPECT_EQ(hash(5), hash(5));
  EXPECT_NE(hash(5), hash(6));
}

}  // namespace
}  // namespace holdfast::commit
