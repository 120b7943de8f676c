// The random runs find the bugs of others (docs/planted-bugs.md) that are planted in this room.
#include "holdfast/consensus/raft/random_run.h"
#include "holdfast/consensus/random_hunt_testing.h"

#ifndef HOLDFAST_PLANTED_BUGS
#error "this test is compiled with the rooms it tests, with HOLDFAST_PLANTED_BUGS"
#endif

namespace holdfast::raft {
namespace {

class RaftPlanted : public testing::TestWithParam<const char*> {};

TEST_P(RaftPlanted, IsFoundByARandomRun) { consensus::expect_found<RandomRun>(GetParam(), 3000); }

TEST(RaftPlanted, NothingIsFoundWhereNothingIsPlanted) {
  consensus::expect_nothing_found_where_nothing_is_planted<RandomRun>();
}

INSTANTIATE_TEST_SUITE_P(Bugs, RaftPlanted,
                         testing::Values("R1", "R2", "R3", "R4", "R6", "R8", "R10", "R11", "R13", "R14", "R20"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace holdfast::raft
