// The scenario files that come with the program, compiled into it. Internal to lab/.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::lab {

// Names without their ending, and texts, by name.
std::vector<std::pair<std::string_view, std::string_view>> scenario_files();

}  // namespace holdfast::lab
