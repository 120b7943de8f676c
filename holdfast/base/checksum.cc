#include "holdfast/base/checksum.h"

#include <isa-l/crc.h>
#include <xxhash.h>

#include <limits>

namespace holdfast {

uint32_t crc32c(std::string_view bytes, uint32_t crc) {
  // ISA-L takes the length as an int and leaves the inversions to its caller.
  crc = ~crc;
  constexpr size_t kStep = 1u << 30;
  while (!bytes.empty()) {
    const size_t n = bytes.size() < kStep ? bytes.size() : kStep;
    // The C interface lacks const; it does not write.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
    crc = crc32_iscsi(data, static_cast<int>(n), crc);
    bytes.remove_prefix(n);
  }
  return ~crc;
}

uint32_t crc32c(const Chain& bytes, uint32_t crc) {
  for (const Slice& part : bytes.parts()) crc = crc32c(part.view(), crc);
  return crc;
}

uint64_t hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace holdfast
