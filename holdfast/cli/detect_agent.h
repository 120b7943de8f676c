// Runs one agent of `holdfast detect` until a signal ends it.
#pragma once

#include "holdfast/cli/detect_options.h"
#include "holdfast/cli/shell.h"

namespace holdfast::cli {

// Prints to the shell's output (a picture when that is the process's terminal, else lines, or JSON lines) until SIGINT,
// SIGTERM or SIGHUP; then leaves the group. Errors and the exit code are the shell's.
void run_detect(Shell& shell, const DetectOptions& options);

}  // namespace holdfast::cli
