// Single-decree Paxos keeps its promises in the simulated world, under every fault that it claims to survive.
#include <gtest/gtest.h>

#include "tests/synod_sim_testing.h"

namespace holdfast::synod {
namespace {

TEST(SynodInTheSimulator, HoldsUnderFaultsAndEndsWhenTheyHeal) {
  size_t early = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SimulatedSynod run(seed);
    ASSERT_EQ(run.run(), "") << "seed " << seed;
    early += run.decided_early() ? 1 : 0;
  }
  EXPECT_GT(early, 1000u);
}

}  // namespace
}  // namespace holdfast::synod
