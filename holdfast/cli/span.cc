#include "holdfast/cli/span.h"

#include <array>
#include <charconv>
#include <cmath>

#include "holdfast/cli/text.h"
#include "holdfast/model/dependability.h"
#include "holdfast/plot/chart.h"

namespace holdfast::cli {
namespace {

using dependability::kDay;
using dependability::kHour;
using dependability::kMinute;
using dependability::kYear;

struct Unit {
  std::string_view name;
  double seconds;
};
// Longer names first where one begins with another.
constexpr std::array<Unit, 8> kUnits = {
    {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", kMinute}, {"h", kHour}, {"d", kDay}, {"w", 7 * kDay}, {"y", kYear}}};

// "3h 12m", the second part only when it is not nothing.
std::string two(double seconds, const Unit& large, const Unit& small) {
  auto whole = static_cast<int64_t>(seconds / large.seconds);
  auto rest = static_cast<int64_t>(std::lround((seconds - static_cast<double>(whole) * large.seconds) / small.seconds));
  if (static_cast<double>(rest) * small.seconds >= large.seconds) ++whole, rest = 0;
  return cat(whole, large.name, rest > 0 ? cat(" ", rest, small.name) : "");
}

}  // namespace

std::optional<double> parse_span(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double seconds = 0;
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc() || !(value >= 0) || !std::isfinite(value)) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const Unit* unit = nullptr;
    for (const Unit& u : kUnits) {
      if (unit == nullptr && text.starts_with(u.name)) unit = &u;
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    seconds += value * unit->seconds;
  }
  return std::isfinite(seconds) ? std::optional(seconds) : std::nullopt;
}

std::string span_text(double seconds) {
  if (std::isinf(seconds)) return "for ever";
  if (seconds == 0) return "0s";
  if (seconds < 0.95e-6) return "< 1us";
  if (seconds < 0.9995e-3) return cat(plot::number(std::round(seconds * 1e7) / 10), "us");
  if (seconds < 0.9995) return cat(std::lround(seconds * 1e3), "ms");
  if (seconds < 10) return cat(plot::number(std::round(seconds * 10) / 10), "s");
  if (seconds < 59.5) return cat(std::lround(seconds), "s");
  if (seconds < kHour - 0.5) return two(seconds, {"m", kMinute}, {"s", 1});
  if (seconds < kDay - 30) return two(seconds, {"h", kHour}, {"m", kMinute});
  if (seconds < 2 * kYear) return two(seconds, {"d", kDay}, {"h", kHour});
  const double years = seconds / kYear;
  const auto rounded = [](double x) { return plot::number(x < 100 ? std::round(x * 10) / 10 : std::round(x)); };
  if (years < 1e6) return cat(rounded(years), " years");
  if (years < 1e9) return cat(rounded(years / 1e6), " million years");
  if (years < 1e12) return cat(rounded(years / 1e9), " billion years");
  return "> a trillion years";
}

}  // namespace holdfast::cli
