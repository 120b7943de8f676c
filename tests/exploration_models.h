// The small scopes in which protocols are explored exhaustively (docs/exploration.md): processes, inputs, faults,
// bounds, and what must hold in every state.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "holdfast/consensus/flooding/flooding.h"
#include "holdfast/consensus/generals/oral.h"
#include "holdfast/consensus/synod/member.h"
#include "holdfast/model/quorum.h"
#include "holdfast/sim/explore/explorer_testing.h"

namespace holdfast::exploration {

inline std::vector<NodeId> ids(uint64_t first, uint64_t last) {
  std::vector<NodeId> all;
  for (uint64_t i = first; i <= last; ++i) all.push_back(NodeId(i));
  return all;
}

// --- Flooding: everybody proposes at any time; up to `crashes` crash at any point of any step; notices are true and
// come last, in the model; elsewhere they may overtake, or be false. ---

// One that proposes as soon as it starts, or when its owner says so.
class ProposingFlooding : public flooding::Flooding {
 public:
  ProposingFlooding(const flooding::Config& config, bool at_start)
      : Flooding(config), self_(config.self), at_start_(at_start) {}
  void start(Time now, Out& out) {
    Flooding::start(now, out);
    if (at_start_) propose_own(now, out);
  }
  void propose_own(Time now, Out& out) {
    ensure(propose(now, Slice::copy_of("v" + print(self_)), out).ok(), "proposed once");
  }

