// Dependability arithmetic: how long components live, how long repair takes, and what a group of them is worth
// (docs/dependability.md has the formulas; Trivedi, "Probability and Statistics with Reliability, Queuing, and Computer
// Science Applications", chapters 3, 6 and 8; lecture 003, "Reliability versus availability").
//
//   const StatusOr<double> down = unavailability({.mttf = 30 * kDay, .mttr = 10 * kMinute});
//   const StatusOr<GroupFigures> five = repaired_group({.needed = 3, .members = 5}, {30 * kDay, 10 * kMinute}, 1);
//
// Times are in seconds. What is returned is the *un*availability and the *un*reliability: 1e-12 has all its digits as
// itself and four as 1 - 1e-12; sums have only positive terms, so that the relative error stays below 1e-9 for groups
// of up to 1,000. Nonsense (negative, zero, infinite or not a number; more needed than there are) is kInvalidArgument,
// and the message names it. Not for the decisions of cores: results may differ in their last digits between machines.
#pragma once

#include <cstddef>
#include <span>

#include "holdfast/base/status.h"

namespace holdfast::dependability {

inline constexpr double kMinute = 60, kHour = 3600, kDay = 86400;
inline constexpr double kYear = 365.25 * kDay;

// --- One component.
// -----------------------------------------------------------------------------------------------------

// A component that works for `mttf` on the average, is then repaired for `mttr`, and is as good as new. Both may have
// any distribution, as far as only the long run matters.
struct Repairable {
  double mttf = 0;
  double mttr = 0;  // may be 0
};
StatusOr<double> mtbf(Repairable c);            // MTTF + MTTR
StatusOr<double> unavailability(Repairable c);  // MTTR / (MTTF + MTTR): the part of all time that it is down

// How long a component lives that nobody repairs: exponentially (shape 1: it does not age), or as Weibull found it: the
// hazard falls (shape < 1: early failures) or grows (shape > 1: wear).
struct Lifetime {
  double mean = 0;
  double shape = 1;
};
StatusOr<double> weibull_scale(Lifetime life);  // mean / Gamma(1 + 1 / shape)
// The probability that it has failed by time t; the reliability R(t) is 1 minus this.
StatusOr<double> unreliability(Lifetime life, double t);

// --- Several independent components: from the probability that each is down (or has failed by some time).
// ---------------

StatusOr<double> series(std::span<const double> down);    // all are needed
StatusOr<double> parallel(std::span<const double> down);  // one is enough
struct Group {
  size_t needed = 1;   // so many must work,
  size_t members = 1;  // of so many
};
StatusOr<double> k_of_n(Group group, double down);                     // identical ones
StatusOr<double> k_of_n(size_t needed, std::span<const double> down);  // each with its own

// --- Groups of identical members.
// ----------------------------------------------------------------------------------------

// The mean time until fewer than `needed` are left, without repair. Against closed forms it errs by less than 2e-12,
// relatively, for shapes from 0.05 to 10 and up to 1,000 members.
StatusOr<double> mttf_without_repair(Group group, Lifetime life);

struct GroupFigures {
  // The part of all time that fewer than `needed` work. Too small for a double: the least one; 0: never.
  double unavailability = 0;
  double nines = 0;           // of it, also where it is too small for a double
  double mttf = 0;            // from all working until fewer than `needed` do for the first time
  double mean_up = 0;         // in the long run, between the end of an outage and the next
  double mean_down = 0;       // how long an outage lasts
};
// With repair, members failing independently, each failure repaired on its own (as many repairers as members). Only the
// means of lifetimes and repairs matter; `mttf` is computed for exponential ones. Infinite where it exceeds 1e308.
StatusOr<GroupFigures> independent_group(Group group, Repairable member);
// With `repairers` that repair one member at a time each: a birth-death chain, for exponential lifetimes and repairs.
// Members fail also while the group is down.
StatusOr<GroupFigures> repaired_group(Group group, Repairable member, size_t repairers);

// "How many nines": -log10 of the unavailability; infinite for 0.
double nines(double unavailability);

}  // namespace holdfast::dependability
