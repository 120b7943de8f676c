// The verdict on a run: everything that clients were told, held against what the members have in the end.
#pragma once

#include <string>
#include <vector>

#include "holdfast/sim/check/true_log.h"
#include "tests/nemesis/members.h"

namespace holdfast::nemesis {

struct Ending {
  store::Revision last;  // acknowledged after healing; nothing was written later
  Time healed;           // the last fault was over
};

struct Verdict {
  check::Finding finding;
  int64_t revisions = 0;
  size_t expiries = 0;  // revisions made by leases that ended
  size_t gave_up = 0;   // keys whose search for an order was given up
};

// Reads what every member holds, and compares: the members with each other, the history with them.
Verdict judge(const Record& record, Members& members, const Ending& ending);

}  // namespace holdfast::nemesis
