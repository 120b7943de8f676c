// Random runs against what PBFT promises: one order, one state, once only, linear answers, views that do not fall, and
// answers for everything once what is above the budget has healed (world_testing.h).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "holdfast/consensus/pbft/world_testing.h"

namespace holdfast::pbft {
namespace {

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(PbftRandom, NoPromiseIsBroken) {
  const uint64_t only = number("PBFT_SEED", 0);
  const uint64_t first = only != 0 ? only : number("PBFT_FIRST", 1);
  const uint64_t runs = only != 0 ? 1 : number("PBFT_SEEDS", 60);
  size_t steps = 0, answered = 0, epochs = 0;
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    if (std::getenv("PBFT_VERBOSE") != nullptr) std::fprintf(stderr, "seed %lu\n", seed);
    World world(seed);
    if (std::getenv("PBFT_TRACE") != nullptr) world.trace = [](const std::string& line) { std::puts(line.c_str()); };
    const std::string violation = world.run();
    EXPECT_EQ(violation, "") << "seed " << seed << ": PBFT_SEED=" << seed << " pbft_random_test";
    steps += world.steps();
    answered += world.answered();
    epochs += world.epochs();
    if (HasFailure() && std::getenv("PBFT_ALL") == nullptr) break;
  }
  std::printf("%lu runs, %zu steps, %zu operations answered, %zu changes of the membership\n", runs, steps, answered,
              epochs);
  if (only == 0) {
    EXPECT_GT(answered, runs * 100);
    EXPECT_GT(epochs, runs / 20);
  }
}

}  // namespace
}  // namespace holdfast::pbft
