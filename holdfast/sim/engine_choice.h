// What a choice of engine means for a simulated run.
#pragma once

#include <optional>

#include "holdfast/base/status.h"
#include "holdfast/model/tolerance.h"
#include "holdfast/sim/store_run.h"

namespace holdfast::sim {

// What the engine promises, reads in this mode.
Tolerance tolerance_of(replica::EngineKind engine, consensus::ReadMode reads);

// Makes the spec one of this engine: PBFT needs four members, or seven.
void run_on(RunSpec& spec, replica::EngineKind engine);

// What a seed means over PBFT besides, drawn aside of all else: up to f members lie, in ways of their own, or members
// come and go by what their administrator signs; each in a part of the runs, and never more than the group tolerates.
// `liars`: so many members lie instead, and nobody loses its disk besides; more than f conspire and tell two stories.
// 0: nobody lies, and nobody comes or goes.
void draw_byzantine(RunSpec& spec, std::optional<size_t> liars = {});

// kInvalidArgument: somebody lies in the plan, and the engine is another than PBFT.
Status check_liars(const RunSpec& spec);

}  // namespace holdfast::sim
