#include "holdfast/sim/engine_choice.h"

#include "holdfast/consensus/paxos/tolerance.h"
#include "holdfast/consensus/pbft/tolerance.h"
#include "holdfast/consensus/raft/tolerance.h"

namespace holdfast::sim {

using replica::EngineKind;

Tolerance tolerance_of(EngineKind engine, consensus::ReadMode reads) {
  if (engine == EngineKind::kPaxos) return paxos::tolerance(reads);
  return engine == EngineKind::kPbft ? pbft::tolerance() : raft::tolerance(reads);
}

void run_on(RunSpec& spec, EngineKind engine) {
  spec.store.engine = engine;
  if (engine != EngineKind::kPbft) return;
  spec.store.members = spec.store.members > 4 ? 7 : 4;
  // Changes of the membership run by themselves (tests/group_change_sim_test): who joins counts among those who may fail.
  spec.workload.change_members = false;
}

}  // namespace holdfast::sim
