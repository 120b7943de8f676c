#include "holdfast/consensus/raft/leader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/snapshot_sender.h"

namespace holdfast::raft {

namespace snapshot_sender = consensus::snapshot_sender;

Leader::Leader(Time now, Core& core, Out& out) : followers_(now, core) {
  for (Index i = core.commit + 1; i <= core.log().last(); ++i) uncommitted_bytes_ += cost_of(core.log().at(i));
  const Index noop = core.append(EntryKind::kNoop, Slice(), out);
  uncommitted_bytes_ += cost_of(core.log().at(noop));
  followers_.send_more_to_all(now, core, out);
  begin_round(now, /*everyone=*/true, core, out);
}

// --- Log -------------------------------------------------------------------------------------------------------------

StatusOr<Index> Leader::propose(Time now, std::vector<Slice> commands, Core& core, Out& out) {
  if (handover_) return absl::UnavailableError("leadership is being handed over; try again at the next leader");
  if (commands.empty()) return absl::InvalidArgumentError("a proposal holds no command");
  size_t bytes = 0;
  for (const Slice& command : commands) bytes += cost_of(Entry{.data = command});
  if (uncommitted_bytes_ > 0 && uncommitted_bytes_ + bytes > core.config.max_uncommitted_bytes) {
    mark<"raft.overloaded">();
    return absl::ResourceExhaustedError(
        absl::StrCat(uncommitted_bytes_, " bytes of proposals are not committed yet; try again later"));
  }
  uncommitted_bytes_ += bytes;
  const Index first = core.log().last() + 1;
  for (Slice& command : commands) core.append(EntryKind::kCommand, std::move(command), out);
  followers_.send_more_to_all(now, core, out);
  return first;
}

void Leader::on_append_reply(Time now, NodeId from, const AppendReply& reply, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr) return;
  p->heard(now);
  if (followers_.on_append_reply(now, core, *p, reply, out)) commit(now, core, out);
  if (over_ || !reply.success) return;
  p = followers_.find(from);
  if (p == nullptr) return;  // what was committed removed it
  followers_.send_more(now, core, *p, out);
  followers_.tell_commit(core, *p, out);
  if (handover_ && handover_->target == from) hand_over(core, out);
}

// An entry is committed once a quorum holds it on stable storage, the leader included only as far as its own records
// are stable; and only an entry of the leader's term is committed by counting (paper, 5.4.2, figure 8).
void Leader::commit(Time now, Core& core, Out& out) {
  const bool unsynced = planted<"S1">() && core.membership().voters.size() == 1;
  const Index quorum =
      unsynced ? core.log().last() : followers_.quorum_match(core.membership(), core.self(), core.ledger.held());
  if (quorum <= core.commit) return;
  if (!planted<"R1">() && core.log().term_at(quorum) != core.term()) return;
  for (Index i = core.commit + 1; i <= quorum; ++i) {
    uncommitted_bytes_ -= std::min(uncommitted_bytes_, cost_of(core.log().at(i)));
  }
  core.advance_commit(quorum);
  after_commit(now, core, out);
}

void Leader::after_commit(Time now, Core& core, Out& out) {
  if (core.memberships.changed_at() <= core.commit) {
    if (core.membership().joint()) {
      mark<"raft.joint_left">();
      append_membership(now, leave_joint(core.membership()), Slice(), core, out);
    } else if (!core.votes()) {
      return retire(now, core, out);
    }
  }
  for (Progress& p : followers_.all()) followers_.tell_commit(core, p, out);
  pump_reads(now, core, out);
}

void Leader::on_stable(Time now, Core& core, Out& out) { commit(now, core, out); }

// --- Membership ------------------------------------------------------------------------------------------------------

StatusOr<Index> Leader::change_membership(Time now, const std::vector<Change>& changes, Slice context, Core& core,
                                          Out& out) {
  if (handover_) return absl::UnavailableError("leadership is being handed over; try again at the next leader");
  if (!core.committed_in_term() && !planted<"R4">()) {
    return absl::UnavailableError("the leader has not committed an entry of its term yet; try again");
  }
  if (core.memberships.changed_at() > core.commit) {
    return absl::UnavailableError("another membership change is not committed yet; try again");
  }
  StatusOr<Membership> next = plan(core.membership(), changes);
  if (!next.ok()) return next.status();
  for (const Change& change : changes) {
    if (change.kind != ChangeKind::kPromote) continue;
    const Progress* p = followers_.find(change.node);
    if (p == nullptr || !p->caught_up() || p->heard_at() + core.config.election_timeout < now) {
      return absl::FailedPreconditionError(
          absl::StrCat("learner ", change.node.value(), " has not caught up with the leader yet; try again later"));
    }
  }
  append_membership(now, *next, std::move(context), core, out);
  return core.log().last();
}

