// The leader's followers: what is sent to each, and which slots a majority of them has accepted.
#pragma once

#include "holdfast/consensus/paxos/core.h"
#include "holdfast/consensus/paxos/progress.h"
#include "holdfast/consensus/peers.h"

namespace holdfast::paxos {

class Replication : public consensus::Peers<Progress> {
 public:
  // Follows the membership in force.
  void adopt(Time now, const Core& core);

  // Sends what may be sent now: values that are proposed, or the beginning of a snapshot.
  void send_more(Time now, const Core& core, Progress& to, Out& out);
  void send_more_to_all(Time now, const Core& core, Out& out);
  // Tells a follower that holds everything what is chosen, when nothing else will (nobody replies to it).
  void tell_chosen(const Core& core, Progress& to, Out& out);
  void heartbeat(const Core& core, Progress& to, uint64_t round, Out& out);

  // Up to where slots are chosen: each of them accepted by a majority of the members that decide it now. Stops behind a
  // membership entry.
  Index chosen(const Core& core) const;
};

}  // namespace holdfast::paxos
