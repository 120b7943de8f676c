#include "holdfast/consensus/paxos/leader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::paxos {
namespace {

namespace snapshot_sender = consensus::snapshot_sender;

const Ballot& promise_next(Core& core, Out& out) {
  core.ledger.promise(core.next_ballot(), out);
  return core.ballot();
}

}  // namespace

Leader::Leader(Time now, const Ballot& handed_over, Core& core, Out& out)
    : takeover_((promise_next(core, out), core), handed_over), give_up_(now + core.draw_timeout()) {
  followers_.adopt(now, core);
  next_heartbeat_ = now + core.config.heartbeat_interval;
  takeover_.ask(core, out);
  go_on(now, core, out);
}

// --- What is proposed ------------------------------------------------------------------------------------------------

// After any news: what is chosen now, and what may be proposed now.
void Leader::go_on(Time now, Core& core, Out& out) {
  for (Index before = core.commit;; before = core.commit) {
    commit(now, core, out);
    if (over_ || !open(now, core)) return;
    flush(now, core, out);
    if (core.commit == before) break;
  }
  followers_.send_more_to_all(now, core, out);
}

// Whether anything may be proposed in the next slot: no membership entry below it waits to be chosen, and a majority of
// those who decide it has promised.
bool Leader::open(Time now, const Core& core) {
  if (barrier_ > core.commit && !planted<"R4">()) return false;
  const Index decided_at = core.memberships.changed_at();
  if (open_for_ == decided_at || (open_for_ && planted<"R4">())) return true;
  if (!takeover_.complete(core)) return false;
  if (!open_for_) next_heartbeat_ = now;  // those who have promised wait to hear of it
  open_for_ = decided_at;
  return true;
}

// Proposes again what was reported, then what waits.
void Leader::flush(Time now, Core& core, Out& out) {
  while (open(now, core)) {
    const Index slot = free_slot(core);
    if (!leading_ && slot <= takeover_.last()) {
      propose_entry(takeover_.value(slot, core.ballot()), core, out);
    } else if (!leading_) {
      leading_ = true;
      flushed_upto_ = core.ledger.held();
      takeover_.forget_below(slot);
    } else if (!backlog_.empty()) {
      propose_entry(Entry{slot, core.ballot().round, EntryKind::kCommand, std::move(backlog_.front())}, core, out);
      backlog_.pop_front();
    } else if (core.membership_is_last() && slot == core.commit + 1) {
      propose_entry(Entry{slot, core.ballot().round, EntryKind::kNoop, Slice()}, core, out);
    } else {
      return;
    }
  }
}

void Leader::propose_entry(Entry entry, Core& core, Out& out) {
  if (entry.kind == EntryKind::kMembership) barrier_ = entry.index;
  if (!leading_ || entry.kind != EntryKind::kCommand) uncommitted_bytes_ += cost_of(entry);
  core.ledger.accept(core.ballot(), std::move(entry), out);
}

StatusOr<Index> Leader::propose(Time now, std::vector<Slice> commands, Core& core, Out& out) {
  if (handover_ || !core.votes()) {
    return absl::UnavailableError("leadership is being handed over; try again at the next leader");
  }
  if (commands.empty()) return absl::InvalidArgumentError("a proposal holds no command");
  size_t bytes = 0;
  for (const Slice& command : commands) bytes += cost_of(Entry{.data = command});
  const uint64_t open_slots = core.ledger.held() - core.commit + backlog_.size() + commands.size();
  if ((uncommitted_bytes_ > 0 && uncommitted_bytes_ + bytes > core.config.max_uncommitted_bytes) ||
      open_slots > kMaxAhead / 2) {
    mark<"paxos.overloaded">();
    return absl::ResourceExhaustedError(
        absl::StrCat(uncommitted_bytes_, " bytes of proposals are not chosen yet; try again later"));
  }
  uncommitted_bytes_ += bytes;
  const Index first = free_slot(core) + backlog_.size();
  for (Slice& command : commands) backlog_.push_back(std::move(command));
  if (barrier_ > core.commit) mark<"paxos.waits_behind_a_membership">();
  go_on(now, core, out);
  return first;
}

// --- What is chosen --------------------------------------------------------------------------------------------------

// What others have reported as chosen need not be decided once more, nor must those who decided it be asked: they may
// be out of reach, or members no more.
void Leader::learn_reported(Time now, Core& core, Out& out) {
  for (Index slot = core.commit + 1; takeover_.knows_chosen(slot); ++slot) {
    if (slot == free_slot(core)) propose_entry(takeover_.value(slot, core.ballot()), core, out);
    choose(now, slot, core, out);
  }
}

