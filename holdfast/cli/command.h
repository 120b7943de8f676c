// The `holdfast` command: finds the subcommand and runs it.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "holdfast/cli/serve_options.h"

namespace holdfast::cli {

inline constexpr const char* kVersion = HOLDFAST_VERSION;

// The process's own command; returns its exit code (exit_code.h).
int run_command(int argc, char** argv);

// The same with everything given, for tests. `args` excludes the program's name.
int run_command(const std::vector<std::string>& args, const Environment& environment, std::istream& in,
                std::ostream& out, std::ostream& err);

}  // namespace holdfast::cli
