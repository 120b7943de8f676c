#include "holdfast/cli/text.h"

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace holdfast::cli {

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  absl::Duration value;
  if (!absl::ParseDuration(absl::string_view(text.data(), text.size()), &value)) return std::nullopt;
  if (value < absl::ZeroDuration() || value > absl::Hours(24 * 365 * 290)) return std::nullopt;
  return absl::ToChronoNanoseconds(value);
}

}  // namespace holdfast::cli
