#include "holdfast/replica/log_replica.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/replica/engine_step.h"

namespace holdfast::replica {
namespace {

// Gathered work is due at once.
constexpr Time kNow = Time();
// How long to wait before offering again what the leader had no room for.
constexpr RetryPolicy kNoRoomRetry = RetryPolicy(Repeatable::kNoEffect).every(Duration::millis(5));

}  // namespace

LogReplica::LogReplica(const Config& config)
    : config_(config), engine_(make_engine(config)), proposals_(config.proposal_retry) {}
LogReplica::~LogReplica() = default;

void LogReplica::on_message(Time now, NodeId from, const Wire& wire, Out& out) {
  if (phase_ != Phase::kRunning) return;
  if (was_removed(from)) {
    mark<"replica.farewell">();
    return out.send(from, Farewell{});
  }
  if (const auto* f = std::get_if<Forward>(&wire)) {
    on_forwarded(now, from, *f, out);
  } else if (const auto* c = std::get_if<ForwardMembership>(&wire)) {
    take_membership(now, from, *c, out);
  } else if (const auto* r = std::get_if<MembershipRefused>(&wire)) {
    if (r->incarnation == incarnation_) membership_refused(r->sequence, r->why, out);
  } else if (std::holds_alternative<Farewell>(wire)) {
    // Believed only from those whom this member itself knows as members.
    if (engine_->membership().contains(from)) stop(kRemoved, out);
  } else {
    engine_step(now, out, [&](Engine::Out& o) { engine_->on_message(now, from, wire, o); });
  }
}

void LogReplica::on_stable(Time now, StableSeq upto, Out& out) {
  stable_ = upto;
  if (phase_ != Phase::kRunning) return;
  while (!held_.empty() && held_.begin()->first <= upto) {
    auto node = held_.extract(held_.begin());
    handle(now, node.mapped(), out);
  }
  engine_step(now, out, [&](Engine::Out& o) { engine_->on_stable(now, upto, o); });
  drop_old_snapshots(out);
}

void LogReplica::on_time(Time now, Out& out) {
  if (phase_ != Phase::kRunning) return;
  hand_over(now, out);
  ask_reads(now, out);
  engine_step(now, out, [&](Engine::Out& o) { engine_->on_time(now, o); });
  write_snapshot(now, out);
}

Time LogReplica::deadline() const {
  if (phase_ != Phase::kRunning) return Time::never();
  if (!reads_waiting_.empty() || (writer_ && writer_->busy())) return kNow;
  Time soonest = engine_->deadline();
  if (incarnation_seq_ <= stable_) {
    soonest = std::min(soonest, proposals_.deadline(engine_->term(), engine_->leader()));
  }
  return soonest;
}

Status LogReplica::transfer_leadership(Time now, NodeId to, Out& out) {
  Status status;
  engine_step(now, out, [&](Engine::Out& o) { status = engine_->transfer_leadership(now, to, o); });
  return status;
}

// Hands every due proposal to the leader, which may be this node.
void LogReplica::hand_over(Time now, Out& out) {
  // Before the incarnation is stable a crash could make the next process use it again for other proposals.
  if (incarnation_seq_ > stable_) return;
  const NodeId leader = engine_->leader();
  if (leader == NodeId{}) return;
  const Origin me{config_.consensus.self, incarnation_, 0, proposals_.floor()};
  std::vector<Proposal> commands;
  for (auto& item : proposals_.take_due(now, engine_->term(), leader, leads(), config_.max_forward_bytes)) {
    Origin origin = me;
    origin.sequence = item.sequence;
    if (!item.membership) {
      commands.push_back({origin, std::move(item.command)});
    } else {
      ForwardMembership change{origin, item.membership->based_on, item.membership->changes, item.membership->context};
      if (leads()) {
        take_membership(now, config_.consensus.self, change, out);
      } else {
        out.send(leader, std::move(change));
      }
    }
  }
  if (commands.empty()) return;
  if (leads()) {
    take_commands(now, commands, out);
  } else {
    out.send(leader, Forward{std::move(commands)});
  }
}

void LogReplica::on_forwarded(Time now, NodeId from, const Forward& forward, Out& out) {
  if (!leads()) return;  // the origin will try the next leader
  std::vector<Proposal> fresh;
  for (const Proposal& p : forward.proposals) {
    // Only members propose, and only for themselves: a removed one must not get behind its own removal in the log.
    if (p.origin.node != from || !engine_->membership().contains(from)) continue;
    if (!table_.contains(p.origin) && !taken_.contains(key_of(p.origin))) fresh.push_back(p);
  }
  if (!fresh.empty()) take_commands(now, fresh, out);
}

// Leader: appends the proposals to the log.
void LogReplica::take_commands(Time now, const std::vector<Proposal>& proposals, Out& out) {
  const int64_t clock_ms = clock_.read(now);
  std::vector<Slice> entries;
  entries.reserve(proposals.size());
  for (const Proposal& p : proposals) entries.push_back(codec::encode_flat(Command{clock_ms, p.origin, p.command}));
  bool taken = false;
  engine_step(now, out, [&](Engine::Out& o) { taken = engine_->propose(now, std::move(entries), o).ok(); });
  for (const Proposal& p : proposals) {
    const bool own = p.origin.node == config_.consensus.self;
    if (taken && !own) taken_.insert(key_of(p.origin));
    if (!taken && own) proposals_.postpone(p.origin.sequence, now + kNoRoomRetry.pause(1));
  }
}

// Leader: whether the members that can be reached suffice once `change` is in force. A change that they cannot decide
// would stop everything, and could not be taken back. As in etcd: one more voter only while all voters are heard, and
// one less only while those of the rest that are heard are a majority of it.
bool LogReplica::leaves_majority(Time now, const consensus::Change& change) const {
  const std::vector<NodeId>& voters = engine_->membership().voters;
  const auto all = static_cast<std::ptrdiff_t>(voters.size());
  const auto heard = std::count_if(voters.begin(), voters.end(),
                                   [&](NodeId id) { return id != change.node && engine_->hears(id, now); });
  if (change.kind == consensus::ChangeKind::kAddVoter) return heard == all;
  if (change.kind != consensus::ChangeKind::kRemove || !engine_->membership().is_voter(change.node)) return true;
  return heard >= (all - 1) / 2 + 1;
}

// A refusal speaks of one offer of the change. Were there others, a leader may have taken one, or still take it.
void LogReplica::membership_refused(uint64_t sequence, MembershipRefusal why, Out& out) {
  const bool unsure = proposals_.offered_again(sequence);
  if (!proposals_.settle(sequence)) return;
  if (unsure) {
    mark<"replica.change_refused_after_a_second_offer">();
    out.raise(AnswerLost{sequence});
  } else {
    out.raise(MembershipFailed{sequence, why});
  }
}

// Leader: starts a membership change, or says why not. kUnavailable: it is only too early.
Status LogReplica::start_change(Time now, const ForwardMembership& change, Out& out) {
  if (membership_taken_) return absl::FailedPreconditionError("another membership change is under way");
  const consensus::Index changed = engine_->membership_index();
  if (changed <= engine_->commit_index() && changed > change.based_on) {
    mark<"replica.change_out_of_date">();
    return absl::FailedPreconditionError("the membership has changed since the change was found to be right");
  }
  for (const consensus::Change& c : change.changes) {
    if (leaves_majority(now, c)) continue;
    mark<"replica.change_without_majority">();
    return absl::FailedPreconditionError("the members that can be reached would be no majority");
  }
  const Slice context = codec::encode_flat(MembershipContext{change.origin, change.context});
  Status status;
  engine_step(now, out,
              [&](Engine::Out& o) { status = engine_->change_membership(now, change.changes, context, o).status(); });
  return status;
}

// Leader: starts a membership change, or tells the origin why not. When it is only too early, the origin asks again;
// the change may even be in the log already, taken by the leader before.
void LogReplica::take_membership(Time now, NodeId from, const ForwardMembership& change, Out& out) {
  const Origin& origin = change.origin;
  if (!leads() || origin.node != from || !engine_->membership().contains(from) || table_.contains(origin)) return;
  if (membership_taken_ && key_of(*membership_taken_) == key_of(origin)) return;
  const Status status = start_change(now, change, out);
  if (status.ok()) {
    membership_taken_ = origin;
    return;
  }
  if (absl::IsUnavailable(status)) {
    mark<"replica.change_waits">();
    if (from == config_.consensus.self) proposals_.postpone(origin.sequence, now + config_.proposal_retry);
    return;
  }
  const bool promotes = !change.changes.empty() && change.changes[0].kind == consensus::ChangeKind::kPromote;
  const MembershipRefusal why = absl::IsInvalidArgument(status) ? MembershipRefusal::kInvalid
                                : promotes                      ? MembershipRefusal::kLearnerNotReady
                                                                : MembershipRefusal::kNotReady;
  if (from != config_.consensus.self) {
    out.send(from, MembershipRefused{origin.incarnation, origin.sequence, why});
  } else {
    membership_refused(origin.sequence, why, out);
  }
}

// Asks the engine once for all reads that have gathered.
void LogReplica::ask_reads(Time now, Out& out) {
  if (reads_waiting_.empty()) return;
  const uint64_t round = next_round_++;
  read_rounds_[round] = std::exchange(reads_waiting_, {});
  engine_step(now, out, [&](Engine::Out& o) { engine_->read_index(now, round, o); });
}

void LogReplica::check_invariants() const {
  if (phase_ != Phase::kRunning) return;
  engine_->check_invariants();
  ensure(applied_ <= engine_->commit_index(), "only committed entries are applied");
  ensure(kept_.size() <= 3, "at most two snapshots are kept, and one that is about to go");
}

}  // namespace holdfast::replica
