#include "holdfast/sim/engine_oracle.h"

#include "holdfast/base/print.h"

namespace holdfast::sim {
namespace {

// No vote of Raft and no request for one is longer: what is longer need not be decoded.
constexpr size_t kLongestVote = 64;

}  // namespace

void EngineOracle::sends(NodeId from, NodeId to, const Slice& message) {
  if (raft_only_ && message.size() > kLongestVote) return;
  const StatusOr<replica::Wire> wire = codec::decode<replica::Wire>(message);
  if (!wire.ok()) return;
  if (const auto* raft = std::get_if<raft::Message>(&*wire)) sends(from, to, *raft);
  if (const auto* paxos = std::get_if<paxos::Message>(&*wire)) sends(from, to, *paxos);
}

void EngineOracle::sends(NodeId from, NodeId to, const raft::Message& message) {
  if (const auto* vote = std::get_if<raft::VoteReply>(&message); vote != nullptr && vote->granted && !vote->pre_vote) {
    votes(from, vote->term, to);
    answered_[{from, vote->term}] = to;
  }
  // A candidate has voted for itself.
  if (const auto* wanted = std::get_if<raft::RequestVote>(&message); wanted != nullptr && !wanted->pre_vote) {
    votes(from, wanted->term, from);
  }
}

void EngineOracle::sends(NodeId from, NodeId, const paxos::Message& message) {
  if (const auto* begin = std::get_if<paxos::Begin>(&message)) return proposes(from, *begin);
  const auto* last = std::get_if<paxos::Last>(&message);
  const auto* accept = std::get_if<paxos::Accept>(&message);
  if (last == nullptr && accept == nullptr) return;
  const paxos::Ballot ballot = last != nullptr ? last->ballot : accept->ballot;
  paxos::Ballot& promised = promised_[from];
  if (ballot < promised && trusted_.contains(from)) {
    world_.violate(
        "ONE", to_text(from) + " takes part in ballot " + to_text(ballot) + " after it promised " + to_text(promised));
  }
  if (last != nullptr) promised = std::max(promised, ballot);
}

void EngineOracle::proposes(NodeId from, const paxos::Begin& begin) {
  for (const consensus::Entry& entry : begin.entries) {
    const uint64_t value = hash64(entry.data.view(), static_cast<uint64_t>(entry.kind));
    const auto [it, fresh] = proposed_.emplace(std::pair(entry.index, begin.ballot), value);
    if (fresh || it->second == value) continue;
    return world_.violate("ONE", to_text(from) + " proposes two values at index " + to_text(entry.index) +
                                     " in ballot " + to_text(begin.ballot));
  }
}

void EngineOracle::votes(NodeId voter, consensus::Term term, NodeId candidate) {
  const auto [it, fresh] = votes_.emplace(std::pair(voter, term), candidate);
  if (fresh || it->second == candidate) return;
  world_.violate("ONE", to_text(voter) + " voted for both " + to_text(it->second) + " and " + to_text(candidate) +
                            " in term " + to_text(term));
}

void EngineOracle::observe(const StoreMember& member) {
  if (member.service()->replica().engine() == nullptr) return;
  const replica::Engine& engine = *member.service()->replica().engine();
  const auto answered = answered_.find({member.id(), engine.term()});
  const bool trusted = member.node().storage_trusted();
  if (trusted) {
    trusted_.insert(member.id());
  } else {
    trusted_.erase(member.id());
  }
  const paxos::Ballot promised{engine.term(), engine.promised_to()};
  if (const auto told = promised_.find(member.id()); trusted && told != promised_.end() && promised < told->second) {
    return world_.violate("ONE",
                          to_text(member.id()) + " does not remember that it promised ballot " + to_text(told->second));
  }
  if (trusted && answered != answered_.end() && engine.promised_to() != answered->second) {
    return world_.violate("ONE", to_text(member.id()) + " does not remember that it voted for " +
                                     to_text(answered->second) + " in term " + to_text(engine.term()));
  }
  commits(member.id(), engine);
  if (engine.role() == consensus::Role::kLeader) leads(member, engine);
}

void EngineOracle::commits(NodeId id, const replica::Engine& engine) {
  const consensus::Index index = engine.commit_index();
  const std::optional<consensus::Term> term = engine.term_at(index);
  if (!term || index == consensus::Index{}) return;
  const auto [it, fresh] = committed_.emplace(index, Committed{*term, engine.term(), id});
  if (fresh || it->second.term == *term) return;
  world_.violate("ONE", "at index " + to_text(index) + " " + to_text(it->second.by) + " committed an entry of term " +
                            to_text(it->second.term) + " and " + to_text(id) + " one of term " + to_text(*term));
}

void EngineOracle::leads(const StoreMember& member, const replica::Engine& engine) {
  Reign& reign = reigns_[member.id()];
  if (reign.term != engine.term() || reign.incarnation != member.node().incarnation()) {
    reign = Reign{engine.term(), member.node().incarnation(), {}};
    const auto [it, fresh] = leaders_.emplace(engine.term(), member.id());
    // Two ballots may share a round: then the greater one deposes the other.
    if (raft_only_ && !fresh && it->second != member.id()) {
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
void EngineOracle::has_all_committed(NodeId id, const replica::Engine& engine) {
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
