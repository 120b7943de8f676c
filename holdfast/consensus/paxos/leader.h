// What a member does and knows from the moment it has promised its own ballot until it has promised another one.
//
//   collecting  it asks for promises (takeover.h); nobody takes it for a leader yet
//   flushing    a majority has promised: what may have been chosen is proposed again, slot after slot, and gaps become
//               no-ops. A membership entry stops this until it is chosen and a majority of the new voters has promised
//   leading     everything reported is proposed: new commands follow. Reads, and changes of the membership, wait until
//               all of it is chosen
//
// A leader that does not vote any more goes on until the slot behind the membership entry is chosen (core.h).
//
// It dies with the role: nothing here outlives a ballot.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/handover.h"
#include "holdfast/consensus/leader_reading.h"
#include "holdfast/consensus/paxos/replication.h"
#include "holdfast/consensus/paxos/takeover.h"

namespace holdfast::paxos {

using consensus::LeaderReads;
using consensus::ReadBatch;

class Leader : public consensus::LeaderReading<Leader, Success> {
 public:
  // Promises this member's next ballot and collects. `handed_over`: the ballot of the leader that has asked for it; none:
  // nobody has.
  Leader(Time now, const Ballot& handed_over, Core& core, Out& out);

  bool leads() const { return leading_; }
  // No longer: no majority promised in time, or was heard for an election timeout; or the membership that is chosen
  // does not let this member vote.
  bool over() const { return over_; }

  StatusOr<Index> propose(Time now, std::vector<Slice> commands, Core& core, Out& out);
  StatusOr<Index> change_membership(Time now, const std::vector<Change>& changes, Slice context, Core& core, Out& out);
  Status transfer(Time now, NodeId to, Core& core, Out& out);

  void on_last(Time now, NodeId from, const Last& last, Core& core, Out& out);
  void on_accept(Time now, NodeId from, const Accept& accept, Core& core, Out& out);
  void on_echo(Time now, NodeId from, const Echo& echo, Core& core, Out& out);
  void on_snapshot_reply(Time now, NodeId from, const SnapshotReply& reply, Core& core, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, const Core& core, Out& out) {
    consensus::snapshot_sender::on_blob(now, answer, core, followers_.all(), out);
  }
  void on_stable(Time now, Core& core, Out& out) { go_on(now, core, out); }
  void on_time(Time now, Core& core, Out& out);
  Time deadline(const Core& core) const;

  bool uses(BlobId id) const { return consensus::snapshot_sender::uses(followers_.all(), id); }
  std::optional<Index> match_of(NodeId member, const Core& core) const {
    return followers_.match_of(member, core.self(), core.ledger.held_stable());
  }
  bool hears(NodeId member, Time now, const Core& core) const {
    return followers_.hears(member, core.self(), now - core.config.election_timeout);
  }
  void check_invariants(const Core& core) const;

 private:
  friend consensus::LeaderReading<Leader, Success>;

  // leader.cc
  void go_on(Time now, Core& core, Out& out);
  bool leaves(const Core& core) const { return !core.votes() && !core.membership_is_last(); }
  bool open(Time now, const Core& core);
  void flush(Time now, Core& core, Out& out);
  void propose_entry(Entry entry, Core& core, Out& out);
  void learn_reported(Time now, Core& core, Out& out);
  void commit(Time now, Core& core, Out& out);
  void choose(Time now, Index upto, Core& core, Out& out);
  void membership_chosen(Time now, Core& core, Out& out);
  void retire(Time now, Core& core, Out& out);
  Status ready_to_change(Time now, const std::vector<Change>& changes, const Core& core) const;
  void hand_over(Core& core, Out& out);
  Index free_slot(const Core& core) const { return core.ledger.held() + 1; }
  // For consensus::LeaderReading.
  // Everything that was chosen before this ballot is chosen in it, too: before that the leader may not know what is.
  bool knows_all(const Core& core) const { return leading_ && core.commit >= flushed_upto_; }
  bool may_ask() const { return open_for_.has_value(); }

  Takeover takeover_;
  Replication followers_;
  std::optional<consensus::Handover> handover_;
  Time give_up_;                   // until it leads, unless it comes further
  std::optional<Index> open_for_;  // the membership entry (its slot) whose voters' majority has promised this ballot
  Index barrier_;                  // the latest membership entry that was proposed
  bool leading_ = false;
  Index flushed_upto_;            // of what was reported
  std::deque<Slice> backlog_;     // commands that wait behind the barrier
  size_t uncommitted_bytes_ = 0;  // proposed and not chosen, and in the backlog
  bool over_ = false;
};

}  // namespace holdfast::paxos
