// Strict serializability of all operations, transactions over many keys included, with the revisions that the store
// itself reports as a hint to the order.
//
// Every answered operation is put where its revision says: a write makes its revision, a read stands behind it. The
// hint is then checked, never trusted:
//  1. Real time: what returned before another was called is not ordered behind it.
//  2. Replay: the answer is exactly what a naive model gives at that place, and the events of a write's revision are
//     exactly what that write does there.
//  3. Attribution: every revision comes from one operation that was called before it, or from the end of a lease; an
//     operation makes one revision at most (exactly once), and one that was refused makes none.
//  4. Durability: every acknowledged write is in the log (which the members agree on).
#pragma once

#include <map>
#include <set>

#include "holdfast/sim/check/true_log.h"

namespace holdfast::sim::check {

// Revisions that no client's operation made: keys of leases that ended.
struct Expiry {
  store::Revision revision;
  std::set<store::LeaseId> leases;
};

struct RevisionReport {
  Finding finding;
  std::vector<Expiry> expiries;
};

RevisionReport check_revisions(const History& history, const TrueLog& log);

}  // namespace holdfast::sim::check
