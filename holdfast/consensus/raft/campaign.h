// Elections: who is asked, who has answered, who may be granted a vote (paper, 5.2 and 5.4.1; dissertation, 9.6).
#pragma once

#include <utility>
#include <vector>

#include "holdfast/consensus/raft/core.h"

namespace holdfast::raft {

// Whether a log that ends in (last_term, last) is at least as up-to-date as `log` (paper, 5.4.1).
bool up_to_date(const Log& log, Term last_term, Index last);

// A member whose log is empty, although its cluster has a past that it never took part in, has most likely lost its
// disk, and with it what it promised. It stands aside until a leader has brought it up.
bool stands_aside(const Core& core, Term candidate_last_term);

// A candidacy, or the question whether one could succeed (pre-vote), of this member. Dies with the role.
class Campaign {
 public:
  enum class Kind { kPreVote, kVote };
  // Asks all voters; a vote enters the next term first, and its own ballot is cast with the record of it.
  Campaign(Time now, Kind kind, bool leadership_transfer, Core& core, Out& out);

  Kind kind() const { return kind_; }
  // The term that is voted on.
  Term term() const { return term_; }
  Time deadline() const { return deadline_; }
  void on_reply(NodeId from, bool granted);
  VoteResult result(const Core& core) const;

 private:
  Kind kind_;
  Term term_;
  Time deadline_;
  std::vector<std::pair<NodeId, bool>> votes_;  // the first answer of each counts
};

}  // namespace holdfast::raft
