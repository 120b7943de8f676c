// The random runs of failure detection find the planted bug of known-bugs.md that belongs to it, and are silent
// without.
#include <gtest/gtest.h>

#include "holdfast/base/planted.h"
#include "tests/detect_group_testing.h"

namespace holdfast::detect {
namespace {

// The false-positive bound: of ten runs with four slow observers among twelve members, at most one may see a member
// that is well declared dead. (It cannot be none for ever: four slow observers may come to confirm each other.)
constexpr size_t kRuns = 10, kMostCondemning = 1;

size_t condemning_runs(uint64_t first) {
  size_t runs = 0;
  for (uint64_t i = 0; i < kRuns; ++i) runs += healthy_members_condemned(first + i, /*lifeguard=*/true) > 0 ? 1 : 0;
  return runs;
}

TEST(PlantedDetectorBugs, ASlowObserverThatTrustsItself) {
  planted_bug = "V10";
  for (uint64_t k = 0; k < 5; ++k) EXPECT_GT(condemning_runs(k * 10'000 + 1), kMostCondemning) << "V10 stayed hidden";
  planted_bug = {};
}

TEST(PlantedDetectorBugs, NoneMeansNone) {
  for (uint64_t k = 0; k < 20; ++k) EXPECT_LE(condemning_runs(k * 10'000 + 1), kMostCondemning) << k;
}

}  // namespace
}  // namespace holdfast::detect
