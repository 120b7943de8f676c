// "How many members, repaired how fast, for 99.999 %?": the question as a value, and its answer
// (docs/dependability.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "holdfast/model/dependability.h"
#include "holdfast/model/tolerance.h"
#include "holdfast/plot/chart.h"

namespace holdfast::cli {

struct GroupQuestion {
  double target = 1e-5;  // the unavailability that is allowed
  double mttf = 30 * dependability::kDay;
  double shape = 1;             // of the lifetimes, as Weibull found it
  std::vector<double> mttr;     // seconds, from 1 up
  std::vector<size_t> members;  // ascending
  Bound bound = Bound::kMinority;
  size_t repairers = 0;  // 0: one for every member
  std::optional<double> mission;

  // How many of n members must work.
  dependability::Group group(size_t n) const { return {n - tolerated(bound, n), n}; }
};

struct GroupRow {
  size_t members = 0;
  double mttr = 0;
  dependability::GroupFigures figures;  // `mttf` for exponential lifetimes only, whatever the shape
  bool enough = false;  // for the target
};

// With one size of group: the slowest repair that reaches the target; none: not even repair within a nanosecond does.
struct SlowestRepair {
  size_t members = 0;
  std::optional<double> mttr;
};

struct GroupMission {
  size_t members = 0;
  double unreliability = 0;  // the probability that the group fails within the mission, when nobody repairs
  double mttf = 0;           // without repair
};

struct GroupAnswer {
  std::vector<GroupRow> rows;  // by members, then by time of repair
  std::vector<SlowestRepair> slowest;
  std::vector<GroupMission> missions;  // with a mission time
  plot::Chart chart;                   // the availability of every size by the time of repair
};

// kInvalidArgument names what makes no sense.
StatusOr<GroupAnswer> answer(const GroupQuestion& question);

// "99.9992%": as many digits as show two that are no nines.
std::string availability_text(double unavailability);
// How long nothing is served in a year: "5m 16s", "1s in 31688 years".
std::string downtime_text(double unavailability);
// The unavailability of "99.999%", "5 nines", or a bare number: "0.99999" below 1 is a part of all time, "99.999" above 1
// a percentage. Nothing for anything else, or outside of 0 to 1.
std::optional<double> parse_availability(std::string_view text);

}  // namespace holdfast::cli