void Leader::choose(Time now, Index upto, Core& core, Out& out) {
  for (Index i = core.commit + 1; i <= upto; ++i) {
    uncommitted_bytes_ -= std::min(uncommitted_bytes_, cost_of(core.slots().at(i)));
  }
  const Index decided_at = core.memberships.changed_at();
  core.choose(upto);
  if (!leading_) give_up_ = now + core.config.election_timeout * 2;
  if (core.memberships.changed_at() != decided_at) membership_chosen(now, core, out);
}

void Leader::commit(Time now, Core& core, Out& out) {
  for (;;) {
    const Index upto = followers_.chosen(core);
    if (upto <= core.commit) return;
    choose(now, upto, core, out);
    if (leaves(core)) return retire(now, core, out);
    for (Progress& p : followers_.all()) followers_.tell_chosen(core, p, out);
    pump_reads(now, core, out);
  }
}

// From here on others decide. Those of them that have not promised are asked to.
void Leader::membership_chosen(Time now, Core& core, Out& out) {
  confirmed_by_others(core);
  followers_.adopt(now, core);
  if (handover_ && !core.membership().is_voter(handover_->target)) handover_.reset();
  takeover_.ask(core, out);
}

// The membership without this member is chosen and known: the most advanced need not wait for an election timeout.
void Leader::retire(Time now, Core& core, Out& out) {
  mark<"paxos.retired">();
  for (Progress& p : followers_.all()) followers_.heartbeat(core, p, /*round=*/0, out);
  const NodeId next = followers_.most_advanced(core.membership(), now - core.config.election_timeout);
  if (next) out.send(next, LeadNow{core.ballot()}, core.after_promise());
  over_ = true;
}

void Leader::on_last(Time now, NodeId from, const Last& last, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr) return;
  p->heard(now);
  const bool complete = takeover_.on_last(from, last, core, out);
  if (!leading_) give_up_ = std::max(give_up_, now + core.config.election_timeout);  // it comes further
  if (!leading_) learn_reported(now, core, out);
  p = followers_.find(from);  // what was learnt may have changed the membership
  if (!complete || p == nullptr) return;
  // Its slots up to what it knows to be chosen are those of everybody.
  p->accepted(std::min(last.chosen, core.ledger.held()), now);
  go_on(now, core, out);
}

void Leader::on_accept(Time now, NodeId from, const Accept& accept, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr) return;
  if (accept.first > accept.last || accept.last > core.ledger.held()) return mark<"paxos.nonsense">();
  p->heard(now);
  // It may know more to be chosen than is proposed in this ballot so far.
  const bool news = p->accepted(accept.first, accept.last, std::min(accept.held, core.ledger.held()), now);
  p->measure_round(p->match(), core.ledger.held(), now, core.config.election_timeout);
  if (news) go_on(now, core, out);
  if (over_) return;
  p = followers_.find(from);
  if (p == nullptr) return;  // what was chosen removed it
  followers_.send_more(now, core, *p, out);
  followers_.tell_chosen(core, *p, out);
  if (handover_ && handover_->target == from) hand_over(core, out);
}

void Leader::on_echo(Time now, NodeId from, const Echo& echo, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr || echo.round > round()) return;
  const Index held = std::min(echo.held, core.ledger.held());
  p->heard(now);
  const bool newest = echo.round > p->round();
  p->echoed(echo.round);
  const bool news = p->accepted(held, now);
  p->measure_round(p->match(), core.ledger.held(), now, core.config.election_timeout);
  if (newest) p->stands_at(held, now, core.config.heartbeat_interval);
  if (news) {
    go_on(now, core, out);
    if (over_) return;
    p = followers_.find(from);
  }
  if (p != nullptr) followers_.send_more(now, core, *p, out);
  confirm(now, core, out);
}

void Leader::on_snapshot_reply(Time now, NodeId from, const SnapshotReply& reply, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr) return;
  p->heard(now);
  if (!snapshot_sender::on_reply(now, core, reply, *p, out)) return;
  go_on(now, core, out);
}

// --- Membership and leadership ---------------------------------------------------------------------------------------

