// File names that carry a number: a prefix and 16 lower-case hexadecimal digits, so that names sort as numbers do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::stable {

inline std::string numbered_name(std::string_view prefix, uint64_t number) {
  std::string name(prefix);
  for (int shift = 60; shift >= 0; shift -= 4) name += "0123456789abcdef"[(number >> shift) & 15];
  return name;
}

// None when `name` is not what numbered_name makes of this prefix and some number.
inline std::optional<uint64_t> parse_numbered(std::string_view prefix, std::string_view name) {
  if (name.size() != prefix.size() + 16 || name.substr(0, prefix.size()) != prefix) return std::nullopt;
  uint64_t number = 0;
  for (const char c : name.substr(prefix.size())) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
    number = number << 4 | static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return number;
}

}  // namespace holdfast::stable
