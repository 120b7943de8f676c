// Routing: which rule of which part applies to an input, and what changes the role.
#include "holdfast/consensus/raft/raft.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/raft/campaign.h"
#include "holdfast/consensus/raft/core.h"
#include "holdfast/consensus/raft/follower.h"
#include "holdfast/consensus/raft/leader.h"
#include "holdfast/consensus/raft/reading.h"
#include "holdfast/consensus/raft/snapshot_receiver.h"

namespace holdfast::raft {

struct Raft::Impl {
  Impl(const Config& config, Membership bootstrap) : core(config, std::move(bootstrap)) {}

  // --- Roles ---
  void become_follower(Time now, Term term, NodeId leader, Out& out);
  void campaign(Time now, Campaign::Kind kind, bool leadership_transfer, Out& out);
  void count_votes(Time now, Out& out);
  void abdicate(Out& out);

  // --- What a message's term means ---
  bool from_leader(Time now, NodeId from, Term term, Out& out);
  bool is_reply(Time now, NodeId from, Term term, Out& out);
  bool bound_to_leader(Time now) const;

  // --- Messages ---
  void on(Time now, NodeId from, const RequestVote& m, Out& out);
  void on(Time now, NodeId from, const VoteReply& m, Out& out);
  void on(Time now, NodeId from, const AppendEntries& m, Out& out);
  void on(Time now, NodeId from, const AppendReply& m, Out& out);
  void on(Time now, NodeId from, const Heartbeat& m, Out& out);
  void on(Time now, NodeId from, const HeartbeatReply& m, Out& out);
  void on(Time now, NodeId from, const SnapshotChunk& m, Out& out);
  void on(Time now, NodeId from, const SnapshotReply& m, Out& out);
  void on(Time now, NodeId from, const TimeoutNow& m, Out& out);
  void on(Time now, NodeId from, const ReadIndexRequest& m, Out& out);
  void on(Time now, NodeId from, const ReadIndexReply& m, Out& out);

  void route_reads(Time now, Out& out);
  // Ends every step: the role may be over, the owner is told what is new.
  void settle(Time now, Out& out);

  Role role_now() const;
  NodeId leader_now() const;
  Leader* leading() { return std::get_if<Leader>(&role); }
  const Leader* leading() const { return std::get_if<Leader>(&role); }

