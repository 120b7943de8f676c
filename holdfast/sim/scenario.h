// Scenario files: a cluster, a workload and a list of faults, in TOML (docs/simulator.md, "Scenario files").
#pragma once

#include <string>
#include <string_view>

#include "holdfast/sim/store_run.h"

namespace holdfast::sim {

// What a file does not say has its default; without [[fault]] tables the plan is drawn from the seed. kInvalidArgument
// names the line and what is wrong with it; an unknown key is an error.
StatusOr<RunSpec> parse_scenario(std::string_view text, std::string_view file_name);

}  // namespace holdfast::sim
