// Checks for the values of options: for whole numbers, since CLI11 itself takes what does not fit as the nearest number
// that does, and for what must not be empty, as from an unset variable of a shell.
#pragma once

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

#include "holdfast/cli/text.h"

namespace holdfast::cli {

inline CLI::Validator whole_number(int64_t least = 0) {
  const auto complaint = [least](const std::string& text) -> std::string {
    const std::optional<int64_t> number = parse_number<int64_t>(text);
    if (number && *number >= least) return "";
    return cat("\"", text, "\" must be a whole number from ", least, " to ", INT64_MAX);
  };
  return CLI::Validator("").operation([complaint](std::string& text) { return complaint(text); });
}

inline CLI::Validator not_empty() {
  return CLI::Validator("").operation([](std::string& text) { return text.empty() ? "has no value" : ""; });
}

}  // namespace holdfast::cli
