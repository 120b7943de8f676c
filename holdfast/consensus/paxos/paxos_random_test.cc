// Random runs against what Paxos promises: one value per ballot and slot, one chosen value per slot, promises that are
// kept over restarts, linearizable reads, and progress once faults have healed (random_run.h).
#include "holdfast/consensus/random_hunt_testing.h"

#include "holdfast/consensus/paxos/random_run.h"

namespace holdfast::paxos {
namespace {

TEST(PaxosRandom, NoPromiseIsBroken) { consensus::expect_no_broken_promise<RandomRun>("PAXOS", 500); }

}  // namespace
}  // namespace holdfast::paxos
