// Long spans of time as people write and read them: "30d", "1y", "3h 12m". In seconds, as floating point: what the
// arithmetic of model/dependability.h works with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::cli {

// "30d", "1h30m", "250ms", "0": numbers with units us, ms, s, m, h, d, w, y (365.25 days), the greater ones first or
// not. Not negative; nothing when it is none of that.
std::optional<double> parse_span(std::string_view text);

// Two units where that helps: "45ms", "12s", "3.2us", "5m 16s", "3h 12m", "12d 4h", "47 years", "1.2e+09 years", "for
// ever".
std::string span_text(double seconds);

}  // namespace holdfast::cli
