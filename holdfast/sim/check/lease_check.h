// The lease model: a key that hangs on a lease does not vanish by itself before the lease's time since the last
// acknowledged renewal is over, and it does vanish once that time, and some more for elections, is over.
#pragma once

#include "holdfast/sim/check/revisions.h"

namespace holdfast::sim::check {

struct LeaseBounds {
  // No clock runs faster than true time by more than this (1'000'000 = true time).
  int64_t fastest_clock_ppm = 1'000'000;
  // The run had its last fault healed at `healed`; by `end` every lease whose time was over at `end - grace` is gone.
  Time healed;
  Time end;
  Duration grace;
};

Finding check_leases(const History& history, const TrueLog& log, const std::vector<Expiry>& expiries,
                     const LeaseBounds& bounds);

}  // namespace holdfast::sim::check
