// What tests with real processes of the program share.
#pragma once

#include <poll.h>
#include <stdlib.h>

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "holdfast/cli/command.h"

namespace holdfast::cli {

inline const std::string kProgram = HOLDFAST_BINARY_DIR "/holdfast";
inline constexpr std::chrono::seconds kLong{60};  // for what a slow machine may take

inline std::string temporary_directory() {
  char name[] = "/tmp/holdfast-cli-XXXXXX";
  return mkdtemp(name);
}

// False when the condition does not come true within kLong.
template <class Condition>
bool comes_true(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, 20);
  }
  return true;
}

struct Outcome {
  int code = 0;
  std::string out, err;
};

// The command, in this process.
inline Outcome run_in_process(const std::vector<std::string>& args, const Environment& environment,
                              const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out, err;
  const int code = run_command(args, environment, in, out, err);
  return {code, out.str(), err.str()};
}

}  // namespace holdfast::cli
