// Each of the twelve ways in which a member may be Byzantine (consensus/liars: Y1 to Y12), by itself: one member of four
// does nothing else, on top of all that networks and crashes do; it does so often enough to count, and hurts nobody.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "holdfast/base/print.h"
#include "holdfast/consensus/pbft/world_testing.h"

namespace holdfast::pbft {
namespace {

class EveryLie : public testing::TestWithParam<Lie> {};

TEST_P(EveryLie, OfOneMemberOfFourIsToldAndHurtsNobody) {
  constexpr uint64_t kRuns = 4;
  size_t deeds = 0, answered = 0;
  for (uint64_t seed = 1; seed <= kRuns; ++seed) {
    Random random(hash_combine(seed, static_cast<uint64_t>(GetParam())));
    Plan plan(random);
    plan.members = 4;
    plan.liars = {{static_cast<int>(seed - 1), GetParam()}};
    plan.victim.reset();
    plan.lone.reset();
    plan.changes = false;
    plan.snapshots = plan.reads = true;
    plan.primaries_fall = true;  // so that there are changes of view to lie about
    ASSERT_TRUE(plan.within_budget());
    World world(seed, plan);
    EXPECT_EQ(world.run(), "") << print(GetParam()) << ", seed " << seed;
    deeds += world.deeds();
    answered += world.answered();
  }
  std::printf("Y%zu %s: %zu deeds, %zu answers\n", static_cast<size_t>(GetParam()) + 1, print(GetParam()).c_str(),
              deeds, answered);
  EXPECT_GT(deeds, kRuns * 3) << "it told hardly a lie";
  EXPECT_GT(answered, kRuns * 50);
}

std::vector<Lie> all() {
  std::vector<Lie> lies;
  for (size_t i = 0; i <= static_cast<size_t>(last_value(Lie())); ++i) lies.push_back(static_cast<Lie>(i));
  return lies;
}
INSTANTIATE_TEST_SUITE_P(Y, EveryLie, testing::ValuesIn(all()), [](const auto& info) {
  return "Y" + std::to_string(static_cast<size_t>(info.param) + 1) + "_" + print(info.param);
});

}  // namespace
}  // namespace holdfast::pbft
