#include "holdfast/plot/frame.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace holdfast::plot {
namespace {

// The step of round ticks: 1, 2 or 5 times a power of ten, so that at most `ticks` of them lie in `span`.
double round_step(double span, int ticks) {
  const double least = span / std::max(1, ticks);
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::vector<double> values_of(const Chart& chart, double Point::*part) {
  std::vector<double> values;
  for (const Series& s : chart.series) {
    for (const Point& p : s.points) values.push_back(p.*part);
  }
  if (part == &Point::y) {
    for (const Level& level : chart.levels) values.push_back(level.y);
  }
  return values;
}

}  // namespace

std::string number(double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "infinite" : "-infinite";
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, 4).ptr;
  const std::string text(digits, end);
  // The general form turns to exponents from 10^4 on.
  if (std::abs(value) >= 1e4 && std::abs(value) < 1e7) {
    return std::string(digits, std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, 0).ptr);
  }
  return text;
}

double Frame::scaled(double value) const { return scale_ == Scale::kLog ? std::log10(value) : value; }

Frame::Frame(const Axis& axis, const std::vector<double>& values, int ticks)
    : scale_(axis.scale), reversed_(axis.reversed) {
  widen(axis, values);
  if (!axis.ticks.empty()) {
    for (const Tick& t : axis.ticks) {
      const auto at = place(t.at);
      if (at && *at > -1e-9 && *at < 1 + 1e-9) marks_.push_back({std::clamp(*at, 0.0, 1.0), t.text});
    }
  } else if (scale_ == Scale::kLog && to_ - from_ > 0.95) {
    round_log(axis, ticks);
  } else {
    round_linear(axis, ticks);
  }
}

// The range: what is asked for, else what the data need, with room around a single value.
void Frame::widen(const Axis& axis, const std::vector<double>& values) {
  const auto good = [&](double v) { return std::isfinite(v) && (scale_ == Scale::kLinear || v > 0); };
  bool any = false;
  const auto include = [&](double v) {
    if (!good(v)) return;
    from_ = any ? std::min(from_, scaled(v)) : scaled(v);
    to_ = any ? std::max(to_, scaled(v)) : scaled(v);
    any = true;
  };
  for (const double v : values) include(v);
  for (const Tick& t : axis.ticks) include(t.at);
  empty_ = std::none_of(values.begin(), values.end(), good);
  if (to_ - from_ <= std::abs(to_) * 1e-12) {
    const double room = scale_ == Scale::kLog ? 0.5 : std::max(std::abs(to_) * 0.5, 0.5);
    from_ -= room, to_ += room;
  }
  if (axis.ticks.empty() && scale_ == Scale::kLinear) {
    const double step = round_step(to_ - from_, 5);
    from_ = std::floor(from_ / step + 1e-9) * step;
    to_ = std::ceil(to_ / step - 1e-9) * step;
  } else if (axis.ticks.empty() && to_ - from_ > 0.95) {
    from_ = std::floor(from_ + 1e-9), to_ = std::ceil(to_ - 1e-9);
  }
  const auto asked = [&](const std::optional<double>& v) { return v && good(*v); };
  const double from = asked(axis.from) ? scaled(*axis.from) : from_, to = asked(axis.to) ? scaled(*axis.to) : to_;
  if (from < to) from_ = from, to_ = to;
}

void Frame::add_mark(const Axis& axis, double value, bool with_text) {
  const auto at = place(value);
  if (!at || *at < -1e-9 || *at > 1 + 1e-9) return;
  const std::string text = !with_text ? "" : axis.text ? axis.text(value) : number(value);
  marks_.push_back({std::clamp(*at, 0.0, 1.0), text});
}

// Also for a logarithmic axis of less than a decade, which has too few powers of ten.
void Frame::round_linear(const Axis& axis, int ticks) {
  const double from = scale_ == Scale::kLog ? std::pow(10, from_) : from_;
  const double to = scale_ == Scale::kLog ? std::pow(10, to_) : to_;
  const double step = round_step(to - from, std::max(ticks, 3));  // one of them at least lies in any range
  const auto first = static_cast<int64_t>(std::ceil(from / step - 1e-9));
  const auto last = static_cast<int64_t>(std::floor(to / step + 1e-9));
  for (int64_t i = first; i <= last; ++i) add_mark(axis, static_cast<double>(i) * step, true);
}

void Frame::round_log(const Axis& axis, int ticks) {
  const int first = static_cast<int>(std::floor(from_ - 1e-9)), last = static_cast<int>(std::ceil(to_ + 1e-9));
  const int decades = static_cast<int>(std::ceil(to_ - from_));
  const int every = std::max(1, (decades + ticks - 1) / std::max(1, ticks));
  const bool few = decades <= 2;
  for (int power = first; power <= last; ++power) {
    add_mark(axis, std::pow(10, power), power % every == 0);
    for (int digit = 2; every == 1 && digit < 10; ++digit) {
      add_mark(axis, digit * std::pow(10, power), few && (digit == 2 || digit == 5));
    }
  }
}

std::optional<double> Frame::place(double value) const {
  if (!std::isfinite(value) || (scale_ == Scale::kLog && value <= 0)) return std::nullopt;
  const double at = (scaled(value) - from_) / (to_ - from_);
  return reversed_ ? 1 - at : at;
}

Frames::Frames(const Chart& chart, int x_ticks, int y_ticks)
    : x(chart.x, values_of(chart, &Point::x), x_ticks), y(chart.y, values_of(chart, &Point::y), y_ticks) {}

}  // namespace holdfast::plot
