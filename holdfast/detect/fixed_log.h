// Logarithms in integers, because timeouts depend on them and must be the same on every compiler.
#pragma once

#include <bit>
#include <cstdint>

#include "holdfast/base/assert.h"

namespace holdfast::detect {

// The binary logarithm of x >= 1 in 65536ths, rounded down.
inline uint64_t log2_fixed(uint64_t x) {
  ensure(x >= 1, "zero has no logarithm");
  const int whole = static_cast<int>(std::bit_width(x)) - 1;
  uint64_t m = whole >= 31 ? x >> (whole - 31) : x << (31 - whole);  // in [1, 2), 31 bits behind the point
  uint64_t result = static_cast<uint64_t>(whole);
  for (int i = 0; i < 16; ++i) {
    m = (m * m) >> 31;
    result <<= 1;
    if (m >> 32) {
      result |= 1;
      m >>= 1;
    }
  }
  return result;
}

// The decimal logarithm of x >= 1 in thousandths, rounded down; its error is below 2.
inline uint64_t log10_thousandths(uint64_t x) { return log2_fixed(x) * 30'103 / 6'553'600; }

}  // namespace holdfast::detect
