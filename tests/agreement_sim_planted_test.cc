// The random runs of the simulated world find the bugs that are planted in flooding consensus, the generals and
// single-decree Paxos, and are silent without. Each hunt is a process of its own: a bug may break an invariant and
// abort.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holdfast/base/planted.h"
#include "tests/flooding_sim_testing.h"
#include "tests/generals_sim_testing.h"
#include "tests/synod_sim_testing.h"

namespace holdfast {
namespace {

using Breaks = bool (*)(uint64_t seed);  // whether a promise was broken

bool flooding_correct(uint64_t seed) {
  return !flooding::SimulatedFlooding(seed, flooding::Agreement::kCorrect).run().empty();
}
bool flooding_uniform(uint64_t seed) {
  return !flooding::SimulatedFlooding(seed, flooding::Agreement::kUniform).run().empty();
}
bool oral(uint64_t seed) { return !generals::SimulatedBattle<generals::OralGeneral>(seed).run().empty(); }
bool written(uint64_t seed) { return !generals::SimulatedBattle<generals::WrittenGeneral>(seed).run().empty(); }
bool synod(uint64_t seed) { return !synod::SimulatedSynod(seed).run().empty(); }

bool found(std::string_view bug, Breaks run, uint64_t seeds) {
  const pid_t child = fork();
  if (child == 0) {
    close(STDERR_FILENO);  // a failed assertion is a success here
    planted_bug = bug;
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      alarm(60);  // a bug may also make a run endless
      if (run(seed)) _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct Hunt {
  const char* bug;
  Breaks run;
  uint64_t seeds;
};
class PlantedInTheSimulator : public testing::TestWithParam<Hunt> {};

TEST_P(PlantedInTheSimulator, IsFound) { EXPECT_TRUE(found(GetParam().bug, GetParam().run, GetParam().seeds)); }

INSTANTIATE_TEST_SUITE_P(All, PlantedInTheSimulator,
                         testing::Values(Hunt{"FLOOD-EARLY", flooding_correct, 3000},
                                         Hunt{"FLOOD-ALONE", flooding_uniform, 3000}, Hunt{"OM-TRUST", oral, 500},
                                         Hunt{"SM-LATE", written, 3000}, Hunt{"SM-UNCHECKED", written, 500},
                                         Hunt{"R3", synod, 60'000}, Hunt{"SYNOD-FORGET", synod, 3000},
                                         Hunt{"SYNOD-LOW", synod, 60'000}, Hunt{"SYNOD-OWN", synod, 3000},
                                         Hunt{"SYNOD-TWICE", synod, 3000}),
                         [](const auto& info) {
                           std::string name = info.param.bug;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(PlantedInTheSimulatorToo, NoneMeansNone) {
  for (const Breaks run : {flooding_correct, flooding_uniform, oral, written, synod}) EXPECT_FALSE(found("", run, 200));
}

}  // namespace
}  // namespace holdfast
