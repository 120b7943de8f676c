// The Raft election in a small scope: three members, elections with pre-vote, crashes and restarts with every prefix of
// the records, up to a highest term. Entries, heartbeats and
// refusals do not arrive: what is explored is who may come to lead.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/consensus/raft/raft.h"
#include "tests/exploration_models.h"

namespace holdfast::exploration {

// Raft, made copyable: a copy goes through all inputs of its original once more.
class ReplayedRaft {
 public:
  using Out = raft::Raft::Out;

  ReplayedRaft(NodeId id, uint64_t members) : id_(id), members_(members) { build(); }
  ReplayedRaft(const ReplayedRaft& o)
      : id_(o.id_), members_(o.members_), steps_(o.steps_), reign_(o.reign_), since_(o.since_), votes_(o.votes_) {
    build();
  }
  ReplayedRaft(ReplayedRaft&&) = default;
  ReplayedRaft& operator=(ReplayedRaft&&) = default;

  void replay(StableSeq seq, const raft::Record& record) {
    Out none;
    step(Time(), none, [seq, record](raft::Raft& r, Out&) { r.replay(seq, record); });
  }
  void start(Time now, Out& out) {
    ensure(raft_->recovered().ok(), "what was written is read back");
    step(now, out, [now](raft::Raft& r, Out& o) { (void)r.recovered(), r.start(now, o); });
  }
  void on_message(Time now, NodeId from, const raft::Message& message, Out& out) {
    const auto* vote = std::get_if<raft::VoteReply>(&message);
    if (vote != nullptr && awaits(*vote)) votes_.emplace(from, codec::encode_flat(message).str());
    step(now, out, [now, from, message](raft::Raft& r, Out& o) { r.on_message(now, from, message, o); });
  }
  void on_stable(Time now, StableSeq upto, Out& out) {
    step(now, out, [now, upto](raft::Raft& r, Out& o) { r.on_stable(now, upto, o); });
  }
  void on_time(Time now, Out& out) {
    votes_.clear();  // whatever it was waiting for, it begins anew
    step(now, out, [now](raft::Raft& r, Out& o) { r.on_time(now, o); });
  }
  Time deadline() const { return raft_->deadline(); }
  void check_invariants() const { raft_->check_invariants(); }
  raft::Term term() const { return raft_->term(); }
  // Whether it asks if it might stand: to ask once more says nothing new, and forgets who has answered.
  bool asks_before() const { return raft_->role() == raft::Role::kPreCandidate; }
  // Whether the answer can be one to its candidacy.
  bool awaits(const raft::VoteReply& vote) const {
    const bool asks = raft_->role() == (vote.pre_vote ? raft::Role::kPreCandidate : raft::Role::kCandidate);
    return asks && vote.term == term() + (vote.pre_vote ? 1 : 0);
  }

  // What decides about later elections: the term and the vote, the role, the log, and who has answered in this
  // candidacy; of a leader also for how long it has led, because it resigns when nobody answers.
  void write(codec::Writer& w) const {
    codec::write(w, raft_->term());
    codec::write(w, raft_->promised_to());
    codec::write(w, raft_->role());
    codec::write(w, raft_->last_index());
    for (raft::Index i = raft_->first_index(); i <= raft_->last_index(); ++i) {
      codec::write(w, raft_->term_at(i).value_or(raft::Term()));
    }
    codec::write(w, uint64_t{votes_.size()});
    for (const auto& [from, vote] : votes_) codec::write(w, from), codec::write(w, vote);
    const bool leads = raft_->role() == raft::Role::kLeader;
    codec::write(w, leads ? (now_ - since_).nanos() : int64_t{-1});
  }

 private:
  using Step = std::function<void(raft::Raft&, Out&)>;

  void build() {
    raft::Config config{.self = id_, .seed = id_.value()};
    config.heartbeat_interval = Duration::millis(900);  // few of them until a leader that nobody answers resigns
    config.election_timeout = Duration::millis(1000);
    raft_ = std::make_unique<raft::Raft>(config, raft::Membership{.voters = ids(1, members_)});
    Out scratch;
    for (const auto& [next, step] : steps_) {
      if (next > scratch.next_seq()) scratch.continue_at(next);
      step(*raft_, scratch);
      scratch.clear();
    }
  }
  void step(Time now, Out& out, Step step) {
    steps_.emplace_back(out.next_seq(), step);
    step(*raft_, out);
    now_ = now;
    const auto reign = std::pair(raft_->term(), raft_->role());
    if (reign == reign_) return;
    reign_ = reign;
    since_ = now;
    votes_.clear();
  }

  NodeId id_;
  uint64_t members_;
  std::vector<std::pair<StableSeq, Step>> steps_;
  std::pair<raft::Term, raft::Role> reign_;
  Time since_, now_;
  std::set<std::pair<NodeId, std::string>> votes_;  // in this candidacy
  std::unique_ptr<raft::Raft> raft_;
};

struct ElectionScope {
  uint64_t members = 3;
  uint64_t highest_term = 2;
  uint32_t crashes = 0;
  // None: everybody's. Else only this member's disk takes time, only it crashes, and only the others stand for
  // election.
  NodeId brittle = {};
};

inline explore::Model<ReplayedRaft> election_model(const ElectionScope& scope) {
  using M = explore::Model<ReplayedRaft>;
  M m;
  m.nodes = ids(1, scope.members);
  m.crashes = m.restarts = scope.crashes;
  m.stable_at_once = scope.crashes == 0;
  if (scope.brittle) {
    m.stable_at_once_at = [scope](NodeId id) { return id != scope.brittle; };
    m.may_crash = [scope](const M::View&, NodeId id) { return id == scope.brittle; };
  }
  m.messages_stay = true;
  m.make = [scope](NodeId id) { return ReplayedRaft(id, scope.members); };
  m.write = [](codec::Writer& w, const ReplayedRaft& r) { r.write(w); };
  m.may_time_out = [scope](const M::View& v, NodeId id) {
    const ReplayedRaft& core = *v.node(id).core;
    return id != scope.brittle && core.term() < raft::Term(scope.highest_term) && !core.asks_before();
  };
  m.never_arrives = [](const raft::Message& x) {
    const auto* vote = std::get_if<raft::VoteReply>(&x);
    return !std::holds_alternative<raft::RequestVote>(x) && (vote == nullptr || !vote->granted);
  };
  m.dead = [](const M::Node& n, const M::Message& x) {
    if (!n.disk.empty() && n.disk.back().seq > n.stable) return false;  // its term may be lost in a crash
    if (const auto* vote = std::get_if<raft::VoteReply>(&x.wire)) {
      return vote->pre_vote ? vote->term <= n.core->term() : vote->term < n.core->term();
    }
    const auto& request = std::get<raft::RequestVote>(x.wire);
    return request.pre_vote ? request.term <= n.core->term() : request.term < n.core->term();
  };
  // Election safety: at most one leader in a term, ever (Raft paper, figure 3).
  m.invariant = [nodes = m.nodes](const M::View& v) -> std::string {
    std::map<raft::Term, NodeId> leaders;
    for (const NodeId id : nodes) {
      for (const raft::Event& e : v.node(id).raised) {
        const auto* changed = std::get_if<raft::RoleChanged>(&e);
        if (changed == nullptr || changed->role != raft::Role::kLeader) continue;
        const NodeId other = leaders.emplace(changed->term, id).first->second;
        if (other != id) {
          return "election safety: " + print(other) + " and " + print(id) + " both lead in " + print(changed->term);
        }
      }
    }
    return {};
  };
  return m;
}

}  // namespace holdfast::exploration
