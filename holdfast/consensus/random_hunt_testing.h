// For tests: many random runs (random_run.h), with and without a planted bug (base/planted.h) in force. `Run` is an
// engine's RandomRun.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "holdfast/base/planted.h"

namespace holdfast::consensus {

// Runs seed after seed until one breaks a promise. By hand, with NAME = `engine`: NAME_SEEDS=N runs that many,
// NAME_SEED=N only that one, NAME_TRACE=1 tells every message, NAME_VERBOSE=1 every seed.
template <class Run>
void expect_no_broken_promise(const std::string& engine, uint64_t runs) {
  const auto number = [&](const char* what) -> uint64_t {
    const char* value = std::getenv((engine + what).c_str());
    return value == nullptr ? 0 : std::strtoull(value, nullptr, 10);
  };
  const uint64_t only = number("_SEED");
  const uint64_t first = only != 0 ? only : 1;
  if (number("_SEEDS") != 0) runs = number("_SEEDS");
  if (only != 0) runs = 1;
  size_t steps = 0, reads = 0;
  uint64_t committed = 0;
  for (uint64_t seed = first; seed < first + runs && !testing::Test::HasFailure(); ++seed) {
    Run run(seed);
    if (number("_VERBOSE") != 0) std::fprintf(stderr, "seed %lu\n", seed);
    if (number("_TRACE") != 0) run.trace = [](const std::string& line) { std::puts(line.c_str()); };
    EXPECT_EQ(run.run(), "") << "seed " << seed << ", again by " << engine << "_SEED=" << seed;
    steps += run.steps();
    reads += run.reads_answered();
    committed += run.committed().value();
  }
  std::printf("%lu runs, %zu steps, %lu entries committed, %zu reads answered\n", runs, steps, committed, reads);
  if (only != 0) return;
  EXPECT_GT(committed, runs * 40);
  EXPECT_GT(reads, runs * 40);
}

#ifdef HOLDFAST_PLANTED_BUGS
// Whether the run of `seed` breaks a promise when `bug` is in force. In a process of its own, because a planted bug may
// also break an invariant and abort.
template <class Run>
bool finds(std::string_view bug, uint64_t seed) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stderr);
    planted_bug = bug;
    Run run(seed);
    const std::string broken = run.run();
    if (broken.empty()) _exit(0);
    std::printf("%s\n", broken.c_str());
    std::fflush(stdout);
    _exit(1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

template <class Run>
void expect_found(std::string_view bug, uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    if (!finds<Run>(bug, seed)) continue;
    std::printf("%s: found by seed %lu\n", std::string(bug).c_str(), seed);
    return;
  }
  FAIL() << bug << " is not found by " << seeds << " random runs";
}

template <class Run>
void expect_nothing_found_where_nothing_is_planted() {
  for (uint64_t seed = 1; seed <= 50; ++seed) EXPECT_FALSE(finds<Run>("", seed)) << seed;
}
#endif

}  // namespace holdfast::consensus
