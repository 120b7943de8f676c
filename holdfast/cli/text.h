// Small tools for text: joining, splitting, reading numbers and durations.
#pragma once

#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace holdfast::cli {

namespace text_internal {
template <class T>
void append(std::string& out, const T& part) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    out.append(std::string_view(part));
  } else if constexpr (requires { part.data() + part.size(); }) {  // Abseil's own string_view
    out.append(part.data(), part.size());
  } else if constexpr (std::is_same_v<T, char>) {
    out.push_back(part);
  } else {
    out.append(std::to_string(part));
  }
}
}  // namespace text_internal

// The parts one after the other: strings as they are, numbers in decimal.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (text_internal::append(out, parts), ...);
  return out;
}

// Always at least one part; separators next to each other give empty parts.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  parts.push_back(text);
  return parts;
}

inline std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

template <class Strings>
std::string join(const Strings& parts, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) out.append(separator);
    out.append(std::string_view(part));
    first = false;
  }
  return out;
}

// The whole text as a number of type T (`base` is for whole numbers); nothing when it is none or does not fit.
template <class T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value{};
  const char* const past = text.data() + text.size();
  std::from_chars_result result{};
  if constexpr (std::is_floating_point_v<T>) {
    result = std::from_chars(text.data(), past, value);
  } else {
    result = std::from_chars(text.data(), past, value, base);
  }
  if (result.ec != std::errc() || result.ptr != past || text.empty()) return std::nullopt;
  return value;
}

// "1h30m", "250ms", "1.5s", "0": as Go reads durations, not negative, at most 290 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace holdfast::cli
