// Random runs against what Raft promises: election safety, log matching, leader append-only, leader completeness, state
// machine safety, linearizable reads, and progress once faults have healed (random_run.h).
#include "holdfast/consensus/random_hunt_testing.h"

#include "holdfast/consensus/raft/random_run.h"

namespace holdfast::raft {
namespace {

TEST(RaftRandom, NoPromiseIsBroken) { consensus::expect_no_broken_promise<RandomRun>("RAFT", 2000); }

}  // namespace
}  // namespace holdfast::raft
