// The leader's followers: what is sent to each, and what a quorum of them has reached.
#pragma once

#include <vector>

#include "holdfast/consensus/raft/core.h"
#include "holdfast/consensus/raft/progress.h"

namespace holdfast::raft {

class Replication {
 public:
  // Every other member is probed behind the log's end.
  Replication(Time now, const Core& core);

  // Follows the membership in force.
  void adopt(Time now, const Core& core);

  Progress* find(NodeId node);
  const Progress* find(NodeId node) const;
  std::vector<Progress>& all() { return all_; }
  const std::vector<Progress>& all() const { return all_; }

  // Sends what may be sent now: entries, a probe, or the beginning of a snapshot.
  void send_more(Time now, const Core& core, Progress& to, Out& out);
  void send_more_to_all(Time now, const Core& core, Out& out);
  // Tells followers that hold everything what is committed, when nothing else will (nobody replies to it).
  void tell_commit(const Core& core, Progress& to, Out& out);
  void heartbeat(const Core& core, Progress& to, uint64_t round, Out& out);

  // Each returns false when the reply was nonsense or out of date.
  bool on_append_reply(Time now, const Core& core, Progress& from, const AppendReply& reply, Out& out);
  void on_echo(Time now, const Core& core, Progress& from, Out& out);

  // What a quorum has reached.
  Index quorum_match(const Core& core) const;
  Time quorum_heard(const Core& core) const;
  uint64_t quorum_round(const Core& core, uint64_t own) const;
  // The voter with the longest log that was heard lately; none: nobody.
  NodeId most_advanced(Time now, const Core& core) const;

 private:
  void send_append(Time now, const Core& core, Progress& to, bool with_entries, Out& out);

  std::vector<Progress> all_;  // sorted by node
};

}  // namespace holdfast::raft
