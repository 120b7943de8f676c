// How members find each other: whoever is alone asks on, ever more seldom.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "holdfast/detect/roster.h"
#include "holdfast/detect/swim.h"

namespace holdfast::detect {
namespace {

// When a member that nobody answers asks, in `time`.
template <class Core, class Config>
std::vector<Time> asks(const Config& config, Duration time) {
  Core core(config);
  typename Core::Out out;
  std::vector<Time> times;
  Time now;
  core.start(now, out);
  while (now <= Time() + time) {
    if (!out.sent.empty()) times.push_back(now);
    out.clear();
    now = core.deadline();
    core.on_time(now, out);
  }
  return times;
}

// Pauses double up to the last one, half of each is random, and members that began together part.
void expect_backing_off(const std::function<std::vector<Time>(uint64_t seed)>& run, Duration first, Duration last) {
  std::set<std::vector<Time>> runs;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<Time> times = run(seed);
    ASSERT_GT(times.size(), 10u);
    Duration whole = first;
    for (size_t i = 1; i < times.size(); ++i, whole = std::min(whole * 2, last)) {
      const Duration pause = times[i] - times[i - 1];
      EXPECT_LE(pause, whole) << i;
      EXPECT_GE(pause, whole / 2) << i;
    }
    runs.insert(times);
  }
  EXPECT_EQ(runs.size(), 20u);
}

TEST(Joining, SwimAsksEverMoreSeldom) {
  SwimConfig config{.self = NodeId(9), .seeds = {NodeId(1)}};
  expect_backing_off(
      [&](uint64_t seed) {
        config.seed = seed;
        return asks<Swim>(config, Duration::seconds(300));
      },
      config.join_pause_first, config.join_pause_last);
}

TEST(Joining, ARosterAsksEverMoreSeldom) {
  RosterConfig config{.self = NodeId(9), .seeds = {NodeId(1)}};
  expect_backing_off(
      [&](uint64_t seed) {
        config.seed = seed;
        return asks<Roster>(config, Duration::seconds(300));
      },
      config.retry, config.refresh);
}

}  // namespace
}  // namespace holdfast::detect