  Core core;
  std::variant<Follower, Campaign, Leader> role;
  SnapshotReceiver receiver;
  AskedReads asked;
  size_t asked_place = 0;  // of the newest batch's request in the outbox of its step
  Time ask_again = Time::never();
  std::optional<Time> heard_leader;  // when a leader was last heard
  RoleChanged told;
  bool started = false;
};

// --- Roles -----------------------------------------------------------------------------------------------------------

void Raft::Impl::become_follower(Time now, Term term, NodeId leader, Out& out) {
  if (leading() != nullptr) abdicate(out);
  if (term > core.term()) core.ledger.enter_term(term, NodeId{}, out);
  role = Follower{.leader = leader, .deadline = now + core.draw_timeout()};
}

void Raft::Impl::abdicate(Out& out) {
  for (const ReadBatch& read : leading()->unanswered()) {
    if (read.origin == core.self()) continue;  // asked again of the next leader
    out.send(read.origin, ReadIndexReply{.term = core.term(), .token = read.batch}, core.ledger.after_term());
  }
}

void Raft::Impl::campaign(Time now, Campaign::Kind kind, bool leadership_transfer, Out& out) {
  role.emplace<Campaign>(now, kind, leadership_transfer, core, out);
  count_votes(now, out);
}

void Raft::Impl::count_votes(Time now, Out& out) {
  const auto* current = std::get_if<Campaign>(&role);
  if (current == nullptr) return;
  const VoteResult result = current->result(core);
  if (result == VoteResult::kLost) return become_follower(now, core.term(), NodeId{}, out);
  if (result == VoteResult::kPending) return;
  if (current->kind() == Campaign::Kind::kPreVote) {
    campaign(now, Campaign::Kind::kVote, /*leadership_transfer=*/false, out);
  } else {
    role.emplace<Leader>(now, core, out);
  }
}

// A voter that heard its leader within an election timeout helps nobody to depose it (dissertation, 4.2.3). A leader
// hears a quorum, or steps down in time.
bool Raft::Impl::bound_to_leader(Time now) const {
  if (leading() != nullptr) return true;
  return heard_leader && now < *heard_leader + core.config.election_timeout;
}

// --- What a message's term means -------------------------------------------------------------------------------------

// Whether `from` leads the current term, or a later one that is entered now.
bool Raft::Impl::from_leader(Time now, NodeId from, Term term, Out& out) {
  if (term < core.term()) return false;
  if (term == core.term() && (leading() != nullptr || (leader_now() && leader_now() != from))) {
    mark<"raft.nonsense">();  // two leaders of one term: not a message of a correct member
    return false;
  }
  auto* follower = std::get_if<Follower>(&role);
  if (term > core.term() || follower == nullptr) {
    become_follower(now, term, from, out);
  } else {
    follower->leader = from;
    follower->deadline = now + core.draw_timeout();
  }
  heard_leader = now;
  return true;
}

// Whether a reply is of the current term. Only members are believed: one that was removed does not depose a leader.
bool Raft::Impl::is_reply(Time now, NodeId from, Term term, Out& out) {
  if (!core.membership().contains(from)) return false;
  if (term > core.term()) become_follower(now, term, NodeId{}, out);
  return term == core.term();
}

// --- Elections -------------------------------------------------------------------------------------------------------

void Raft::Impl::on(Time now, NodeId from, const RequestVote& m, Out& out) {
  if (m.last_index > kMaxIndex || m.last_term >= m.term) return mark<"raft.nonsense">();
  if (!m.leadership_transfer && bound_to_leader(now)) return mark<"raft.vote_refused_for_leader">();
  const bool good = up_to_date(core.log(), m.last_term, m.last_index);
  if (stands_aside(core, m.last_term)) return mark<"raft.stood_aside">();
  if (m.pre_vote) {
    const bool granted = good && m.term > core.term();
    out.send(from, VoteReply{granted ? m.term : core.term(), granted, true}, core.ledger.after_term());
    return;
  }
  if (m.term > core.term()) {
    // The new term and the vote in it are one record.
    if (leading() != nullptr) abdicate(out);
    core.ledger.enter_term(m.term, good ? from : NodeId{}, out);
    become_follower(now, m.term, NodeId{}, out);
  } else if (m.term == core.term() && good && !core.ledger.vote() && !leader_now()) {
    core.ledger.enter_term(m.term, from, out);
    become_follower(now, m.term, NodeId{}, out);
  }
  const bool granted = m.term == core.term() && core.ledger.vote() == from;
  out.send(from, VoteReply{core.term(), granted, false}, granted ? core.ledger.after_vote() : core.ledger.after_term());
}

void Raft::Impl::on(Time now, NodeId from, const VoteReply& m, Out& out) {
  auto* current = std::get_if<Campaign>(&role);
  if (m.pre_vote && m.granted) {
    // It speaks of the term asked for, which nobody has entered.
    if (current == nullptr || current->kind() != Campaign::Kind::kPreVote || m.term != current->term()) return;
    current->on_reply(from, true);
    return count_votes(now, out);
  }
  if (!is_reply(now, from, m.term, out)) return;
  current = std::get_if<Campaign>(&role);
  if (current == nullptr || m.pre_vote != (current->kind() == Campaign::Kind::kPreVote)) return;
  current->on_reply(from, m.granted);
  count_votes(now, out);
}

void Raft::Impl::on(Time now, NodeId from, const TimeoutNow& m, Out& out) {
  const auto* follower = std::get_if<Follower>(&role);
  if (m.term != core.term() || follower == nullptr || follower->leader != from || !core.may_lead() || core.loading)
    return;
  mark<"raft.timeout_now">();
  campaign(now, Campaign::Kind::kVote, /*leadership_transfer=*/true, out);
}

// --- Replication -----------------------------------------------------------------------------------------------------

void Raft::Impl::on(Time now, NodeId from, const AppendEntries& m, Out& out) {
  if (!Follower::sound(m)) return mark<"raft.nonsense">();
  if (!from_leader(now, from, m.term, out)) {
    if (m.term < core.term()) {
      out.send(from, AppendReply{.term = core.term(), .rejected_prev = m.prev_index}, core.ledger.after_term());
    }
    return;
  }
  std::get<Follower>(role).on_append(from, m, core, out);
}

void Raft::Impl::on(Time now, NodeId from, const AppendReply& m, Out& out) {
  if (!is_reply(now, from, m.term, out)) return;
  if (Leader* leader = leading()) leader->on_append_reply(now, from, m, core, out);
}

void Raft::Impl::on(Time now, NodeId from, const Heartbeat& m, Out& out) {
  const bool good = from_leader(now, from, m.term, out);
  if (good) std::get<Follower>(role).on_commit(m.commit, core);
  if ((good && m.round != 0) || m.term < core.term()) {
    out.send(from, HeartbeatReply{core.term(), m.round}, core.ledger.after_term());
  }
}

void Raft::Impl::on(Time now, NodeId from, const HeartbeatReply& m, Out& out) {
  if (!is_reply(now, from, m.term, out)) return;
  if (Leader* leader = leading()) leader->on_heartbeat_reply(now, from, m, core, out);
}

void Raft::Impl::on(Time now, NodeId from, const SnapshotChunk& m, Out& out) {
  if (!from_leader(now, from, m.term, out)) {
    if (m.term < core.term()) {
      out.send(from, SnapshotReply{.term = core.term(), .index = m.meta.index}, core.ledger.after_term());
    }
    return;
  }
  receiver.on_chunk(from, m, core, out);
}

void Raft::Impl::on(Time now, NodeId from, const SnapshotReply& m, Out& out) {
  if (!is_reply(now, from, m.term, out)) return;
  if (Leader* leader = leading()) leader->on_snapshot_reply(now, from, m, core, out);
}

// --- Reads -----------------------------------------------------------------------------------------------------------

void Raft::Impl::on(Time now, NodeId from, const ReadIndexRequest& m, Out& out) {
  if (!core.membership().contains(from)) return;
  if (Leader* leader = leading()) return leader->read(now, {from, m.token}, core, out);
  out.send(from, ReadIndexReply{.term = core.term(), .token = m.token}, core.ledger.after_term());
}

void Raft::Impl::on(Time now, NodeId from, const ReadIndexReply& m, Out& out) {
  if (m.index > kMaxIndex || !core.membership().contains(from)) return;
  // An answer stays true when its leader is deposed: it was confirmed after the question.
  if (m.ok) asked.answer(m.token, m.index, out);
  is_reply(now, from, m.term, out);
}

// The newest batch is asked for; its answer is one to the earlier ones too.
void Raft::Impl::route_reads(Time now, Out& out) {
  ask_again = Time::never();
  if (asked.none()) return;
  if (Leader* leader = leading()) return leader->read(now, {core.self(), asked.newest()}, core, out);
  if (!leader_now()) return;
  asked_place = out.sent.size();
  out.send(leader_now(), ReadIndexRequest{core.term(), asked.newest()}, core.ledger.after_term());
  ask_again = now + core.config.heartbeat_interval;
}

// --- The end of a step -----------------------------------------------------------------------------------------------

void Raft::Impl::settle(Time now, Out& out) {
  if (const Leader* leader = leading(); leader != nullptr && leader->over()) {
    become_follower(now, core.term(), NodeId{}, out);
  }
  const RoleChanged current{role_now(), core.term(), leader_now()};
  if (current.role != told.role || current.term != told.term || current.leader != told.leader) {
    const bool route = current.leader && (current.leader != told.leader || current.term != told.term);
    told = current;
    out.raise(current, core.ledger.after_term());
    if (route) route_reads(now, out);
  }
  core.deliver(out);
  Leader* leader = leading();
  if (leader == nullptr) return;
  for (const LeaderReads::Answer& answer : leader->take_answers()) {
    if (answer.read.origin == core.self()) {
      asked.answer(answer.read.batch, answer.index, out);
    } else {
      out.send(answer.read.origin, ReadIndexReply{core.term(), answer.read.batch, true, answer.index},
               core.ledger.after_term());
    }
  }
}

Role Raft::Impl::role_now() const {
  if (leading() != nullptr) return Role::kLeader;
  const auto* current = std::get_if<Campaign>(&role);
  if (current == nullptr) return Role::kFollower;
  return current->kind() == Campaign::Kind::kPreVote ? Role::kPreCandidate : Role::kCandidate;
}

NodeId Raft::Impl::leader_now() const {
  if (leading() != nullptr) return core.self();
  const auto* follower = std::get_if<Follower>(&role);
  return follower == nullptr ? NodeId{} : follower->leader;
}

// --- The public face -------------------------------------------------------------------------------------------------

Raft::Raft(const Config& config, Membership bootstrap) : impl_(std::make_unique<Impl>(config, std::move(bootstrap))) {}
Raft::~Raft() = default;

void Raft::recover_blob(BlobId id, uint64_t) { impl_->core.see_blob(id); }

void Raft::replay(StableSeq seq, const Record& record) {
  ensure(!impl_->started, "records are replayed before the start");
  impl_->core.ledger.replay(seq, record);
}

Status Raft::recovered() const { return impl_->core.ledger.recovered(); }

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
  if (core.sole_voter()) impl_->campaign(now, Campaign::Kind::kVote, /*leadership_transfer=*/false, out);
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
    if (now >= current->deadline()) {
      const auto kind = impl.core.sole_voter() ? Campaign::Kind::kVote : Campaign::Kind::kPreVote;
      impl.campaign(now, kind, /*leadership_transfer=*/false, out);
    }
  } else if (auto& follower = std::get<Follower>(impl.role); now >= follower.deadline) {
    if (impl.core.may_lead() && !impl.core.loading) {
      const auto kind = impl.core.sole_voter() ? Campaign::Kind::kVote : Campaign::Kind::kPreVote;
      impl.campaign(now, kind, /*leadership_transfer=*/false, out);
    } else {
      follower.leader = NodeId{};
      follower.deadline = impl.core.may_lead() ? now + impl.core.draw_timeout() : Time::never();
    }
  }
  if (now >= impl.ask_again) impl.route_reads(now, out);
  impl.settle(now, out);
}

