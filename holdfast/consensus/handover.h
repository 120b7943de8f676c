// Leadership that is being handed over (Ongaro's dissertation, section 3.10).
#pragma once

#include "absl/strings/str_cat.h"
#include "holdfast/base/status.h"
#include "holdfast/consensus/types.h"

namespace holdfast::consensus {

struct Handover {
  NodeId target;
  Time deadline;
};

// Who takes over from `self`: the member that was `asked` for, or else the one that has the most. kFailedPrecondition:
// it cannot lead.
inline StatusOr<NodeId> heir(NodeId asked, NodeId most_advanced, NodeId self, const Membership& membership) {
  const NodeId to = asked ? asked : most_advanced;
  if (!to) return absl::FailedPreconditionError("no other voter is in reach to lead");
  if (to == self) return absl::FailedPreconditionError("this member leads already");
  if (!membership.is_voter(to)) {
    return absl::FailedPreconditionError(absl::StrCat("member ", to.value(), " does not vote and cannot lead"));
  }
  return to;
}

}  // namespace holdfast::consensus
