// What a follower does with its leader's entries.
#pragma once

#include "holdfast/consensus/raft/core.h"

namespace holdfast::raft {

// A follower, or a learner: it knows a leader, or waits for one. Dies with the role.
struct Follower {
  NodeId leader;   // none while unknown
  Time deadline;   // when it stops waiting for the leader
  Index verified;  // how far the log is known to equal the leader's, from its own messages in this term

  // Whether the entries of a message can be what a correct leader sends: contiguous, terms in order, readable.
  static bool sound(const AppendEntries& m);

  // Replies, once what it says is stable.
  void on_append(NodeId from, const AppendEntries& m, Core& core, Out& out);
  void on_commit(Index commit, Core& core) const { core.advance_commit(std::min(commit, verified)); }

 private:
  void refuse(NodeId from, const AppendEntries& m, const Core& core, Out& out) const;
};

}  // namespace holdfast::raft
