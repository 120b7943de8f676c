// The public face: every input goes to the part it concerns, and settle() ends the step.
#include "holdfast/consensus/raft/raft.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/raft/raft_impl.h"

namespace holdfast::raft {

Raft::Raft(const Config& config, Membership bootstrap) : impl_(std::make_unique<Impl>(config, std::move(bootstrap))) {}
Raft::~Raft() = default;

void Raft::recover_blob(BlobId id, uint64_t) { impl_->core.see_blob(id); }

void Raft::replay(StableSeq seq, const Record& record) {
  ensure(!impl_->started, "records are replayed before the start");
  impl_->core.ledger.replay(seq, record);
}

Status Raft::recovered() const { return impl_->core.ledger.recovered(); }

std::vector<FoundSnapshot> Raft::survey(const std::vector<std::pair<StableSeq, const Record*>>& records) {
  return Ledger::survey(records);
}

std::optional<Index> Raft::marks_snapshot(const Record& record) {
  const auto* mark = std::get_if<SnapshotMark>(&record);
  return mark == nullptr ? std::nullopt : std::optional<Index>(mark->meta.index);
}

void Raft::start(Time now, Out& out) {
  ensure(!impl_->started, "a member starts once");
  impl_->started = true;
  Core& core = impl_->core;
  const bool returned = static_cast<bool>(core.term());
  core.start(out);
  impl_->asked.start(core.ledger.after_term());
  // Before the crash it may have heard a leader whose lease counts on it.
  if (returned && core.config.read_mode == ReadMode::kLease) impl_->heard_leader = now;
  impl_->role = Follower{.deadline = now + core.draw_timeout()};
  impl_->told = RoleChanged{.term = core.term()};
  // By a membership that it may only have appended: whoever led it there may still have a lease, which counts on this
  // member. What a snapshot holds was committed, and that leader has stepped down.
  const bool settled = core.memberships.changed_at() <= core.snapshot().index;
  if (core.sole_voter() && (settled || !impl_->heard_leader)) impl_->stand(now, out);
  impl_->settle(now, out);
}

void Raft::on_message(Time now, NodeId from, const Message& message, Out& out) {
  ensure(impl_->started, "a member starts before it receives");
  if (from == impl_->core.self() || !from) return;
  std::visit(
      [&](const auto& m) {
        if (m.term > kMaxTerm) return mark<"raft.nonsense">();
        impl_->on(now, from, m, out);
      },
      message);
  impl_->settle(now, out);
}

void Raft::on_stable(Time now, StableSeq upto, Out& out) {
  impl_->core.ledger.on_stable(upto);
  if (Leader* leader = impl_->leading()) {
    leader->on_stable(now, impl_->core, out);
  } else {
    impl_->count_votes(now, out);
  }
  impl_->settle(now, out);
}

void Raft::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  impl_->receiver.on_blob(answer, impl_->core, out);
  if (Leader* leader = impl_->leading()) leader->on_blob(now, answer, impl_->core, out);
  impl_->settle(now, out);
}

void Raft::on_time(Time now, Out& out) {
  Impl& impl = *impl_;
  impl.asked.expire(now, out);
  if (Leader* leader = impl.leading()) {
    leader->on_time(now, impl.core, out);
  } else if (auto* current = std::get_if<Campaign>(&impl.role)) {
    if (now >= current->deadline()) impl.stand(now, out);
  } else if (auto& follower = std::get<Follower>(impl.role); now >= follower.deadline) {
    if (impl.core.may_lead() && !impl.core.loading) {
      impl.stand(now, out);
    } else {
      follower.leader = NodeId{};
      follower.deadline = impl.core.may_lead() ? now + impl.core.draw_timeout() : Time::never();
    }
  }
  if (now >= impl.ask_again) impl.route_reads(now, out);
  impl.settle(now, out);
}

Time Raft::deadline() const {
  if (impl_->core.delivers_more()) return Time();
  const Time others = impl_->asked.none() ? Time::never() : std::min(impl_->asked.deadline(), impl_->ask_again);
  if (const Leader* leader = impl_->leading()) return std::min(others, leader->deadline(impl_->core));
  if (const auto* current = std::get_if<Campaign>(&impl_->role)) return std::min(others, current->deadline());
  return std::min(others, std::get<Follower>(impl_->role).deadline);
}

