#include "holdfast/cli/group_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "holdfast/cli/span.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

using dependability::GroupFigures;
using dependability::kDay;
using dependability::kHour;
using dependability::kMinute;

StatusOr<GroupFigures> figures(const GroupQuestion& q, size_t members, double mttr) {
  if (q.repairers == 0 || q.repairers >= members) {
    return dependability::independent_group(q.group(members), {q.mttf, mttr});
  }
  return dependability::repaired_group(q.group(members), {q.mttf, mttr}, q.repairers);
}

// The unavailability grows with the time of repair: halve the interval of its logarithm.
StatusOr<SlowestRepair> slowest(const GroupQuestion& q, size_t members) {
  double low = std::log(1e-9), high = std::log(q.mttf * 1e6);
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    const StatusOr<GroupFigures> f = figures(q, members, std::exp(middle));
    if (!f.ok()) return f.status();
    (f->unavailability <= q.target ? low : high) = middle;
  }
  if (low == std::log(1e-9)) return SlowestRepair{members, std::nullopt};
  return SlowestRepair{members, std::exp(low)};
}

std::vector<plot::Tick> span_ticks(double from, double to) {
  std::vector<plot::Tick> ticks;
  constexpr double kRound[] = {0.01,      0.1,  1,        10,        kMinute,       10 * kMinute, kHour,
                               6 * kHour, kDay, 7 * kDay, 30 * kDay, 365.25 * kDay, 3652.5 * kDay};
  for (const double seconds : kRound) {
    if (seconds >= from * 0.999 && seconds <= to * 1.001) {
      ticks.push_back({seconds, seconds >= 2e8 ? "10y" : seconds >= 3e7 ? "1y" : span_text(seconds)});
    }
  }
  return ticks;
}

// One availability for every number of nines, from 90 % on to the best that is reached, at most 16.
std::vector<plot::Tick> availability_ticks(double least, double most) {
  std::vector<plot::Tick> ticks;
  const int first = std::max(0, static_cast<int>(std::floor(-std::log10(std::max(most, 1e-300)))));
  const int last = std::max(first + 1, static_cast<int>(std::ceil(-std::log10(std::max(least, 1e-16)))));
  const int every = (last - first) / 10 + 1;
  for (int n = first; n <= last; n += every) {
    const double down = std::pow(10, -n);
    ticks.push_back({down, n == 0 ? "0%" : n <= 6 ? availability_text(down) : cat(n, " nines")});
  }
  return ticks;
}

StatusOr<plot::Chart> chart(const GroupQuestion& q) {
  plot::Chart c;
  const double from = std::min(q.mttr.front() / 2, kMinute),
               to = std::min(std::max(q.mttr.back() * 2, kDay), q.mttf * 10);
  double least = q.target / 10, most = q.target;
  for (const size_t members : q.members) {
    plot::Series s;
    s.name = cat(members, members == 1 ? " member" : " members");
    s.marks = false;
    constexpr int kSteps = 60;
    for (int i = 0; i <= kSteps; ++i) {
      const double mttr = from * std::pow(to / from, static_cast<double>(i) / kSteps);
      const StatusOr<GroupFigures> f = figures(q, members, mttr);
      if (!f.ok()) return f.status();
      s.points.push_back({mttr, f->unavailability});
      most = std::max(most, f->unavailability);
      if (f->unavailability > 0) least = std::min(least, f->unavailability);
    }
    c.series.push_back(std::move(s));
  }
  least = std::max(least, std::min(q.target / 10, 1e-12));
  c.x = {.label = "mean time to repair a member",
         .scale = plot::Scale::kLog,
         .from = from,
         .to = to,
         .ticks = span_ticks(from, to)};
  c.y = {.label = "availability",
         .scale = plot::Scale::kLog,
         .from = least,
         .to = most,
         .reversed = true,
         .ticks = availability_ticks(least, most)};
  c.y.from = std::min(least, c.y.ticks.back().at), c.y.to = std::max(most, c.y.ticks.front().at);
  c.levels.push_back({q.target, cat("target ", availability_text(q.target))});
  c.title = "Availability of a group by the time of repair";
  c.subtitle = cat("a member fails every ", span_text(q.mttf), q.shape == 1 ? "" : " (not exponentially)", "; ",
                   name(q.bound), " members may be down; ",
                   q.repairers == 0 ? std::string("a repairer for each") : cat(q.repairers, " repaired at a time"));
  return c;
}

}  // namespace

