// `holdfast sim`: runs the store in the simulated world.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace holdfast::sim {

// `args` are the words behind "sim". Returns the exit code: 0 every run was good, 1 a promise was broken, 2 wrong
// usage. With --jobs it forks: call it before any thread is started, and give it streams of the process.
int sim_main(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);

}  // namespace holdfast::sim
