// What a member does and knows while it leads. It dies with the role: nothing here outlives a term.
#pragma once

#include <optional>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/handover.h"
#include "holdfast/consensus/leader_reading.h"
#include "holdfast/consensus/raft/core.h"
#include "holdfast/consensus/raft/replication.h"

namespace holdfast::raft {

using consensus::LeaderReads;
using consensus::ReadBatch;

class Leader : public consensus::LeaderReading<Leader, Heartbeat> {
 public:
  // Appends the no-op of the term and sends it (paper, section 8).
  Leader(Time now, Core& core, Out& out);

  // No longer a leader: a quorum was not heard for an election timeout (dissertation, 6.2), or the membership that is
  // committed does not let this member vote (4.2.2).
  bool over() const { return over_; }

  StatusOr<Index> propose(Time now, std::vector<Slice> commands, Core& core, Out& out);
  StatusOr<Index> change_membership(Time now, const std::vector<Change>& changes, Slice context, Core& core, Out& out);
  Status transfer(Time now, NodeId to, Core& core, Out& out);

  void on_append_reply(Time now, NodeId from, const AppendReply& reply, Core& core, Out& out);
  void on_heartbeat_reply(Time now, NodeId from, const HeartbeatReply& reply, Core& core, Out& out);
  void on_snapshot_reply(Time now, NodeId from, const SnapshotReply& reply, Core& core, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, const Core& core, Out& out) {
    consensus::snapshot_sender::on_blob(now, answer, core, followers_.all(), out);
  }
  void on_stable(Time now, Core& core, Out& out);
  void on_time(Time now, Core& core, Out& out);
  Time deadline(const Core& core) const;

  bool uses(BlobId id) const { return consensus::snapshot_sender::uses(followers_.all(), id); }
  std::optional<Index> match_of(NodeId member, const Core& core) const {
    return followers_.match_of(member, core.self(), core.ledger.held());
  }
  bool hears(NodeId member, Time now, const Core& core) const {
    return followers_.hears(member, core.self(), now - core.config.election_timeout);
  }
  void check_invariants(const Core& core) const;

 private:
  friend consensus::LeaderReading<Leader, Heartbeat>;

  void commit(Time now, Core& core, Out& out);
  void after_commit(Time now, Core& core, Out& out);
  void append_membership(Time now, const Membership& m, Slice context, Core& core, Out& out);
  void retire(Time now, Core& core, Out& out);
  void hand_over(Core& core, Out& out);
  // For consensus::LeaderReading.
  bool knows_all(const Core& core) const { return core.committed_in_term(); }
  static bool may_ask() { return true; }

  Replication followers_;
  std::optional<consensus::Handover> handover_;
  size_t uncommitted_bytes_ = 0;
  bool over_ = false;
};

}  // namespace holdfast::raft
