// Planted bugs are found by the ordinary random simulation of the whole store, from seed 1 on; and what a run says when
// it fails is enough to see it again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <span>
#include <sstream>
#include <vector>

#include "holdfast/sim/sim_main.h"
#include "tests/planted_hunt.h"

namespace holdfast::tests {
namespace {

constexpr uint64_t kSeeds = 1500;

class PlantedBugTest : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugTest, IsFound) {
  const Hunt found = hunt(GetParam().name, 1, kSeeds, run_of(GetParam(), replica::EngineKind::kRaft));
  EXPECT_FALSE(found.oracle.empty()) << GetParam().name << " was not found in " << found.seeds << " seeds";
  std::cout << GetParam().name << ": found after " << found.seeds << " seeds by " << found.oracle << "\n";
}

std::vector<PlantedBug> frequent(std::span<const PlantedBug> bugs) {
  std::vector<PlantedBug> out;
  std::copy_if(bugs.begin(), bugs.end(), std::back_inserter(out), [](const PlantedBug& bug) { return bug.in_test; });
  return out;
}
std::string name_of(const testing::TestParamInfo<PlantedBug>& info) { return std::string(info.param.name); }

INSTANTIATE_TEST_SUITE_P(All, PlantedBugTest, ::testing::ValuesIn(frequent(kPlantedBugs)), name_of);

// What the engines share shows over multi-Paxos too.
class PlantedOverPaxos : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedOverPaxos, IsFound) {
  const Hunt found = hunt(GetParam().name, 1, kSeeds, run_of(GetParam(), replica::EngineKind::kPaxos));
  EXPECT_FALSE(found.oracle.empty()) << GetParam().name << " was not found in " << found.seeds << " seeds";
  std::cout << GetParam().name << " over paxos: found after " << found.seeds << " seeds by " << found.oracle << "\n";
}

INSTANTIATE_TEST_SUITE_P(All, PlantedOverPaxos, ::testing::ValuesIn(frequent(kPlantedOverPaxos)), name_of);

struct Outcome {
  int code = 0;
  std::string out;
};

Outcome run(const std::vector<std::string>& args) {
  std::ostringstream out, err;
  const int code = sim::sim_main(args, out, err);
  return {code, out.str()};
}

TEST(Replay, AFailingSeedPrintsTheOneCommandThatFailsInTheSameWay) {
  planted_bug = "S10";
  const Outcome failed = run({"--seeds", "1..200"});
  EXPECT_EQ(failed.code, 1);
  const std::string before = "replay: holdfast sim --seed ";
  const size_t at = failed.out.find(before);
  ASSERT_NE(at, std::string::npos) << failed.out;
  const size_t number = at + before.size(), behind = failed.out.find(" --trace\n", number);
  ASSERT_NE(behind, std::string::npos) << failed.out;
  const Outcome again = run({"--seed", failed.out.substr(number, behind - number), "--trace"});
  EXPECT_EQ(again.code, 1);
  const std::string said = failed.out.substr(0, behind);
  EXPECT_THAT(again.out, ::testing::HasSubstr(said)) << "the same failure";
  planted_bug = "";
}

TEST(ReplayDeathTest, AnAssertionNamesTheSeedToo) {
  EXPECT_DEATH(
      {
        planted_bug = "R13";
        sim::sim_main({"--seeds", "1..200"}, std::cout, std::cerr);
      },
      "replay: holdfast sim --seed [0-9]+ --trace");
}

}  // namespace
}  // namespace holdfast::tests
