// What a process takes from outside once, when it starts, and gives to its cores: they take nothing themselves.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace holdfast::runtime {

// Microseconds since 1970, as a hint for incarnations only: it may go back, or stand still.
inline uint64_t wall_clock_micros() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

// 64 bits that nobody could foresee.
inline uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) ^ device();
}

}  // namespace holdfast::runtime
