// The leader's followers: what is sent to each, and what a quorum of them has reached.
#pragma once

#include <vector>

#include "holdfast/consensus/peers.h"
#include "holdfast/consensus/raft/core.h"
#include "holdfast/consensus/raft/progress.h"

namespace holdfast::raft {

class Replication : public consensus::Peers<Progress> {
 public:
  // Every other member is probed behind the log's end.
  Replication(Time now, const Core& core);

  // Follows the membership in force.
  void adopt(Time now, const Core& core);

  // Sends what may be sent now: entries, a probe, or the beginning of a snapshot.
  void send_more(Time now, const Core& core, Progress& to, Out& out);
  void send_more_to_all(Time now, const Core& core, Out& out);
  // Tells followers that hold everything what is committed, when nothing else will (nobody replies to it).
  void tell_commit(const Core& core, Progress& to, Out& out);
  void heartbeat(const Core& core, Progress& to, uint64_t round, Out& out);

  // Each returns false when the reply was nonsense or out of date.
  bool on_append_reply(Time now, const Core& core, Progress& from, const AppendReply& reply, Out& out);
  void on_echo(Time now, const Core& core, Progress& from, Out& out);

 private:
  void send_append(Time now, const Core& core, Progress& to, bool with_entries, Out& out);
};

}  // namespace holdfast::raft
