// What all failure detectors of this room say, in the words of Chandra and Toueg, "Unreliable Failure Detectors for
// Reliable Distributed Systems" (JACM 43(2), 1996).
//
// A detector is unreliable: it may suspect a process that runs. What it promises is
//   completeness  a process that has crashed is suspected in the end, and stays so;
//   accuracy      how far those that run are spared: "eventually" means from some moment on.
// With both, a detector is eventually perfect (<>P). docs/protocols/failure-detectors.md says which one promises what,
// and under which assumptions.
#pragma once

#include "holdfast/model/types.h"

namespace holdfast::detect {

// Detectors keep nothing stable: what they say is about now.
struct NoRecord {};

// `node` is suspected to have crashed, by `by` (with SWIM one may hear of others' suspicions). `since`: when it was last
// heard (local time); with SWIM, when the suspicion was learned of.
struct Suspected {
  NodeId node;
  Time since;
  NodeId by;
};
// `node` is not suspected any more.
struct Restored {
  NodeId node;
};
// A member that has been gone, dead or suspected for long is remembered no longer.
struct Forgotten {
  NodeId node;
};
// This member has asked all its seeds, kTriesToJoin times, and still knows nobody. Raised once for each time of being
// alone; it asks on.
struct Unanswered {};
inline constexpr uint32_t kTriesToJoin = 3;
// `node` is new and is not taken in: as many as may be are known. Raised once, and again when there was room in between.
struct Full {
  NodeId node;
  uint64_t members = 0;
};

}  // namespace holdfast::detect