 private:
  NodeId self_;
  bool at_start_;
};

struct FloodingScope {
  uint64_t processes = 3;
  uint32_t crashes = 2;
  flooding::Agreement agreement = flooding::Agreement::kCorrect;
  bool propose_at_start = false;
  bool notices_overtake = false;
  bool detector_lies = false;
  bool arrivals_first = false;
};

inline explore::Model<ProposingFlooding> flooding_model(const FloodingScope& scope) {
  using flooding::Agreement;
  using flooding::Chosen;
  using flooding::Flooding;
  using flooding::FloodState;
  using flooding::Proposal;
  using flooding::Proposals;
  using M = explore::Model<ProposingFlooding>;
  M m;
  m.nodes = ids(1, scope.processes);
  m.crashes = scope.crashes;
  m.crash_cuts = m.stable_at_once = true;
  m.may_time_out = [](const M::View&, NodeId) { return true; };
  m.make = [scope](NodeId id) {
    const flooding::Config config{id, ids(1, scope.processes), scope.agreement, NodeId(1)};
    return ProposingFlooding(config, scope.propose_at_start);
  };
  // Only what decides about what it does next: past rounds do not, but for who was heard in the last one; and nothing
  // does any more once the choice is final.
  m.write = [](codec::Writer& w, const ProposingFlooding& f) {
    FloodState s = f.state();
    for (size_t i = 0; i < s.rounds.size(); ++i) {
      if (s.choice || i + 2 < s.round) s.rounds[i].heard.clear();
      if (s.choice || i + 1 < s.round) s.rounds[i].known.clear();
    }
    if (s.final) s = FloodState{.choice = s.choice, .final = true};
    codec::write(w, s);
  };
  // What belongs to the round in which a process is, it has waited for: any order comes to the same.
  if (scope.arrivals_first) {
    m.may_come_first = [](const M::Node& n, const M::Message& x) {
      const auto* proposals = std::get_if<Proposals>(&x.wire);
      return proposals != nullptr && proposals->round == n.core->state().round;
    };
  }
  m.dead = [](const M::Node& n, const M::Message& x) {
    const FloodState& s = n.core->state();
    const auto* proposals = std::get_if<Proposals>(&x.wire);
    return s.final || (proposals != nullptr && (s.choice || proposals->round < s.round));
  };
  for (const NodeId id : m.nodes) {
    if (scope.propose_at_start) break;
    m.inputs.push_back(
        {id, "proposes", [](ProposingFlooding& f, Time now, Flooding::Out& out) { f.propose_own(now, out); }});
  }
  for (const NodeId observer : m.nodes) {
    for (const NodeId gone : m.nodes) {
      if (observer == gone) continue;
      m.inputs.push_back({observer, "is told that " + print(gone) + " has crashed",
                          [gone](ProposingFlooding& f, Time now, Flooding::Out& out) { f.on_crash(now, gone, out); },
                          [observer, gone, scope](const M::View& v) {
                            if (v.node(observer).core && v.node(observer).core->state().final) return false;
                            if (scope.detector_lies) return true;
                            const bool comes =
                                v.in_flight([&](const M::Message& x) { return x.from == gone && x.to == observer; });
                            return !v.node(gone).core && (scope.notices_overtake || !comes);
                          }});
    }
  }
  m.invariant = [nodes = m.nodes, inputs = m.inputs, scope](const M::View& v) -> std::string {
    std::optional<Proposal> agreed;
    bool all_decided = true;
    for (const NodeId id : nodes) {
      const auto& n = v.node(id);
      if (n.raised.empty()) all_decided = all_decided && !n.core;
      if (n.raised.size() > 1) return "integrity: " + print(id) + " decided twice";
      if (n.raised.empty() || (!n.core && scope.agreement == Agreement::kCorrect)) continue;
      const Proposal& choice = std::get<Chosen>(n.raised[0]).choice;
      if (choice.value.str() != "v" + print(choice.proposer)) return "validity: nobody proposed " + print(choice);
      if (agreed && !(*agreed == choice)) return "agreement: " + print(*agreed) + " and " + print(choice);
      agreed = choice;
    }
    if (all_decided || v.in_flight([](const M::Message&) { return true; })) return {};
    for (const NodeId id : nodes) {
      if (v.node(id).core && v.node(id).core->deadline() != Time::never()) return {};
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool gives = v.node(inputs[i].node).core && (!inputs[i].allowed || inputs[i].allowed(v));
      if (gives && !v.given(i)) return {};
    }
    return "termination: nothing is left to happen, and somebody has not decided";
  };
  return m;
}

// --- Single-decree Paxos: proposers n1, n2 (each with a value of its own), acceptors behind them. A proposer starts
// its ballots at any time; a refused one hears of the higher ballot. ---

struct SynodScope {
  uint32_t first_ballots = 2;   // of n1
  uint32_t second_ballots = 2;  // of n2
  uint64_t acceptors = 3;
  uint32_t crashes = 0;    // of acceptors, each followed by a restart, with every prefix of its records
  bool reductions = true;  // messages that have no effect any more are forgotten
  bool refusals = false;   // they arrive; without them a ballot that lost is given up by its proposer alone
  // Nobody learns: what is chosen is seen from what the acceptors have said. A proposer that has not heard of a
  // decision does everything that one does which has.
  bool learners = true;
};

inline explore::Model<synod::Member> synod_model(const SynodScope& scope) {
  using synod::Accept;
  using synod::Ballot;
  using synod::Begin;
  using synod::Collect;
  using synod::Decided;
  using synod::Event;
  using synod::Last;
  using synod::Member;
  using synod::MemberState;
  using synod::Message;
  using synod::Out;
  using synod::Phase;
  using synod::Refuse;
  using M = explore::Model<Member>;
  const auto acceptors = ids(3, 2 + scope.acceptors);
  M m;
  m.nodes = ids(1, 2 + scope.acceptors);
  m.crashes = m.restarts = scope.crashes;
  m.messages_stay = true;
  m.stable_at_once = scope.crashes == 0;
  m.may_crash = [](const M::View&, NodeId id) { return id.value() > 2; };
  m.make = [acceptors](NodeId id) {
    synod::Config config{.self = id, .seed = 1, .acceptors = acceptors};
    config.ask_interval = Duration();
    return Member(config);
  };
  m.write = [](codec::Writer& w, const Member& member) { codec::write(w, member.state()); };
  for (const NodeId id : {NodeId(1), NodeId(2)}) {
    const uint32_t ballots = id == NodeId(1) ? scope.first_ballots : scope.second_ballots;
    for (uint32_t b = 0; b < ballots; ++b) {
      const size_t before = m.inputs.size() - 1;
      m.inputs.push_back({id, b == 0 ? "is trusted, and proposes" : "is trusted anew",
                          [id, b](Member& member, Time now, Out& out) {
                            if (b == 0) member.propose(now, Slice::copy_of("value of " + print(id)), out);
                            member.trust(now, NodeId(), out);
                            member.trust(now, id, out);
                          },
                          [b, before](const M::View& v) { return b == 0 || v.given(before); }});
    }
  }
  if (!scope.learners) m.testifies = [](const Message& x) { return std::holds_alternative<Accept>(x); };
  if (!scope.refusals) m.never_arrives = [](const Message& x) { return std::holds_alternative<Refuse>(x); };
  if (scope.reductions)
    m.dead = [refusals = scope.refusals](const M::Node& n, const M::Message& x) {
      const MemberState s = n.core->state();
      // Acceptors learn nothing here: who knows the decision is a proposer, and has nothing left to do.
      if (s.learner.decided && !refusals) return true;
      if (const auto* last = std::get_if<Last>(&x.wire)) {
        return last->ballot < s.proposer.ballot || s.proposer.phase == Phase::kBeginning;
      }
      if (refusals || s.acceptor.record > n.stable) return false;  // its promise may be lost in a crash
      if (const auto* collect = std::get_if<Collect>(&x.wire)) return collect->ballot < s.acceptor.promised;
      if (const auto* begin = std::get_if<Begin>(&x.wire)) return begin->ballot < s.acceptor.promised;
      return false;
    };
  m.invariant = [nodes = m.nodes, acceptors](const M::View& v) -> std::string {
    std::optional<Slice> decided;
    std::map<Ballot, std::pair<Slice, std::set<NodeId>>> accepted;
    (void)v.in_flight([&](const M::Message& x) {
      if (const auto* accept = std::get_if<Accept>(&x.wire)) {
        auto& [value, by] = accepted[accept->ballot];
        value = accept->value;
        by.insert(x.from);
      }
      return false;
    });
    for (const auto& [ballot, what] : accepted) {
      if (what.second.size() < majority_of(acceptors.size())) continue;
      if (decided && !(*decided == what.first)) return "agreement: " + print(*decided) + " and " + print(what.first);
      decided = what.first;
    }
    for (const NodeId id : nodes) {
      for (const Event& e : v.node(id).raised) {
        const Slice& value = std::get<Decided>(e).value;
        if (decided && !(*decided == value)) return "agreement: " + print(*decided) + " and " + print(value);
        decided = value;
      }
    }
    return {};
  };
  return m;
}

// --- OM(1): four generals, n1 commands; one of them is a traitor that says everything that can be said, in any order
// and combination, or nothing. Rounds end when what loyal generals said in them has arrived; clocks differ by up to a
// round. ---

struct OralScope {
  uint64_t generals = 4;
  NodeId traitor{1};
  generals::Order order = generals::Order::kAttack;
};

inline explore::Model<generals::OralGeneral> oral_model(const OralScope& scope) {
  using generals::Obeyed;
  using generals::Oral;
  using generals::OralGeneral;
  using generals::Order;
  using M = explore::Model<OralGeneral>;
  const auto all = ids(1, scope.generals);
  M m;
  m.nodes = all;
  std::erase(m.nodes, scope.traitor);
  m.stable_at_once = true;
  m.make = [all](NodeId id) { return OralGeneral(generals::Config{id, all, 1}); };
  m.write = [](codec::Writer& w, const OralGeneral& g) { codec::write(w, g.state()); };
  for (const NodeId id : m.nodes) {
    m.inputs.push_back({id, "begins", [order = scope.order](OralGeneral& g, Time now, OralGeneral::Out& out) {
                          g.begin(now, order, out);
                        }});
    for (const Order said : {Order::kRetreat, Order::kAttack}) {
      std::vector<NodeId> path = {NodeId(1)};
      if (scope.traitor != NodeId(1)) path.push_back(scope.traitor);
      if (id == NodeId(1)) continue;
      m.inputs.push_back({scope.traitor,
                          "says " + print(said) + " to " + print(id),
                          {},
                          {},
                          std::pair(id, OralGeneral::Wire(Oral{path, said}))});
    }
  }
  m.may_time_out = [nodes = m.nodes, scope](const M::View& v, NodeId id) {
    const uint32_t mine = v.node(id).core->state().round;
    for (const NodeId other : nodes) {
      if (v.node(other).core->state().round < mine) return false;
    }
    return !v.in_flight([&](const M::Message& x) { return x.to == id && x.from != scope.traitor; });
  };
  m.invariant = [nodes = m.nodes, scope](const M::View& v) -> std::string {
    std::optional<Order> obeyed;
    for (const NodeId id : nodes) {
      if (id == NodeId(1) || v.node(id).raised.empty()) continue;
      const Order mine = std::get<Obeyed>(v.node(id).raised[0]).order;
      if (obeyed && *obeyed != mine) return "IC1: loyal lieutenants obey different orders";
      if (scope.traitor != NodeId(1) && mine != scope.order) return "IC2: a loyal commander is not obeyed";
      obeyed = mine;
    }
    return {};
  };
  return m;
}

}  // namespace holdfast::exploration