Status Leader::ready_to_change(Time now, const std::vector<Change>& changes, const Core& core) const {
  if (handover_ || !core.votes()) {
    return absl::UnavailableError("leadership is being handed over; try again at the next leader");
  }
  if (!leading_ || (!knows_all(core) && !planted<"R4">())) {
    return absl::UnavailableError("the leader has not settled what was outstanding before it; try again");
  }
  const bool waits = barrier_ > core.commit || core.membership_is_last() ||
                     open_for_ != core.memberships.changed_at() || !backlog_.empty();
  if (waits && !planted<"R4">()) {
    return absl::UnavailableError("another membership change is not settled yet; try again");
  }
  for (const Change& change : changes) {
    if (change.kind != ChangeKind::kPromote) continue;
    const Progress* p = followers_.find(change.node);
    if (p == nullptr || !p->caught_up() || p->heard_at() + core.config.election_timeout < now) {
      return absl::FailedPreconditionError(
          absl::StrCat("learner ", change.node.value(), " has not caught up with the leader yet; try again later"));
    }
  }
  return absl::OkStatus();
}

StatusOr<Index> Leader::change_membership(Time now, const std::vector<Change>& changes, Slice context, Core& core,
                                          Out& out) {
  StatusOr<Membership> next = plan(core.membership(), changes);
  const Status ready = ready_to_change(now, changes, core);
  if (absl::IsUnavailable(ready)) return ready;
  if (!next.ok()) return next.status();
  if (!ready.ok()) return ready;
  // The barrier does what a joint phase is for.
  const Membership m = next->joint() ? leave_joint(*next) : *next;
  const Index slot = free_slot(core);
  Slice data = codec::encode_flat(MembershipEntry{m, std::move(context)});
  propose_entry(Entry{slot, core.ballot().round, EntryKind::kMembership, std::move(data)}, core, out);
  go_on(now, core, out);
  followers_.send_more_to_all(now, core, out);
  return slot;
}

Status Leader::transfer(Time now, NodeId to, Core& core, Out& out) {
  const NodeId most_advanced = followers_.most_advanced(core.membership(), now - core.config.election_timeout);
  const StatusOr<NodeId> target = consensus::heir(to, most_advanced, core.self(), core.membership());
  if (!target.ok()) return target.status();
  Progress* p = followers_.find(*target);
  if (p == nullptr) return absl::FailedPreconditionError("the leader does not know this member yet; try again later");
  handover_ = consensus::Handover{*target, now + core.config.election_timeout};
  followers_.send_more(now, core, *p, out);
  hand_over(core, out);
  return absl::OkStatus();
}

// Sent once the target holds everything; repeated with every heartbeat, for it may be lost. Because it may also be
// late, the lease is void for the rest of the ballot.
void Leader::hand_over(Core& core, Out& out) {
  const Progress* target = followers_.find(handover_->target);
  if (target == nullptr || target->match() != core.ledger.held() || !backlog_.empty()) return;
  void_lease();
  out.send(handover_->target, LeadNow{core.ballot()}, core.after_promise());
}

// --- Time ------------------------------------------------------------------------------------------------------------

void Leader::on_time(Time now, Core& core, Out& out) {
  if (!leading_ && now >= give_up_) {
    mark<"paxos.no_majority_promised">();
    over_ = true;
    return;
  }
  const Time heard = followers_.quorum_heard(core.membership(), core.self());
  if (open_for_ && now >= heard + core.config.election_timeout) {
    mark<"paxos.quorum_lost">();
    over_ = true;
    return;
  }
  if (handover_ && now >= handover_->deadline) {
    mark<"paxos.handover_failed">();
    handover_.reset();
  }
  for (Progress& p : followers_.all()) snapshot_sender::on_time(now, core, p, out);
  if (now < next_heartbeat_) return;
  takeover_.ask(core, out);
  if (!open_for_) {
    next_heartbeat_ = now + core.config.heartbeat_interval;
    return;
  }
  begin_round(now, /*everyone=*/true, core, out);
  if (handover_) hand_over(core, out);
}

Time Leader::deadline(const Core& core) const {
  if (!open_for_) return std::min(next_heartbeat_, give_up_);
  const Time heard = followers_.quorum_heard(core.membership(), core.self());
  Time at = std::min(next_heartbeat_, heard + core.config.election_timeout);
  if (!leading_) at = std::min(at, give_up_);
  if (handover_) at = std::min(at, handover_->deadline);
  for (const Progress& p : followers_.all()) at = std::min(at, snapshot_sender::deadline(core, p));
  return at;
}

void Leader::check_invariants(const Core& core) const {
  ensure(core.ballot().node == core.self(), "a leader leads its own ballot");
  ensure(!leading_ || core.slots().last() == core.ledger.held(), "a leader holds no more than it has proposed");
  for (const Progress& p : followers_.all()) p.check_invariants(core.ledger.held());
}

}  // namespace holdfast::paxos
