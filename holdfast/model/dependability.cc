#include "holdfast/model/dependability.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace holdfast::dependability {
namespace {

constexpr size_t kMostMembers = 100'000;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

Status invalid(const std::string& what, double value, const std::string& must) {
  return absl::InvalidArgumentError(what + " is " + std::to_string(value) + "; it must be " + must);
}
Status check(Repairable c) {
  if (!std::isfinite(c.mttf) || c.mttf <= 0) return invalid("the MTTF", c.mttf, "a positive number of seconds");
  if (!std::isfinite(c.mttr) || c.mttr < 0) return invalid("the MTTR", c.mttr, "a number of seconds, not negative");
  return absl::OkStatus();
}
Status check(Lifetime life) {
  if (!std::isfinite(life.mean) || life.mean <= 0) {
    return invalid("the mean lifetime", life.mean, "a positive number of seconds");
  }
  if (!(life.shape >= 0.05 && life.shape <= 100)) {
    return invalid("the shape of the lifetime", life.shape, "between 0.05 and 100");
  }
  return absl::OkStatus();
}
Status check_probability(double p) {
  if (p >= 0 && p <= 1) return absl::OkStatus();
  return invalid("a probability", p, "between 0 and 1");
}
Status check(Group g) {
  if (g.members >= 1 && g.members <= kMostMembers && g.needed >= 1 && g.needed <= g.members) return absl::OkStatus();
  return absl::InvalidArgumentError("a group of " + std::to_string(g.members) + " members of which " +
                                    std::to_string(g.needed) + " are needed makes no sense; there must be 1 to " +
                                    std::to_string(kMostMembers) + " members, and 1 to all of them needed");
}

// log(sum of exp(terms)); none: minus infinity.
double log_sum(const std::vector<double>& terms) {
  const double most = terms.empty() ? -kInfinite : *std::max_element(terms.begin(), terms.end());
  if (std::isinf(most)) return most;
  double sum = 0;
  for (const double t : terms) sum += std::exp(t - most);
  return most + std::log(sum);
}

double log_choose(double n, double k) { return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1); }

// The probability that exactly `up` of `members` work, as a logarithm.
double log_exactly(size_t up, size_t members, double down) {
  const auto n = static_cast<double>(members), u = static_cast<double>(up);
  double term = log_choose(n, u);
  if (up > 0) term += u * std::log1p(-down);
  if (up < members) term += (n - u) * std::log(down);
  return term;
}

// Fewer than `needed` work, as a logarithm; the arguments are good.
double log_fewer(Group g, double down) {
  if (down <= 0) return -kInfinite;
  if (down >= 1) return 0;
  std::vector<double> terms;
  terms.reserve(g.needed);
  for (size_t up = 0; up < g.needed; ++up) terms.push_back(log_exactly(up, g.members, down));
  return std::min(0.0, log_sum(terms));
}

// From the logarithms of the parts of time that the group is down and up, and of how often in a second an outage begins:
// any may be too small for a double, while their quotients are everyday times.
GroupFigures figures(double log_down, double log_up, double log_often, double mttf) {
  GroupFigures f;
  const bool never = std::isinf(log_down);
  f.unavailability = never ? 0 : std::max(std::exp(log_down), std::numeric_limits<double>::denorm_min());
  f.nines = never ? kInfinite : std::max(0.0, -log_down / std::log(10.0));
  f.mttf = mttf;
  f.mean_up = std::exp(log_up - log_often);
  f.mean_down = never ? 0 : std::exp(log_down - log_often);
  return f;
}

// log(1 - e^-s), with all its digits for small and large s.
double log_failed(double s) { return s < 0.7 ? std::log(-std::expm1(-s)) : std::log1p(-std::exp(-s)); }

// The mean time from no member down to `out` of them: from i down to i + 1 it takes h(i) = 1 / b + d / b * h(i - 1),
// where b and d are the rates of failure and repair in state i.
double first_passage(Group g, Repairable c, size_t repairers) {
  const size_t out = g.members - g.needed + 1;
  double step = 0, all = 0;
  for (size_t i = 0; i < out; ++i) {
    const double fails = static_cast<double>(g.members - i) / c.mttf;
    const double repair = i == 0 ? 0 : c.mttr == 0 ? kInfinite : static_cast<double>(std::min(i, repairers)) / c.mttr;
    step = 1 / fails + (i == 0 ? 0 : repair / fails * step);
    all += step;
  }
  return all;
}

}  // namespace

StatusOr<double> mtbf(Repairable c) {
  if (Status s = check(c); !s.ok()) return s;
  return c.mttf + c.mttr;
}

StatusOr<double> unavailability(Repairable c) {
  if (Status s = check(c); !s.ok()) return s;
  return c.mttr / (c.mttf + c.mttr);
}

StatusOr<double> weibull_scale(Lifetime life) {
  if (Status s = check(life); !s.ok()) return s;
  return life.shape == 1 ? life.mean : life.mean / std::tgamma(1 + 1 / life.shape);
}

StatusOr<double> unreliability(Lifetime life, double t) {
  const StatusOr<double> scale = weibull_scale(life);
  if (!scale.ok()) return scale;
  if (!(t >= 0)) return invalid("the time", t, "a number of seconds, not negative");
  return -std::expm1(-std::pow(t / *scale, life.shape));
}

StatusOr<double> series(std::span<const double> down) {
  double log_up = 0;
  for (const double d : down) {
    if (Status s = check_probability(d); !s.ok()) return s;
    log_up += std::log1p(-d);
  }
  return -std::expm1(log_up);
}

