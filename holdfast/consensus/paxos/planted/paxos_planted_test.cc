// The random runs find the bugs of others (docs/planted-bugs.md) that are planted in this room. Each run is a process
// of its own, because a planted bug may also break an invariant and abort.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "holdfast/base/planted.h"
#include "holdfast/consensus/paxos/random_run.h"

#ifndef HOLDFAST_PLANTED_BUGS
#error "this test is compiled with the rooms it tests, with HOLDFAST_PLANTED_BUGS"
#endif

namespace holdfast::paxos {
namespace {

// Whether the run of `seed` breaks a promise when `bug` is in force.
bool finds(std::string_view bug, uint64_t seed) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stderr);
    planted_bug = bug;
    RandomRun run(seed);
    _exit(run.run().empty() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

class PaxosPlanted : public testing::TestWithParam<const char*> {};

TEST_P(PaxosPlanted, IsFoundByARandomRun) {
  constexpr uint64_t kSeeds = 3000;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    if (!finds(GetParam(), seed)) continue;
    std::printf("%s: found by seed %lu\n", GetParam(), seed);
    return;
  }
  FAIL() << GetParam() << " is not found by " << kSeeds << " random runs";
}

TEST(PaxosPlanted, NothingIsFoundWhereNothingIsPlanted) {
  for (uint64_t seed = 1; seed <= 50; ++seed) EXPECT_FALSE(finds("", seed)) << seed;
}

INSTANTIATE_TEST_SUITE_P(Bugs, PaxosPlanted, testing::Values("R3", "R4", "R6", "R8", "R10", "R14", "M1", "M2"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace holdfast::paxos
