// The random runs find the bugs of others (docs/planted-bugs.md) that are planted in this room. Each run is a process
// of its own, because a planted bug may also break an invariant and abort.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "holdfast/base/planted.h"
#include "holdfast/consensus/pbft/world_testing.h"

#ifndef HOLDFAST_PLANTED_BUGS
#error "this test is compiled with the rooms it tests, with HOLDFAST_PLANTED_BUGS"
#endif

namespace holdfast::pbft {
namespace {

// Whether the run of `seed` breaks a promise when `bug` is in force.
bool finds(std::string_view bug, uint64_t seed) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (std::getenv("PBFT_VERBOSE") == nullptr) std::freopen("/dev/null", "w", stderr);
    planted_bug = bug;
    World world(seed);
    const std::string violation = world.run();
    std::fprintf(stderr, "seed %lu: %s\n", seed, violation.c_str());
    _exit(violation.empty() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

class PbftPlanted : public testing::TestWithParam<const char*> {};

TEST_P(PbftPlanted, IsFoundByARandomRun) {
  constexpr uint64_t kSeeds = 3000;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    if (!finds(GetParam(), seed)) continue;
    std::printf("%s: found by seed %lu\n", GetParam(), seed);
    return;
  }
  FAIL() << GetParam() << " is not found by " << kSeeds << " random runs";
}

TEST(PbftPlanted, NothingIsFoundWhereNothingIsPlanted) {
  for (uint64_t seed = 1; seed <= 10; ++seed) EXPECT_FALSE(finds("", seed)) << seed;
}

INSTANTIATE_TEST_SUITE_P(Bugs, PbftPlanted, testing::Values("B1", "B2", "B4", "B5", "B7", "B10", "B11", "M3"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace holdfast::pbft