StatusOr<GroupAnswer> answer(const GroupQuestion& q) {
  if (q.members.empty() || q.mttr.empty())
    return absl::InvalidArgumentError("give at least one size and one time of repair");
  if (q.shape != 1 && q.repairers != 0) {
    return absl::InvalidArgumentError("the formulas for few repairers hold for exponential lifetimes only");
  }
  if (const StatusOr<double> scale = dependability::weibull_scale({q.mttf, q.shape}); !scale.ok())
    return scale.status();
  GroupAnswer a;
  for (const size_t members : q.members) {
    for (const double mttr : q.mttr) {
      const StatusOr<GroupFigures> f = figures(q, members, mttr);
      if (!f.ok()) return f.status();
      a.rows.push_back({members, mttr, *f, f->unavailability <= q.target});
    }
    const StatusOr<SlowestRepair> s = slowest(q, members);
    if (!s.ok()) return s.status();
    a.slowest.push_back(*s);
    if (!q.mission) continue;
    const dependability::Lifetime life{q.mttf, q.shape};
    const StatusOr<double> dead = dependability::unreliability(life, *q.mission);
    if (!dead.ok()) return dead.status();
    const StatusOr<double> group = dependability::k_of_n(q.group(members), *dead);
    if (!group.ok()) return group.status();
    const StatusOr<double> mttf = dependability::mttf_without_repair(q.group(members), life);
    if (!mttf.ok()) return mttf.status();
    a.missions.push_back({members, *group, *mttf});
  }
  StatusOr<plot::Chart> drawn = chart(q);
  if (!drawn.ok()) return drawn.status();
  a.chart = *std::move(drawn);
  return a;
}

std::string availability_text(double unavailability) {
  if (unavailability <= 0) return "100%";
  const int digits = std::max(1, static_cast<int>(std::floor(-std::log10(unavailability) + 1e-9)) - 2 + 2);
  if (digits > 13) return "> 99.99999999999%";
  char text[64];
  std::snprintf(text, sizeof text, "%.*Lf", digits, 100.0L - 100.0L * static_cast<long double>(unavailability));
  std::string out = text;
  out.erase(out.find_last_not_of('0') + 1);
  if (out.ends_with('.')) out.pop_back();
  return out + "%";
}

std::string downtime_text(double unavailability) {
  const double per_year = unavailability * dependability::kYear;
  if (per_year <= 0 || per_year >= 1e-3) return span_text(per_year);
  if (per_year <= 1e-6) return "< 1s in a million years";
  return cat("1s in ", std::lround(1 / per_year), " years");
}

std::optional<double> parse_availability(std::string_view text) {
  if (text.ends_with("nines")) {
    const std::optional<double> n = parse_number<double>(trim(text.substr(0, text.size() - 5)));
    if (!n || !(*n > 0) || *n > 300) return std::nullopt;
    return std::pow(10, -*n);
  }
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const std::optional<double> number = parse_number<double>(trim(text));
  if (!number || !(*number > 0 && *number < 100)) return std::nullopt;
  // Nobody asks for 0.99999 %. A bare 1 could be all of the time or next to nothing of it.
  if (!percent && *number <= 1) return *number < 1 ? std::optional(1 - *number) : std::nullopt;
  return (100 - *number) / 100;
}

}  // namespace holdfast::cli
