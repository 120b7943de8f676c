// The public face: every input goes to the part it concerns, and settle() ends the step.
#include "holdfast/consensus/paxos/paxos.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/paxos/paxos_impl.h"

namespace holdfast::paxos {

Paxos::Paxos(const Config& config, Membership bootstrap)
    : impl_(std::make_unique<Impl>(config, std::move(bootstrap))) {}
Paxos::~Paxos() = default;

void Paxos::recover_blob(BlobId id, uint64_t) { impl_->core.see_blob(id); }

void Paxos::replay(StableSeq seq, const Record& record) {
  ensure(!impl_->started, "records are replayed before the start");
  impl_->core.ledger.replay(seq, record);
}

Status Paxos::recovered() const { return impl_->core.ledger.recovered(); }

std::vector<consensus::FoundSnapshot> Paxos::survey(const std::vector<std::pair<StableSeq, const Record*>>& records) {
  return Ledger::survey(records);
}

std::optional<Index> Paxos::marks_snapshot(const Record& record) {
  const auto* mark = std::get_if<SnapshotMark>(&record);
  return mark == nullptr ? std::nullopt : std::optional<Index>(mark->meta.index);
}

void Paxos::start(Time now, Out& out) {
  ensure(!impl_->started, "a member starts once");
  impl_->started = true;
  Core& core = impl_->core;
  const bool returned = core.ballot() != Ballot{};
  core.start(out);
  impl_->asked.start(core.after_promise());
  // Before the crash it may have heard a leader whose lease counts on it: the one of the ballot that is promised, for it
  // was free of earlier ones when it promised that.
  if (returned && core.config.read_mode == ReadMode::kLease) impl_->heard_leader = {now, core.ballot()};
  impl_->role = Follower{.deadline = now + core.draw_timeout()};
  impl_->told = RoleChanged{.term = core.ballot().round};
  // Others may vote by now, in a membership that it accepted and does not know to be chosen: then it may be bound, too.
  if (core.sole_voter() && !impl_->heard_leader) impl_->take_over(now, /*handed_over=*/Ballot{}, out);
  impl_->settle(now, out);
}

void Paxos::on_message(Time now, NodeId from, const Message& message, Out& out) {
  ensure(impl_->started, "a member starts before it receives");
  if (from == impl_->core.self() || !from) return;
  std::visit(
      [&](const auto& m) {
        if (m.ballot.round > kMaxTerm) return mark<"paxos.nonsense">();
        impl_->on(now, from, m, out);
      },
      message);
  impl_->settle(now, out);
}

void Paxos::on_stable(Time now, StableSeq upto, Out& out) {
  impl_->core.ledger.on_stable(upto);
  if (Leader* leader = impl_->leading()) leader->on_stable(now, impl_->core, out);
  impl_->settle(now, out);
}

void Paxos::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  impl_->receiver.on_blob(answer, impl_->core, out);
  if (Leader* leader = impl_->leading()) leader->on_blob(now, answer, impl_->core, out);
  impl_->settle(now, out);
}

void Paxos::on_time(Time now, Out& out) {
  Impl& impl = *impl_;
  impl.asked.expire(now, out);
  if (Leader* leader = impl.leading()) {
    leader->on_time(now, impl.core, out);
  } else if (auto* inquiring = std::get_if<Inquiring>(&impl.role)) {
    if (now >= inquiring->deadline()) impl.campaign(now, out);
  } else if (auto& follower = std::get<Follower>(impl.role); now >= follower.deadline) {
    if (impl.core.may_lead() && !impl.core.loading) {
      impl.campaign(now, out);
    } else {
      follower.leader = NodeId{};
      follower.deadline = impl.core.may_lead() ? now + impl.core.draw_timeout() : Time::never();
    }
  }
  if (now >= impl.ask_again) impl.route_reads(now, out);
  impl.settle(now, out);
}

Time Paxos::deadline() const {
  if (impl_->core.delivers_more()) return Time();
  const Time others = impl_->asked.none() ? Time::never() : std::min(impl_->asked.deadline(), impl_->ask_again);
  if (const Leader* leader = impl_->leading()) return std::min(others, leader->deadline(impl_->core));
  if (const auto* inquiring = std::get_if<Inquiring>(&impl_->role)) return std::min(others, inquiring->deadline());
  return std::min(others, std::get<Follower>(impl_->role).deadline);
}

StatusOr<Index> Paxos::propose(Time now, std::vector<Slice> commands, Out& out) {
  Leader* leader = impl_->leading();
  if (leader == nullptr || !leader->leads()) {
    return absl::UnavailableError("this member does not lead; propose to the leader");
  }
  StatusOr<Index> first = leader->propose(now, std::move(commands), impl_->core, out);
  impl_->settle(now, out);
  return first;
}

