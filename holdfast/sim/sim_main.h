// `holdfast sim`: runs the store in the simulated world.
#pragma once

#include <string>
#include <vector>

namespace holdfast::sim {

// `args` are the words behind "sim". Returns the exit code: 0 every run was good, 1 a promise was broken, 2 wrong
// usage.
int sim_main(const std::vector<std::string>& args);

}  // namespace holdfast::sim
