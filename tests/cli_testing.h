// What tests with real processes of the program share.
#pragma once

#include <poll.h>
#include <stdlib.h>

#include <chrono>
#include <string>

namespace holdfast::cli {

inline const std::string kProgram = HOLDFAST_BINARY_DIR "/holdfast";
inline constexpr std::chrono::seconds kLong{60};  // for what a slow machine may take

inline std::string temporary_directory() {
  char name[] = "/tmp/holdfast-cli-XXXXXX";
  return mkdtemp(name);
}

template <class Condition>
bool comes_true(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    poll(nullptr, 0, 20);
  }
  return true;
}

}  // namespace holdfast::cli