StatusOr<Index> Paxos::change_membership(Time now, const std::vector<Change>& changes, Slice context, Out& out) {
  Leader* leader = impl_->leading();
  if (leader == nullptr || !leader->leads()) {
    return absl::UnavailableError("this member does not lead; ask the leader for the change");
  }
  StatusOr<Index> index = leader->change_membership(now, changes, std::move(context), impl_->core, out);
  impl_->settle(now, out);
  return index;
}

Status Paxos::transfer_leadership(Time now, NodeId to, Out& out) {
  Leader* leader = impl_->leading();
  if (leader == nullptr || !leader->leads()) {
    return absl::UnavailableError("this member does not lead; ask the leader to hand over");
  }
  Status status = leader->transfer(now, to, impl_->core, out);
  impl_->settle(now, out);
  return status;
}

void Paxos::read_index(Time now, uint64_t token, Out& out) {
  Impl& impl = *impl_;
  if (impl.leading() == nullptr && !impl.asked.none() && impl.asked_place < out.sent.size()) {
    const auto* request = std::get_if<ReadRequest>(&out.sent[impl.asked_place].wire);
    if (request != nullptr && request->token == impl.asked.newest()) return impl.asked.join(token);
  }
  impl.asked.open(token, now + impl.core.config.election_timeout);
  impl.route_reads(now, out);
  impl.settle(now, out);
}

BlobId Paxos::name_blob() { return impl_->core.name_blob(); }

bool Paxos::uses_blob(BlobId id) const {
  return impl_->core.ledger.names(id) || impl_->receiver.uses(id) ||
         (impl_->leading() != nullptr && impl_->leading()->uses(id));
}

void Paxos::snapshot_taken(Time now, const SnapshotMeta& meta, Out& out) {
  Core& core = impl_->core;
  core.see_blob(meta.blob);
  if (meta.index <= core.snapshot().index) return;
  ensure(meta.index <= core.delivered, "a snapshot holds what was delivered");
  core.compact(meta, out);
  impl_->settle(now, out);
}

void Paxos::snapshot_loaded(Time now, const SnapshotMeta& meta, Out& out) {
  Impl& impl = *impl_;
  if (impl.receiver.offered() && !std::holds_alternative<Follower>(impl.role) && meta.index > impl.core.commit) {
    // A leader knows its slots and its followers from where it began; the snapshot takes both away from under it.
    mark<"paxos.installed_instead_of_leading">();
    impl.become_follower(now, Ballot{}, NodeId{}, out);
  }
  impl.receiver.loaded(meta.index, impl.core, out);
  impl.settle(now, out);
}

void Paxos::snapshot_refused(Time now, Index index, Out& out) {
  impl_->receiver.refused(index, impl_->core, out);
  impl_->settle(now, out);
}

StableSeq Paxos::first_needed_behind(Index index) const { return impl_->core.ledger.first_needed_behind(index); }

Role Paxos::role() const { return impl_->role_now(); }
Term Paxos::term() const { return impl_->core.ballot().round; }
const Ballot& Paxos::ballot() const { return impl_->core.ballot(); }
NodeId Paxos::leader() const { return impl_->leader_now(); }
NodeId Paxos::promised_to() const { return impl_->core.ballot().node; }
Index Paxos::commit_index() const { return impl_->core.commit; }
Index Paxos::last_index() const { return impl_->core.slots().last(); }
Index Paxos::first_index() const { return impl_->core.slots().first(); }
std::optional<Term> Paxos::term_at(Index index) const { return impl_->core.slots().term_at(index); }
const Membership& Paxos::membership() const { return impl_->core.membership(); }
Index Paxos::membership_index() const { return impl_->core.memberships.changed_at(); }
const SnapshotMeta& Paxos::snapshot() const { return impl_->core.snapshot(); }
std::optional<Index> Paxos::match_of(NodeId member) const {
  const Leader* leader = impl_->leading();
  return leader == nullptr || !leader->leads() ? std::nullopt : leader->match_of(member, impl_->core);
}

bool Paxos::hears(NodeId member, Time now) const {
  const Leader* leader = impl_->leading();
  return leader != nullptr && leader->leads() && leader->hears(member, now, impl_->core);
}

void Paxos::check_invariants() const {
  impl_->core.check_invariants();
  if (const Leader* leader = impl_->leading()) leader->check_invariants(impl_->core);
}

}  // namespace holdfast::paxos
