// The random runs of single-decree Paxos find the bugs planted in it, and are silent without.
#include <gtest/gtest.h>

#include <algorithm>

#include "holdfast/base/planted.h"
#include "holdfast/consensus/synod/synod_testing.h"

namespace holdfast::synod {
namespace {

// The number of seeds, counted from `first`, until a run breaks a promise; 0: none of `most` does.
uint64_t seeds_until_found(uint64_t first, uint64_t most) {
  for (uint64_t i = 0; i < most; ++i) {
    if (!RandomRun(first + i).run().empty()) return i + 1;
  }
  return 0;
}

class PlantedSynodBugs : public testing::TestWithParam<const char*> {};

TEST_P(PlantedSynodBugs, IsFoundByRandomRuns) {
  planted_bug = GetParam();
  std::vector<uint64_t> tries;
  for (uint64_t k = 0; k < 3; ++k) tries.push_back(seeds_until_found(k * 100'000 + 1, 4000));
  planted_bug = {};
  EXPECT_EQ(std::count(tries.begin(), tries.end(), 0u), 0) << GetParam() << " stayed hidden";
  std::sort(tries.begin(), tries.end());
  RecordProperty("median_seeds", static_cast<int>(tries[1]));
  std::printf("%s: found after %lu, %lu, %lu seeds\n", GetParam(), tries[0], tries[1], tries[2]);
}

INSTANTIATE_TEST_SUITE_P(All, PlantedSynodBugs, testing::Values("R3", "SYNOD-FORGET", "SYNOD-OWN", "SYNOD-TWICE"),
                         [](const auto& i) {
                           std::string name = i.param;
                           std::erase(name, '-');
                           return name;
                         });

// It takes three ballots, of which the first reached a minority and the second a majority that did not tell.
TEST(PlantedSynodBugs, TheValueOfALowerBallotIsFoundByManyRandomRuns) {
  planted_bug = "SYNOD-LOW";
  const uint64_t tries = seeds_until_found(200'001, 30'000);
  planted_bug = {};
  EXPECT_GT(tries, 0u);
  std::printf("SYNOD-LOW: found after %lu seeds\n", tries);
}

TEST(PlantedSynodBugs, NoneMeansNone) { EXPECT_EQ(seeds_until_found(1, 300), 0u); }

}  // namespace
}  // namespace holdfast::synod
