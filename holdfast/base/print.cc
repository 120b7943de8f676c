#include "holdfast/base/print.h"

#include <algorithm>
#include <cstdio>

#include "holdfast/base/checksum.h"

namespace holdfast {

std::string print_bytes(std::string_view bytes) {
  constexpr size_t kShort = 40;
  const bool printable = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= 32 && c < 127; });
  if (printable && bytes.size() <= kShort) return "\"" + std::string(bytes) + "\"";
  char text[64];
  std::snprintf(text, sizeof text, "#%zu:%08x", bytes.size(), crc32c(bytes));
  return text;
}

}  // namespace holdfast
