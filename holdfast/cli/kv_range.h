// Ranges of keys, as the API gives them.
#pragma once

#include <string>

namespace holdfast::cli {

// The end of the range of all keys that start with `prefix`: "\0", which stands for the end of all keys, when there is
// no greater key.
inline std::string prefix_end(std::string prefix) {
  while (!prefix.empty()) {
    const auto last = static_cast<unsigned char>(prefix.back());
    if (last < 0xff) {
      prefix.back() = static_cast<char>(last + 1);
      return prefix;
    }
    prefix.pop_back();
  }
  return std::string(1, '\0');
}

}  // namespace holdfast::cli