void Leader::append_membership(Time now, const Membership& m, Slice context, Core& core, Out& out) {
  const Index index =
      core.append(EntryKind::kMembership, codec::encode_flat(MembershipEntry{m, std::move(context)}), out);
  uncommitted_bytes_ += cost_of(core.log().at(index));
  followers_.adopt(now, core);
  if (handover_ && !m.is_voter(handover_->target)) handover_.reset();
  followers_.send_more_to_all(now, core, out);
}

// The membership without this member is committed: the others learn it, and the most advanced need not wait for an
// election timeout.
void Leader::retire(Time now, Core& core, Out& out) {
  mark<"raft.retired">();
  for (Progress& p : followers_.all()) followers_.heartbeat(core, p, /*round=*/0, out);
  const NodeId heir = followers_.most_advanced(core.membership(), now - core.config.election_timeout);
  if (heir) out.send(heir, TimeoutNow{core.term()}, core.ledger.after_term());
  over_ = true;
}

// --- Handing leadership over -----------------------------------------------------------------------------------------

Status Leader::transfer(Time now, NodeId to, Core& core, Out& out) {
  if (handover_) return absl::FailedPreconditionError("leadership is being handed over already");
  const NodeId most_advanced = followers_.most_advanced(core.membership(), now - core.config.election_timeout);
  const StatusOr<NodeId> target = consensus::heir(to, most_advanced, core.self(), core.membership());
  if (!target.ok()) return target.status();
  handover_ = consensus::Handover{*target, now + core.config.election_timeout};
  followers_.send_more(now, core, *followers_.find(*target), out);
  hand_over(core, out);
  return absl::OkStatus();
}

// Sent once the target holds everything; repeated with every heartbeat, for it may be lost. Because it may also be
// late, the lease is void for the rest of the term.
void Leader::hand_over(Core& core, Out& out) {
  const Progress* target = followers_.find(handover_->target);
  if (target == nullptr || target->match() != core.log().last()) return;
  void_lease();
  out.send(handover_->target, TimeoutNow{core.term()}, core.ledger.after_term());
}

// --- Rounds and reads ------------------------------------------------------------------------------------------------

void Leader::on_heartbeat_reply(Time now, NodeId from, const HeartbeatReply& reply, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr || reply.round > round()) return;
  p->heard(now);
  p->echoed(reply.round);
  p->measure_round(core.log().last(), now, core.config.election_timeout);
  followers_.on_echo(now, core, *p, out);
  confirm(now, core, out);
}

// --- Snapshots -------------------------------------------------------------------------------------------------------

void Leader::on_snapshot_reply(Time now, NodeId from, const SnapshotReply& reply, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr) return;
  p->heard(now);
  if (!snapshot_sender::on_reply(now, core, reply, *p, out)) return;
  followers_.send_more(now, core, *p, out);
  commit(now, core, out);
}

// --- Time ------------------------------------------------------------------------------------------------------------

void Leader::on_time(Time now, Core& core, Out& out) {
  const Time heard = followers_.quorum_heard(core.membership(), core.self());
  if (now >= heard + core.config.election_timeout) {
    mark<"raft.quorum_lost">();
    over_ = true;
    return;
  }
  if (handover_ && now >= handover_->deadline) {
    mark<"raft.handover_failed">();
    handover_.reset();
  }
  for (Progress& p : followers_.all()) snapshot_sender::on_time(now, core, p, out);
  if (now < next_heartbeat_) return;
  begin_round(now, /*everyone=*/true, core, out);
  if (handover_) hand_over(core, out);
}

Time Leader::deadline(const Core& core) const {
  Time at =
      std::min(next_heartbeat_, followers_.quorum_heard(core.membership(), core.self()) + core.config.election_timeout);
  if (handover_) at = std::min(at, handover_->deadline);
  for (const Progress& p : followers_.all()) at = std::min(at, snapshot_sender::deadline(core, p));
  return at;
}

void Leader::check_invariants(const Core& core) const {
  ensure(core.log().last_term() == core.term(), "a leader's log ends in its own term");
  for (const Progress& p : followers_.all()) p.check_invariants(core.log().last());
}

}  // namespace holdfast::raft
