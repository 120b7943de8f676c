// What a choice of engine means for a simulated run.
#pragma once

#include "holdfast/model/tolerance.h"
#include "holdfast/sim/store_run.h"

namespace holdfast::sim {

// What the engine promises, reads in this mode.
Tolerance tolerance_of(replica::EngineKind engine, consensus::ReadMode reads);

// Makes the spec one of this engine: PBFT needs four members, or seven, and its members change only with a signed
// change, which the workload's operator does not have.
void run_on(RunSpec& spec, replica::EngineKind engine);

}  // namespace holdfast::sim
