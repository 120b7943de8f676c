// The random runs find the bugs of others (docs/planted-bugs.md) that are planted in this room.
#include "holdfast/consensus/paxos/random_run.h"
#include "holdfast/consensus/random_hunt_testing.h"

#ifndef HOLDFAST_PLANTED_BUGS
#error "this test is compiled with the rooms it tests, with HOLDFAST_PLANTED_BUGS"
#endif

namespace holdfast::paxos {
namespace {

class PaxosPlanted : public testing::TestWithParam<const char*> {};

TEST_P(PaxosPlanted, IsFoundByARandomRun) { consensus::expect_found<RandomRun>(GetParam(), 3000); }

TEST(PaxosPlanted, NothingIsFoundWhereNothingIsPlanted) {
  consensus::expect_nothing_found_where_nothing_is_planted<RandomRun>();
}

INSTANTIATE_TEST_SUITE_P(Bugs, PaxosPlanted,
                         testing::Values("R3", "R4", "R6", "R8", "R10", "R11", "R14", "R20", "S1", "M1", "M2", "M4"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace holdfast::paxos
