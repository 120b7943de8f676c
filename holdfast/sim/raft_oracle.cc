#include "holdfast/sim/raft_oracle.h"

#include "holdfast/base/print.h"

namespace holdfast::sim {
namespace {

// No vote and no request for one is longer: what is longer need not be decoded.
constexpr size_t kLongestVote = 64;

}  // namespace

void RaftOracle::sends(NodeId from, NodeId to, const Slice& message) {
  if (message.size() > kLongestVote) return;
  const StatusOr<replica::Wire> wire = codec::decode<replica::Wire>(message);
  const auto* raft = wire.ok() ? std::get_if<raft::Message>(&*wire) : nullptr;
  if (raft == nullptr) return;
  if (const auto* vote = std::get_if<raft::VoteReply>(raft); vote != nullptr && vote->granted && !vote->pre_vote) {
    votes(from, vote->term, to);
    answered_[{from, vote->term}] = to;
  }
  // A candidate has voted for itself.
  if (const auto* wanted = std::get_if<raft::RequestVote>(raft); wanted != nullptr && !wanted->pre_vote) {
    votes(from, wanted->term, from);
  }
}

void RaftOracle::votes(NodeId voter, consensus::Term term, NodeId candidate) {
  const auto [it, fresh] = votes_.emplace(std::pair(voter, term), candidate);
  if (fresh || it->second == candidate) return;
  world_.violate("ONE", to_text(voter) + " voted for both " + to_text(it->second) + " and " + to_text(candidate) +
                            " in term " + to_text(term));
}

void RaftOracle::observe(const StoreMember& member) {
  const replica::Engine& engine = member.service()->replica().engine();
  const auto answered = answered_.find({member.id(), engine.term()});
  const bool trusted = member.node().storage_trusted();
  if (trusted && answered != answered_.end() && engine.promised_to() != answered->second) {
    return world_.violate("ONE", to_text(member.id()) + " does not remember that it voted for " +
                                     to_text(answered->second) + " in term " + to_text(engine.term()));
  }
  commits(member.id(), engine);
  if (engine.role() == consensus::Role::kLeader) leads(member, engine);
}

void RaftOracle::commits(NodeId id, const replica::Engine& engine) {
  const consensus::Index index = engine.commit_index();
  const std::optional<consensus::Term> term = engine.term_at(index);
  if (!term || index == consensus::Index{}) return;
  const auto [it, fresh] = committed_.emplace(index, Committed{*term, engine.term(), id});
  if (fresh || it->second.term == *term) return;
  world_.violate("ONE", "at index " + to_text(index) + " " + to_text(it->second.by) + " committed an entry of term " +
                            to_text(it->second.term) + " and " + to_text(id) + " one of term " + to_text(*term));
}

void RaftOracle::leads(const StoreMember& member, const replica::Engine& engine) {
  Reign& reign = reigns_[member.id()];
  if (reign.term != engine.term() || reign.incarnation != member.node().incarnation()) {
    reign = Reign{engine.term(), member.node().incarnation(), {}};
    const auto [it, fresh] = leaders_.emplace(engine.term(), member.id());
    if (!fresh && it->second != member.id()) {
      return world_.violate(
          "ONE", to_text(it->second) + " and " + to_text(member.id()) + " both lead in term " + to_text(engine.term()));
    }
    has_all_committed(member.id(), engine);
  }
  std::map<NodeId, consensus::Index> match;
  for (const NodeId other : engine.membership().everyone()) {
    const std::optional<consensus::Index> now = engine.match_of(other);
    if (!now || other == member.id()) continue;
    const auto before = reign.match.find(other);
    if (before != reign.match.end() && *now < before->second) {
      return world_.violate("MONO", "what " + to_text(member.id()) + " knows of the log of " + to_text(other) +
                                        " went back from " + to_text(before->second) + " to " + to_text(*now));
    }
    match[other] = *now;
  }
  reign.match = std::move(match);
}

// Leader completeness: what was committed in an earlier term is in the log of every later leader.
void RaftOracle::has_all_committed(NodeId id, const replica::Engine& engine) {
  for (auto it = committed_.rbegin(); it != committed_.rend(); ++it) {
    const auto& [index, committed] = *it;
    if (committed.known_in >= engine.term()) continue;
    const bool compacted = index + 1 < engine.first_index();
    if (!compacted && engine.term_at(index) != committed.term) {
      world_.violate("ONE", to_text(id) + " leads in term " + to_text(engine.term()) + " without the entry at index " +
                                to_text(index) + " that " + to_text(committed.by) + " had committed in term " +
                                to_text(committed.known_in));
    }
    return;
  }
}

}  // namespace holdfast::sim
