// Which rule of which part applies to a message, and what changes the role.
#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/paxos/paxos_impl.h"

namespace holdfast::paxos {

// --- Roles -----------------------------------------------------------------------------------------------------------

void Paxos::Impl::become_follower(Time now, const Ballot& promise, NodeId leader, Out& out) {
  if (leading() != nullptr) abdicate(out);
  if (promise > core.ballot()) core.ledger.promise(promise, out);
  role = Follower{.leader = leader, .deadline = now + core.draw_timeout()};
}

void Paxos::Impl::abdicate(Out& out) {
  for (const ReadBatch& read : leading()->unanswered()) {
    if (read.origin == core.self()) continue;  // asked again of the next leader
    out.send(read.origin, ReadReply{.ballot = core.ballot(), .token = read.batch}, core.after_promise());
  }
}

void Paxos::Impl::campaign(Time now, Out& out) {
  if (core.sole_voter() || planted<"R20">()) {
    take_over(now, /*handed_over=*/Ballot{}, out);
  } else {
    inquire(now, out);
  }
}

void Paxos::Impl::inquire(Time now, Out& out) {
  role.emplace<Inquiring>(now, core, out);
  count_answers(now, out);
}

void Paxos::Impl::count_answers(Time now, Out& out) {
  const auto* inquiring = std::get_if<Inquiring>(&role);
  if (inquiring == nullptr) return;
  const VoteResult result = inquiring->result(core);
  if (result == VoteResult::kLost) return become_follower(now, Ballot{}, NodeId{}, out);
  if (result == VoteResult::kPending) return;
  // A snapshot that came meanwhile holds more than this member would begin to lead with.
  if (core.loading) return become_follower(now, Ballot{}, NodeId{}, out);
  take_over(now, /*handed_over=*/Ballot{}, out);
}

void Paxos::Impl::take_over(Time now, const Ballot& handed_over, Out& out) {
  role.emplace<Leader>(now, handed_over, core, out);
}

// A member that heard its leader within an election timeout helps nobody to depose it: the leader's lease counts on it,
// and whoever is cut off in part cannot disturb the rest. A leader hears a majority, or steps down in time.
bool Paxos::Impl::bound_to_leader(Time now) const {
  if (planted<"R11">() || planted<"R20">()) return false;
  if (leading() != nullptr && leading()->leads()) return true;
  return heard_leader && now < heard_leader->at + core.config.election_timeout;
}

// Who hands over has voided its own lease, and nobody else's: a member that has heard another leader since stays bound.
bool Paxos::Impl::released_by(const Ballot& handed_over) const {
  if (handed_over == Ballot{}) return false;
  if (planted<"M4">()) return true;
  if (leading() != nullptr && leading()->leads()) return core.ballot() == handed_over;
  return heard_leader && heard_leader->ballot == handed_over;
}

// --- What a message's ballot means -----------------------------------------------------------------------------------

// Whether `from` leads the ballot that is promised, or a greater one that is promised now.
bool Paxos::Impl::from_leader(Time now, NodeId from, const Ballot& ballot, Out& out) {
  if (ballot.node != from || !ballot.round) {
    mark<"paxos.nonsense">();
    return false;
  }
  if (ballot < core.ballot()) {
    mark<"paxos.late_leader_rejected">();
    out.send(from, Reject{ballot, core.ballot()}, core.after_promise());
    return false;
  }
  auto* follower = std::get_if<Follower>(&role);
  if (ballot > core.ballot() || follower == nullptr) {
    become_follower(now, ballot, from, out);
  } else {
    follower->leader = from;
    follower->deadline = now + core.draw_timeout();
  }
  heard_leader = {now, ballot};
  return true;
}

// This member as the leader that a reply is meant for; none when the reply is late, or not a member's.
Leader* Paxos::Impl::leader_of(NodeId from, const Ballot& ballot) {
  if (ballot != core.ballot() || !core.membership().contains(from)) return nullptr;
  return leading();
}

// A greater ballot exists. Only members are believed: one that was removed does not make anybody go up.
void Paxos::Impl::see(NodeId from, const Ballot& promised) {
  if (promised.round > kMaxTerm || !core.membership().contains(from)) return;
  core.seen_round = std::max(core.seen_round, promised.round);
}

// --- Taking over -----------------------------------------------------------------------------------------------------

void Paxos::Impl::on(Time now, NodeId from, const Inquiry& m, Out& out) {
  if (m.ballot.node != from || !m.from || m.from > kMaxIndex) return mark<"paxos.nonsense">();
  if (bound_to_leader(now)) return mark<"paxos.refused_for_leader">();
  const Willing will = willing(core, from, m.from);
  if (will == Willing::kSilent) return;
  if (will == Willing::kBehind) mark<"paxos.candidate_behind">();
  const bool yes = will == Willing::kYes && m.ballot > core.ballot();
  out.send(from, InquiryReply{m.ballot, yes, core.ballot()}, core.after_promise());
}

void Paxos::Impl::on(Time now, NodeId from, const InquiryReply& m, Out& out) {
  see(from, m.promised);
  auto* inquiring = std::get_if<Inquiring>(&role);
  if (inquiring == nullptr || m.ballot != inquiring->ballot()) return;
  inquiring->on_reply(from, m.yes);
  count_answers(now, out);
}

void Paxos::Impl::on(Time now, NodeId from, const Collect& m, Out& out) {
  if (m.ballot.node != from || !m.ballot.round || !m.from || m.part < m.from || m.part > kMaxIndex) {
    return mark<"paxos.nonsense">();
  }
  if (m.ballot < core.ballot()) {
    out.send(from, Reject{m.ballot, core.ballot()}, core.after_promise());
    return;
  }
  if (m.ballot > core.ballot() && bound_to_leader(now) && !released_by(m.handed_over)) {
    return mark<"paxos.refused_for_leader">();
  }
  const Willing will = willing(core, from, m.from);
  if (will == Willing::kSilent) return;
  if (will == Willing::kBehind) return mark<"paxos.candidate_behind">();  // others may have what it asks for
  if (m.ballot > core.ballot()) become_follower(now, m.ballot, NodeId{}, out);
  send_report(from, core, m.part, out);
}

void Paxos::Impl::on(Time now, NodeId from, const Last& m, Out& out) {
  if (!m.part || m.chosen > kMaxIndex || m.next > kMaxIndex) return mark<"paxos.nonsense">();
  if (Leader* leader = leader_of(from, m.ballot)) leader->on_last(now, from, m, core, out);
}

// A member that has promised more than this leader's ballot takes no part in it any more: somebody leads, or will.
void Paxos::Impl::on(Time now, NodeId from, const Reject& m, Out& out) {
  see(from, m.promised);
  if (leader_of(from, m.ballot) == nullptr || m.promised <= core.ballot()) return;
  mark<"paxos.rejected">();
  become_follower(now, Ballot{}, NodeId{}, out);
}

void Paxos::Impl::on(Time now, NodeId from, const LeadNow& m, Out& out) {
  const auto* follower = std::get_if<Follower>(&role);
  if (m.ballot != core.ballot() || follower == nullptr || follower->leader != from || !core.may_lead() || core.loading)
    return;
  mark<"paxos.lead_now">();
  take_over(now, /*handed_over=*/m.ballot, out);
}

// --- Replication -----------------------------------------------------------------------------------------------------

void Paxos::Impl::on(Time now, NodeId from, const Begin& m, Out& out) {
  if (!sound(m)) return mark<"paxos.nonsense">();
  if (from_leader(now, from, m.ballot, out)) accept(from, m, core, out);
}

void Paxos::Impl::on(Time now, NodeId from, const Accept& m, Out& out) {
  if (Leader* leader = leader_of(from, m.ballot)) leader->on_accept(now, from, m, core, out);
}

void Paxos::Impl::on(Time now, NodeId from, const Success& m, Out& out) {
  if (m.chosen > kMaxIndex) return mark<"paxos.nonsense">();
  if (!from_leader(now, from, m.ballot, out)) return;
  learn(m.chosen, core);
  if (m.round == 0) return;
  out.send(from, Echo{core.ballot(), m.round, core.ledger.held()}, core.after_holding(core.ledger.held()));
}

void Paxos::Impl::on(Time now, NodeId from, const Echo& m, Out& out) {
  if (Leader* leader = leader_of(from, m.ballot)) leader->on_echo(now, from, m, core, out);
}

void Paxos::Impl::on(Time now, NodeId from, const SnapshotChunk& m, Out& out) {
  if (from_leader(now, from, m.ballot, out)) receiver.on_chunk(from, m, core, out);
}

void Paxos::Impl::on(Time now, NodeId from, const SnapshotReply& m, Out& out) {
  if (Leader* leader = leader_of(from, m.ballot)) leader->on_snapshot_reply(now, from, m, core, out);
}

// --- Reads -----------------------------------------------------------------------------------------------------------

void Paxos::Impl::on(Time now, NodeId from, const ReadRequest& m, Out& out) {
  if (!core.membership().contains(from)) return;
  Leader* leader = leading();
  if (leader != nullptr && leader->leads()) return leader->read(now, {from, m.token}, core, out);
  out.send(from, ReadReply{.ballot = core.ballot(), .token = m.token}, core.after_promise());
}

void Paxos::Impl::on(Time, NodeId from, const ReadReply& m, Out& out) {
  if (m.index > kMaxIndex || !core.membership().contains(from)) return;
  // An answer stays true when its leader is deposed: it was confirmed after the question.
  if (m.ok) asked.answer(m.token, m.index, out);
}

// The newest batch is asked for; its answer is one to the earlier ones too.
void Paxos::Impl::route_reads(Time now, Out& out) {
  ask_again = Time::never();
  if (asked.none()) return;
  if (Leader* leader = leading()) {
    if (leader->leads()) leader->read(now, {core.self(), asked.newest()}, core, out);
    return;
  }
  if (!leader_now()) return;
  asked_place = out.sent.size();
  out.send(leader_now(), ReadRequest{core.ballot(), asked.newest()}, core.after_promise());
  ask_again = now + core.config.heartbeat_interval;
}

// --- The end of a step -----------------------------------------------------------------------------------------------

void Paxos::Impl::settle(Time now, Out& out) {
  if (const Leader* leader = leading(); leader != nullptr && leader->over()) {
    become_follower(now, Ballot{}, NodeId{}, out);
  }
  const RoleChanged current{role_now(), core.ballot().round, leader_now()};
  if (current.role != told.role || current.term != told.term || current.leader != told.leader) {
    const bool route = current.leader && (current.leader != told.leader || current.term != told.term);
    told = current;
    out.raise(current, core.after_promise());
    if (route) route_reads(now, out);
  }
  core.deliver(out);
  Leader* leader = leading();
  if (leader == nullptr) return;
  for (const LeaderReads::Answer& answer : leader->take_answers()) {
    if (answer.read.origin == core.self()) {
      asked.answer(answer.read.batch, answer.index, out);
    } else {
      out.send(answer.read.origin, ReadReply{core.ballot(), answer.read.batch, true, answer.index},
               core.after_promise());
    }
  }
}

Role Paxos::Impl::role_now() const {
  if (const Leader* leader = leading()) return leader->leads() ? Role::kLeader : Role::kCandidate;
  return std::holds_alternative<Inquiring>(role) ? Role::kPreCandidate : Role::kFollower;
}

NodeId Paxos::Impl::leader_now() const {
  if (const Leader* leader = leading()) return leader->leads() ? core.self() : NodeId{};
  const auto* follower = std::get_if<Follower>(&role);
  return follower == nullptr ? NodeId{} : follower->leader;
}

}  // namespace holdfast::paxos
