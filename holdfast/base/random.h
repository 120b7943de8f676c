// Seeded randomness: the only kind there is in a core.
//
// The same seed gives the same draws on every compiler and platform; no standard-library distribution is used, because
// their results differ between implementations. Not for secrets.
#pragma once

#include <cstdint>

#include "holdfast/base/assert.h"

namespace holdfast {

// xoshiro256** (Blackman, Vigna), seeded through splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15ull;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
      word = z ^ (z >> 31);
    }
  }

  uint64_t next() {
    const uint64_t result = rotl(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound). bound > 0. (The modulo bias is below 2^-32 for the bounds in use.)
  uint64_t below(uint64_t bound) {
    ensure(bound > 0, "a random bound is positive");
    return next() % bound;
  }
  // Uniform in [low, high], both included.
  int64_t between(int64_t low, int64_t high) {
    ensure(low <= high, "a random range is not empty");
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
  }
  // True with probability numerator / denominator.
  bool chance(uint64_t numerator, uint64_t denominator) { return below(denominator) < numerator; }
  // An independent generator, for a part that must not disturb the draws of the others.
  Random fork() { return Random(next()); }

 private:
  static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  uint64_t state_[4];
};

}  // namespace holdfast
