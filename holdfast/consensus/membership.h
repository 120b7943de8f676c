// Who decides: membership changes as pure functions, quorums over one or two majorities, and the history of memberships
// along the log. Source: Ongaro's dissertation, chapter 4 (single-server changes 4.1, arbitrary changes 4.3).
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/types.h"
#include "holdfast/model/quorum.h"

namespace holdfast::consensus {

// Whether `m` could have been made by plan() and leave_joint(): sorted, no duplicates, no nobody, at least one voter,
// no learner that also votes, learners_next taken from outgoing only. Memberships from the network or the disk are
// believed only if so.
bool well_formed(const Membership& m);

// The membership that `entry` carries; none unless it is a well-formed membership entry.
std::optional<Membership> membership_in(const Entry& entry);

// The membership that `changes` make of `current`: a single-server change when at most one voter differs, else the
// joint membership that leads there. kFailedPrecondition: it cannot be done now; kInvalidArgument: it makes no sense.
StatusOr<Membership> plan(const Membership& current, const std::vector<Change>& changes);

// The membership behind the joint phase of `m`.
Membership leave_joint(const Membership& m);

// The outcome of a vote: during joint consensus both majorities must be won. `vote(NodeId)` yields optional<bool>.
template <class Vote>
VoteResult joint_vote(const Membership& m, Vote&& vote) {
  if (m.voters.empty()) return VoteResult::kLost;
  const VoteResult incoming = majority_vote(m.voters, vote);
  const VoteResult outgoing = majority_vote(m.outgoing, vote);
  if (incoming == VoteResult::kLost || outgoing == VoteResult::kLost) return VoteResult::kLost;
  if (incoming == VoteResult::kWon && outgoing == VoteResult::kWon) return VoteResult::kWon;
  return VoteResult::kPending;
}

// The greatest value that a quorum has reached (both majorities during joint consensus). `none` without voters.
template <class T, class ValueOf>
T joint_value(const Membership& m, T none, ValueOf&& value) {
  const T incoming = majority_value(m.voters, none, value);
  if (!m.joint()) return incoming;
  const T outgoing = majority_value(m.outgoing, none, value);
  return std::min(incoming, outgoing);
}

// The memberships along the log. The latest is in force from the moment it is appended, committed or not, and is rolled
// back when its entry is truncated (dissertation, 4.1).
class Memberships {
 public:
  // Everything before is forgotten: `base` is in force at `index` (a snapshot).
  void reset(Index index, Membership base);
  // `index` is greater than that of every earlier change.
  void append(Index index, Membership m);
  void truncate_from(Index index);
  // Changes at or below `index` (which are committed) are folded into the base.
  void compact(Index index);

  const Membership& current() const { return history_.back().second; }
  // In force before the current one; the base when nothing changed since. At most the latest change is not committed.
  const Membership& previous() const { return history_[history_.size() < 2 ? 0 : history_.size() - 2].second; }
  // Where the current membership was appended; the base's index when nothing changed since.
  Index changed_at() const { return history_.back().first; }
  // In force at `index`, which is not below the base.
  const Membership& at(Index index) const;

 private:
  std::deque<std::pair<Index, Membership>> history_{{Index{}, Membership{}}};
};

}  // namespace holdfast::consensus
