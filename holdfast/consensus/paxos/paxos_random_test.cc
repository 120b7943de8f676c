// Random runs against what Paxos promises: one value per ballot and slot, one chosen value per slot, promises that are
// kept over restarts, linearizable reads, and progress once faults have healed (random_run.h).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/paxos/random_run.h"

namespace holdfast::paxos {
namespace {

TEST(PaxosRandom, NoPromiseIsBroken) {
  const char* only = std::getenv("PAXOS_SEED");
  const char* count = std::getenv("PAXOS_SEEDS");
  const uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const uint64_t runs = only != nullptr ? 1 : count != nullptr ? std::strtoull(count, nullptr, 10) : 500;
  size_t steps = 0, reads = 0;
  uint64_t committed = 0;
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    RandomRun run(seed);
    if (std::getenv("PAXOS_VERBOSE")) std::fprintf(stderr, "seed %lu\n", seed);
    if (std::getenv("PAXOS_TRACE") != nullptr) run.trace = [](const std::string& line) { std::puts(line.c_str()); };
    const std::string violation = run.run();
    EXPECT_EQ(violation, "") << "seed " << seed << ": PAXOS_SEED=" << seed << " paxos_random_test";
    steps += run.steps();
    reads += run.reads_answered();
    committed += run.committed().value();
    if (HasFailure()) break;
  }
  std::printf("%lu runs, %zu steps, %lu entries committed, %zu reads answered\n", runs, steps, committed, reads);
  if (only == nullptr) {
    EXPECT_GT(committed, runs * 40);
    EXPECT_GT(reads, runs * 40);
  }
}

}  // namespace
}  // namespace holdfast::paxos
