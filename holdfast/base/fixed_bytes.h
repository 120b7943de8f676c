// Byte strings of a fixed length: digests, keys, signatures. A type for each meaning, so that a mix-up does not
// compile:
//
//   struct DigestTag {};
//   using Digest = FixedBytes<DigestTag, 32>;
//
// The codec writes exactly the N bytes. Comparison is that of memcmp and takes a time that depends on the bytes:
// secrets are compared by crypto/ only.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

template <class Tag, size_t N>
struct FixedBytes {
  static constexpr size_t kSize = N;
  std::array<uint8_t, N> bytes{};

  auto operator<=>(const FixedBytes&) const = default;

  uint8_t* data() { return bytes.data(); }
  const uint8_t* data() const { return bytes.data(); }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), N}; }

  // None when the length is another.
  static std::optional<FixedBytes> from(std::string_view v) {
    if (v.size() != N) return std::nullopt;
    FixedBytes out;
    std::memcpy(out.bytes.data(), v.data(), N);
    return out;
  }
};

template <class T>
inline constexpr bool is_fixed_bytes = false;
template <class Tag, size_t N>
inline constexpr bool is_fixed_bytes<FixedBytes<Tag, N>> = true;

// Lower-case hexadecimal digits.
std::string to_hex(std::string_view bytes);
// None unless an even number of hexadecimal digits of either case.
std::optional<std::string> from_hex(std::string_view digits);

// For traces: the first four bytes in hexadecimal.
template <class Tag, size_t N>
std::string to_text(const FixedBytes<Tag, N>& v) {
  return "#" + to_hex(v.view().substr(0, 4));
}

}  // namespace holdfast
