// Which failures two-phase commit tolerates, and of how many sites.
#pragma once

#include "holdfast/model/tolerance.h"

namespace holdfast::commit {

// Safe whatever crashes, is cut off or slow, in any number: nobody decides otherwise than the others. Not live while a
// single one of them is gone: participants that are prepared wait for the coordinator, or for one that knows (Skeen,
// "Nonblocking commit protocols", 1981: no protocol of two phases can do better). Who comes back goes on from its
// records.
inline Tolerance tolerance() {
  Tolerance t = majority_group("two-phase commit");
  for (Clause& c : t.clauses) {
    if (c.component != Component::kClock) c.live = Bound::kNone;
  }
  return t;
}

}  // namespace holdfast::commit
