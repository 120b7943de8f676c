// What a follower does with its leader's entries.
#pragma once

#include "holdfast/consensus/raft/core.h"

namespace holdfast::raft {

// A follower, or a learner: it knows a leader, or waits for one. Dies with the role.
struct Follower {
  NodeId leader;   // none while unknown
  Time deadline;   // when it stops waiting for the leader
  Index verified;  // how far the log is known to equal the leader's, from its own messages in this term
  Time ask_again;  // not to ask the leader for more before

  // Whether the entries of a message can be what a correct leader sends: contiguous, terms in order, readable.
  static bool sound(const AppendEntries& m);

  // Replies, once what it says is stable.
  void on_append(NodeId from, const AppendEntries& m, Core& core, Out& out);
  // The leader knows that this member holds everything up to `commit`. When this process does not know it, it asks.
  void on_commit(Time now, NodeId from, Index commit, Core& core, Out& out);

 private:
  void refuse(NodeId from, const AppendEntries& m, const Core& core, Out& out) const;
};

}  // namespace holdfast::raft