StatusOr<Index> Raft::propose(Time now, std::vector<Slice> commands, Out& out) {
  Leader* leader = impl_->leading();
  if (leader == nullptr) return absl::UnavailableError("this member does not lead; propose to the leader");
  StatusOr<Index> first = leader->propose(now, std::move(commands), impl_->core, out);
  impl_->settle(now, out);
  return first;
}

StatusOr<Index> Raft::change_membership(Time now, const std::vector<Change>& changes, Slice context, Out& out) {
  Leader* leader = impl_->leading();
  if (leader == nullptr) return absl::UnavailableError("this member does not lead; ask the leader for the change");
  StatusOr<Index> index = leader->change_membership(now, changes, std::move(context), impl_->core, out);
  impl_->settle(now, out);
  return index;
}

Status Raft::transfer_leadership(Time now, NodeId to, Out& out) {
  Leader* leader = impl_->leading();
  if (leader == nullptr) return absl::UnavailableError("this member does not lead; ask the leader to hand over");
  Status status = leader->transfer(now, to, impl_->core, out);
  impl_->settle(now, out);
  return status;
}

void Raft::read_index(Time now, uint64_t token, Out& out) {
  Impl& impl = *impl_;
  if (impl.leading() == nullptr && !impl.asked.none() && impl.asked_place < out.sent.size()) {
    const auto* request = std::get_if<ReadIndexRequest>(&out.sent[impl.asked_place].wire);
    if (request != nullptr && request->token == impl.asked.newest()) return impl.asked.join(token);
  }
  impl.asked.open(token, now + impl.core.config.election_timeout);
  impl.route_reads(now, out);
  impl.settle(now, out);
}

BlobId Raft::name_blob() { return impl_->core.name_blob(); }

bool Raft::uses_blob(BlobId id) const {
  return impl_->core.ledger.names(id) || impl_->receiver.uses(id) ||
         (impl_->leading() != nullptr && impl_->leading()->uses(id));
}

void Raft::snapshot_taken(Time now, const SnapshotMeta& meta, Out& out) {
  Core& core = impl_->core;
  core.see_blob(meta.blob);
  if (meta.index <= core.ledger.snapshot().index) return;
  ensure(meta.index <= core.delivered, "a snapshot holds what was delivered");
  core.compact(meta, out);
  impl_->settle(now, out);
}

void Raft::snapshot_loaded(Time now, const SnapshotMeta& meta, Out& out) {
  Impl& impl = *impl_;
  if (impl.receiver.offered() && impl.leading() != nullptr && meta.index > impl.core.commit) {
    // Its log holds these entries (leader completeness), but what it counts as not committed would go with them, and
    // stay counted: in the end it would refuse every proposal.
    mark<"raft.installed_instead_of_leading">();
    impl.become_follower(now, impl.core.term(), NodeId{}, out);
  }
  impl.receiver.loaded(meta.index, impl.core, out);
  impl.settle(now, out);
}

void Raft::snapshot_refused(Time now, Index index, Out& out) {
  impl_->receiver.refused(index, impl_->core, out);
  impl_->settle(now, out);
}

Role Raft::role() const { return impl_->role_now(); }
Term Raft::term() const { return impl_->core.term(); }
NodeId Raft::promised_to() const { return impl_->core.ledger.vote(); }
NodeId Raft::leader() const { return impl_->leader_now(); }
Index Raft::commit_index() const { return impl_->core.commit; }
Index Raft::last_index() const { return impl_->core.log().last(); }
Index Raft::first_index() const { return impl_->core.log().first(); }
std::optional<Term> Raft::term_at(Index index) const { return impl_->core.log().term_at(index); }
const Membership& Raft::membership() const { return impl_->core.membership(); }
Index Raft::membership_index() const { return impl_->core.memberships.changed_at(); }
const SnapshotMeta& Raft::snapshot() const { return impl_->core.ledger.snapshot(); }
StableSeq Raft::first_needed_behind(Index index) const { return impl_->core.ledger.first_needed_behind(index); }
std::optional<Index> Raft::match_of(NodeId member) const {
  return impl_->leading() == nullptr ? std::nullopt : impl_->leading()->match_of(member, impl_->core);
}

bool Raft::hears(NodeId member, Time now) const {
  return impl_->leading() != nullptr && impl_->leading()->hears(member, now, impl_->core);
}

void Raft::check_invariants() const {
  impl_->core.check_invariants();
  if (const Leader* leader = impl_->leading()) leader->check_invariants(impl_->core);
}

}  // namespace holdfast::raft