StatusOr<double> parallel(std::span<const double> down) {
  if (down.empty()) return absl::InvalidArgumentError("nothing works in parallel with nothing; give one component");
  double all = 1;
  for (const double d : down) {
    if (Status s = check_probability(d); !s.ok()) return s;
    all *= d;
  }
  return all;
}

StatusOr<double> k_of_n(Group group, double down) {
  if (Status s = check(group); !s.ok()) return s;
  if (Status s = check_probability(down); !s.ok()) return s;
  return std::exp(log_fewer(group, down));
}

StatusOr<double> k_of_n(size_t needed, std::span<const double> down) {
  if (Status s = check(Group{needed, down.size()}); !s.ok()) return s;
  // chances[i]: that i of those seen so far work, for i < needed; the last place holds all that is enough.
  std::vector<double> chances(needed + 1);
  chances[0] = 1;
  for (const double d : down) {
    if (Status s = check_probability(d); !s.ok()) return s;
    chances[needed] += chances[needed - 1] * (1 - d);
    for (size_t i = needed; i-- > 0;) chances[i] = chances[i] * d + (i > 0 ? chances[i - 1] * (1 - d) : 0);
  }
  double few = 0;
  for (size_t i = 0; i < needed; ++i) few += chances[i];
  return std::min(1.0, few);
}

// With s = (t / scale)^shape every lifetime is exponential with mean 1, and the group fails with the failure that leaves
// needed - 1. That one comes at s with the density
//   n! / ((k - 1)! (n - k)!)  e^(-k s)  (1 - e^-s)^(n - k),
// one product instead of a sum over survivors, so that nothing cancels. The mean of t = scale * s^(1 / shape) is an
// integral over x = log s of a function whose logarithm is concave: the trapezoidal rule converges faster there than any
// power of the step.
StatusOr<double> mttf_without_repair(Group group, Lifetime life) {
  if (Status s = check(group); !s.ok()) return s;
  const StatusOr<double> scale = weibull_scale(life);
  if (!scale.ok()) return scale;
  const auto k = static_cast<double>(group.needed), spare = static_cast<double>(group.members - group.needed);
  if (life.shape == 1) {
    double sum = 0;
    for (size_t working = group.needed; working <= group.members; ++working) sum += 1 / static_cast<double>(working);
    return sum * *scale;
  }
  const double power = 1 + 1 / life.shape;
  const auto log_term = [&](double x) {
    const double s = std::exp(x);
    return power * x - k * s + (spare > 0 ? spare * log_failed(s) : 0);
  };
  // The slope of log_term falls all the way: halve to its root, the peak, and take the width from the curvature there.
  const auto slope = [&](double x) {
    const double s = std::exp(x);
    return power - k * s + spare * s / std::expm1(s);
  };
  double low = -50, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (slope(middle) > 0 ? low : high) = middle;
  }
  const double nudge = 1e-4, peak = low, most = log_term(peak);
  const double step = 0.1 / std::sqrt((slope(peak - nudge) - slope(peak + nudge)) / (2 * nudge));
  constexpr double kNothing = -45;  // e^-45 is below the last digit
  double sum = 1;
  for (const double direction : {-step, step}) {
    for (double x = peak + direction;; x += direction) {
      const double term = log_term(x) - most;
      if (!(term > kNothing)) break;
      sum += std::exp(term);
    }
  }
  const double ways = std::lgamma(k + spare + 1) - std::lgamma(k) - std::lgamma(spare + 1);
  return *scale * std::exp(ways + most) * sum * step;
}

StatusOr<GroupFigures> independent_group(Group group, Repairable member) {
  const StatusOr<double> down = unavailability(member);
  if (!down.ok()) return down.status();
  if (Status s = check(group); !s.ok()) return s;
  // An outage begins when just enough work and one of those fails, which each does once in MTBF while it is up or down:
  // so often per second, whatever the distributions (Vesely).
  const double just =
      *down <= 0 && group.needed < group.members ? -kInfinite : log_exactly(group.needed, group.members, *down);
  // Enough work as long as too few have failed: the same sum over those that are up.
  const double enough =
      log_fewer({group.members - group.needed + 1, group.members}, member.mttf / (member.mttf + member.mttr));
  return figures(log_fewer(group, *down), enough, just + std::log(static_cast<double>(group.needed) / member.mttf),
                 first_passage(group, member, group.members));
}

StatusOr<GroupFigures> repaired_group(Group group, Repairable member, size_t repairers) {
  if (Status s = check(group); !s.ok()) return s;
  if (Status s = check(member); !s.ok()) return s;
  if (repairers == 0) return absl::InvalidArgumentError("without repairers a group fails for good; give at least one");
  if (member.mttr == 0) return independent_group(group, member);
  // Weights of the states "i are down", as logarithms.
  std::vector<double> weights{0};
  for (size_t i = 0; i < group.members; ++i) {
    const double fails = static_cast<double>(group.members - i) / member.mttf;
    const double repair = static_cast<double>(std::min(i + 1, repairers)) / member.mttr;
    weights.push_back(weights.back() + std::log(fails / repair));
  }
  const size_t last_up = group.members - group.needed;
  const double whole = log_sum(weights);
  const auto first_down = weights.begin() + static_cast<std::ptrdiff_t>(last_up) + 1;
  return figures(std::min(0.0, log_sum({first_down, weights.end()}) - whole),
                 std::min(0.0, log_sum({weights.begin(), first_down}) - whole),
                 weights[last_up] - whole + std::log(static_cast<double>(group.needed) / member.mttf),
                 first_passage(group, member, repairers));
}

double nines(double unavailability) {
  return unavailability <= 0 ? kInfinite : std::max(0.0, -std::log10(unavailability));
}

}  // namespace holdfast::dependability
