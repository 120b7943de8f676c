// Checksums: CRC-32C to detect damage, a fast 64-bit hash to compare states. Neither resists an adversary.
#pragma once

#include <cstdint>
#include <string_view>

#include "holdfast/base/slice.h"

namespace holdfast {

// CRC-32C (Castagnoli, reflected, init and final xor ~0): crc32c("123456789") == 0xe3069283. `crc` continues an
// earlier result: crc32c(b, crc32c(a)) == crc32c(ab).
uint32_t crc32c(std::string_view bytes, uint32_t crc = 0);
uint32_t crc32c(const Chain& bytes, uint32_t crc = 0);

// XXH3, 64 bits, seedable; the same on every platform.
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

// Mixes two hashes into one, order-sensitive.
constexpr uint64_t hash_combine(uint64_t a, uint64_t b) {
  uint64_t x = a ^ (b + 0x9e3779b97f4a7c15ull + (a << 6) + (a >> 2));
  x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

}  // namespace holdfast
