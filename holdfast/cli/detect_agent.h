// Runs one agent of `holdfast detect` until a signal ends it.
#pragma once

#include <ostream>

#include "holdfast/cli/detect_options.h"

namespace holdfast::cli {

// Prints to `out` (a picture when `out` is the process's terminal, else lines, or JSON lines) until SIGINT, SIGTERM or
// SIGHUP; then leaves the group. Returns the exit code; errors go to `err`.
int run_detect(const DetectOptions& options, bool json, std::ostream& out, std::ostream& err);

}  // namespace holdfast::cli
