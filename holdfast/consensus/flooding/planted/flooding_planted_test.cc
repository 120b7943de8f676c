// The random runs of flooding consensus find the bugs planted in it, and are silent without.
#include <gtest/gtest.h>

#include "holdfast/base/planted.h"
#include "holdfast/consensus/flooding/flooding_testing.h"

namespace holdfast::flooding {
namespace {

// The first seed whose run breaks a promise; 0: none of `most` does.
uint64_t found_by(std::string_view bug, Agreement agreement, uint64_t most) {
  planted_bug = bug;
  uint64_t found = 0;
  for (uint64_t seed = 1; seed <= most && found == 0; ++seed) {
    if (!InstanceRun(seed, agreement).violation().empty()) found = seed;
  }
  planted_bug = {};
  return found;
}

TEST(PlantedFloodingBugs, ChoosingAfterTheFirstRound) {
  const uint64_t seed = found_by("FLOOD-EARLY", Agreement::kCorrect, 500);
  EXPECT_GT(seed, 0u);
  RecordProperty("seed", static_cast<int>(seed));
}

TEST(PlantedFloodingBugs, DecidingBeforeAllHaveChosen) {
  EXPECT_GT(found_by("FLOOD-ALONE", Agreement::kUniform, 5000), 0u);
  // Where nobody promised more, it is no bug.
  EXPECT_EQ(found_by("FLOOD-ALONE", Agreement::kCorrect, 500), 0u);
}

TEST(PlantedFloodingBugs, SayingARoundAndAChoiceInOneStep) {
  EXPECT_GT(found_by("FLOOD-TWO", Agreement::kCorrect, 20'000), 0u);
  EXPECT_GT(found_by("FLOOD-TWO", Agreement::kUniform, 20'000), 0u);
}

TEST(PlantedFloodingBugs, NoneMeansNone) {
  EXPECT_EQ(found_by("", Agreement::kCorrect, 500), 0u);
  EXPECT_EQ(found_by("", Agreement::kUniform, 500), 0u);
}

}  // namespace
}  // namespace holdfast::flooding
