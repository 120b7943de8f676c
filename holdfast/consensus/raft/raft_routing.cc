// Which rule of which part applies to a message, and what changes the role.
#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/raft/raft_impl.h"

namespace holdfast::raft {

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

void Raft::Impl::stand(Time now, Out& out) {
  const bool at_once = core.sole_voter() || planted<"R20">();
  campaign(now, at_once ? Campaign::Kind::kVote : Campaign::Kind::kPreVote, /*leadership_transfer=*/false, out);
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
  if (planted<"R11">() || planted<"R20">()) return false;
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
  if (good) std::get<Follower>(role).on_commit(now, from, m.commit, core, out);
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

}  // namespace holdfast::raft