Time Raft::deadline() const {
  const Time others = std::min(impl_->asked.deadline(), impl_->ask_again);
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
  impl_->receiver.loaded(meta.index, impl_->core, out);
  impl_->settle(now, out);
}

void Raft::snapshot_refused(Time now, Index index, Out& out) {
  impl_->receiver.refused(index, impl_->core, out);
  impl_->settle(now, out);
}

Role Raft::role() const { return impl_->role_now(); }
Term Raft::term() const { return impl_->core.term(); }
NodeId Raft::leader() const { return impl_->leader_now(); }
Index Raft::commit_index() const { return impl_->core.commit; }
Index Raft::last_index() const { return impl_->core.log().last(); }
Index Raft::first_index() const { return impl_->core.log().first(); }
const Membership& Raft::membership() const { return impl_->core.membership(); }
const SnapshotMeta& Raft::snapshot() const { return impl_->core.ledger.snapshot(); }
StableSeq Raft::first_needed_behind(Index index) const { return impl_->core.ledger.first_needed_behind(index); }
std::optional<Index> Raft::match_of(NodeId member) const {
  return impl_->leading() == nullptr ? std::nullopt : impl_->leading()->match_of(member, impl_->core);
}

void Raft::check_invariants() const {
  impl_->core.check_invariants();
  if (const Leader* leader = impl_->leading()) leader->check_invariants(impl_->core);
}

}  // namespace holdfast::raft
