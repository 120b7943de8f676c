// The random runs of distributed commit find the planted bugs of known-bugs.md that belong to it, and are silent
// without.
#include <gtest/gtest.h>

#include <algorithm>

#include "holdfast/base/planted.h"
#include "holdfast/commit/commit_random_testing.h"

namespace holdfast::commit {
namespace {

// The number of seeds, counted from `first`, until a run breaks atomic commitment or does not end when its faults have
// healed; 0: none of `most` does.
uint64_t seeds_until_found(uint64_t first, uint64_t most) {
  for (uint64_t i = 0; i < most; ++i) {
    RandomRun run(first + i, Faults{});
    run.run(1500);
    const bool healed = run.checker.violations.empty() && run.heal();
    if (!healed || !run.checker.violations.empty()) return i + 1;
  }
  return 0;
}

uint64_t median_seeds(std::string_view bug) {
  planted_bug = bug;
  std::vector<uint64_t> tries;
  for (uint64_t k = 0; k < 15; ++k) tries.push_back(seeds_until_found(k * 10'000 + 1, 100));
  planted_bug = {};
  EXPECT_EQ(std::count(tries.begin(), tries.end(), 0u), 0) << bug << " stayed hidden";
  std::sort(tries.begin(), tries.end());
  return tries[tries.size() / 2];
}

TEST(PlantedCommitBugs, DecisionBeforeItsRecordIsStable) {
  const uint64_t median = median_seeds("C1");
  RecordProperty("median_seeds_C1", static_cast<int>(median));
  EXPECT_LE(median, 30u);
}

TEST(PlantedCommitBugs, VoteBeforeItsPromiseIsStable) {
  const uint64_t median = median_seeds("C2");
  RecordProperty("median_seeds_C2", static_cast<int>(median));
  EXPECT_LE(median, 30u);
}

TEST(PlantedCommitBugs, NoneMeansNone) { EXPECT_EQ(seeds_until_found(1, 30), 0u); }

}  // namespace
}  // namespace holdfast::commit
