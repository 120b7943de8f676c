// For tests: small-scope exhaustive exploration of protocol cores. From the initial state of a model every thing that
// can happen next is tried, in every order: each message in flight arrives (or is lost, or arrives once more), each
// record becomes stable, each process crashes or restarts, each input of an owner is given, each deadline passes. The
// invariant is asked in every state. States are visited breadth first, so a counterexample is among the shortest there
// are.
//
// Exactness: two states count as one only if all their nodes and all messages in flight are equal; there is no hash
// compaction. A node is what its model writes down of its core (the model must leave out nothing that decides what the
// core does later), its disk, what it holds back, and what it has raised in all its lives.
//
// Time is abstract: a deadline that is not `never` may pass at any moment that the model allows, and how long things
// take is not part of a state. Cores that compare clock readings in other ways must not be explored like this.
//
// What need not be tried, because something that is tried covers it: losing a message is never receiving it (losses are
// explicit only where a model's guards look at what is in flight); a crash that keeps some records which were not
// reported stable is a report, none of whose consequences arrives, and then the crash.
#pragma once

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/print.h"
#include "holdfast/sim/explore/model_testing.h"
#include "holdfast/sim/explore/node_steps_testing.h"
#include "holdfast/sim/explore/state_set.h"

namespace holdfast::explore {

template <class Core>
class Explorer : private Model<Core>::View {
 public:
  using M = Model<Core>;
  using Node = typename M::Node;
  using Message = typename M::Message;

  explicit Explorer(M model) : model_(std::move(model)) {
    ensure(model_.inputs.size() <= 64, "inputs are bits of a number");
  }

  // Visits all states, but not more than `most`; ends at the first that breaks the invariant.
  Verdict run(size_t most) {
    Verdict verdict;
    begin();
    for (size_t at = 0; at < states_.size() && verdict.violation.empty(); ++at) {
      if (states_.size() >= most) return finish(verdict, false);
      verdict.depth = depth_of(at, verdict.depth);
      load(at);
      verdict.steps += expand(at, verdict);
    }
    return finish(verdict, verdict.violation.empty());
  }

 private:
  // A state in the open. Packed: nodes, inputs given, budgets, messages in flight (sorted, or by channel in order).
  struct Open {
    std::vector<uint32_t> nodes;
    uint64_t given = 0;
    uint32_t crashes = 0, restarts = 0, duplicates = 0;
    std::vector<uint32_t> flying;
  };

  // --- View of state_ ---
  size_t place(NodeId id) const {
    return static_cast<size_t>(std::find(model_.nodes.begin(), model_.nodes.end(), id) - model_.nodes.begin());
  }
  const Node& node(NodeId id) const override { return steps_.node(state_.nodes[place(id)]); }
  bool in_flight(const std::function<bool(const Message&)>& such) const override {
    return std::any_of(state_.flying.begin(), state_.flying.end(), [&](uint32_t m) { return such(steps_.message(m)); });
  }
  bool given(size_t input) const override { return (state_.given >> input & 1) != 0; }

  // --- States ---
  void begin() {
    state_ = {};
    state_.crashes = model_.crashes;
    state_.restarts = model_.restarts;
    state_.duplicates = model_.duplicates;
    for (const NodeId id : model_.nodes) {
      Effect effect = steps_.started(id, Node{});
      state_.nodes.push_back(effect.node);
      fly(state_.flying, effect.said);
    }
    add(state_, 0, {});
    for (uint32_t p = 0; p < model_.nodes.size() && model_.crash_cuts; ++p) {
      for (size_t at = 0, end = states_.size(); at < end; ++at) {
        load(at);
        if (state_.crashes > 0 && (!model_.may_crash || model_.may_crash(*this, model_.nodes[p]))) begin_cut(p, at);
      }
    }
  }
  // `p` crashes while it starts.
  void begin_cut(uint32_t p, size_t at) {
    const Effect effect = steps_.started(model_.nodes[p], Node{});
    const uint32_t most = 1u << effect.said.size();
    for (uint32_t cut = 1; cut < most; ++cut) {
      Open next = state_;
      cut_off(p, effect.said, cut, next);
      add(next, at, {Kind::kBegin, p, cut});
    }
  }
  void load(size_t at) {
    const std::vector<uint32_t> packed = states_.at(at);
    const size_t n = model_.nodes.size();
    state_.nodes.assign(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(n));
    state_.given = packed[n] | static_cast<uint64_t>(packed[n + 1]) << 32;
    state_.crashes = packed[n + 2] & 0xff;
    state_.restarts = packed[n + 2] >> 8 & 0xff;
    state_.duplicates = packed[n + 2] >> 16;
    state_.flying.assign(packed.begin() + static_cast<std::ptrdiff_t>(n + 3), packed.end());
  }
  bool add(Open& s, size_t parent, const Action& action) {
    forget_undeliverable(s);
    if (!model_.keeps_order) std::sort(s.flying.begin(), s.flying.end());
    if (model_.messages_stay) s.flying.erase(std::unique(s.flying.begin(), s.flying.end()), s.flying.end());
    packed_.assign(s.nodes.begin(), s.nodes.end());
    packed_.push_back(static_cast<uint32_t>(s.given));
    packed_.push_back(static_cast<uint32_t>(s.given >> 32));
    packed_.push_back(s.crashes | s.restarts << 8 | s.duplicates << 16);
    packed_.insert(packed_.end(), s.flying.begin(), s.flying.end());
    if (!states_.insert(packed_)) return false;
    origins_.push_back({static_cast<uint32_t>(parent), action});
    return true;
  }
  // Messages that change nothing distinguish nothing: those to nodes that are down for good, and dead ones.
  void forget_undeliverable(Open& s) {
    std::erase_if(s.flying, [&](uint32_t m) {
      if (model_.testifies && model_.testifies(steps_.message(m).wire)) return false;
      const size_t to = place(steps_.message(m).to);
      if (to == model_.nodes.size()) return true;
      const uint32_t number = s.nodes[to];
      if (!steps_.node(number).core) return s.restarts == 0;
      if (!model_.dead || !model_.dead(steps_.node(number), steps_.message(m))) return false;
      const Effect& none = steps_.effect_on(number, steps_.message(m).to, {Kind::kDeliver, m});
      const bool told = std::any_of(none.said.begin(), none.said.end(), [&](uint32_t x) { return !is_lost(x); });
      ensure(same_core(none.node, number) && !told, "a dead message has no effect");
      return true;
    });
  }
  bool same_core(uint32_t a, uint32_t b) const {
    codec::Writer x, y;
    model_.write(x, *steps_.node(a).core);
    model_.write(y, *steps_.node(b).core);
    return std::move(x).finish().flatten() == std::move(y).finish().flatten();
  }
  bool is_lost(uint32_t m) const { return model_.never_arrives && model_.never_arrives(steps_.message(m).wire); }
  // In order of channels, and within one in the order of sending, when the order counts.
  void fly(std::vector<uint32_t>& flying, const std::vector<uint32_t>& said) const {
    for (const uint32_t m : said) {
      if (is_lost(m)) continue;
      if (!model_.keeps_order) {
        flying.push_back(m);
        continue;
      }
      const auto channel = [this](uint32_t x) { return std::pair(steps_.message(x).from, steps_.message(x).to); };
      const auto at = std::upper_bound(flying.begin(), flying.end(), m,
                                       [&](uint32_t a, uint32_t b) { return channel(a) < channel(b); });
      flying.insert(at, m);
    }
  }

  // --- Steps of one state ---
  size_t expand(size_t at, Verdict& verdict) {
    size_t steps = 0;
    const std::vector<Action> all = possible();
    for (const Action& action : all) {
      steps += attempt(action, at, verdict);
      if (!verdict.violation.empty() || !model_.crash_cuts || state_.crashes == 0) continue;
      const std::optional<uint32_t> p = actor(action);
      if (!p || (model_.may_crash && !model_.may_crash(*this, model_.nodes[*p]))) continue;
      const size_t said = effect(*p, action).said.size();
      for (uint32_t cut = 1; cut < 1u << said && verdict.violation.empty(); ++cut) {
        steps += attempt({action.kind, action.subject, cut}, at, verdict);
      }
    }
    return steps;
  }
  size_t attempt(const Action& action, size_t at, Verdict& verdict) {
    if (!verdict.violation.empty()) return 0;
    Open next = state_;
    perform(action, next);
    if (!add(next, at, action)) return 1;
    std::swap(state_, next);
    verdict.violation = model_.invariant(*this);
    std::swap(state_, next);
    if (!verdict.violation.empty()) verdict.schedule = schedule(states_.size() - 1);
    return 1;
  }
  // Whose step it is, if it is one that may say something.
  std::optional<uint32_t> actor(const Action& a) const {
    if (a.kind == Kind::kCrash) return std::nullopt;
    if (a.kind == Kind::kDeliver || a.kind == Kind::kDuplicate)
      return static_cast<uint32_t>(place(steps_.message(a.subject).to));
    if (a.kind != Kind::kInput) return a.subject;
    const auto& input = model_.inputs[a.subject];
    if (!input.step) return std::nullopt;
    return static_cast<uint32_t>(place(input.node));
  }

  std::vector<Action> possible() {
    std::vector<Action> all;
    const auto& flying = state_.flying;
    for (size_t i = 0; i < flying.size(); ++i) {
      const bool repeated = i > 0 && flying[i] == flying[i - 1];
      const auto& m = steps_.message(flying[i]);
      const bool behind = model_.keeps_order && i > 0 && steps_.message(flying[i - 1]).from == m.from &&
                          steps_.message(flying[i - 1]).to == m.to;
      if ((repeated && !model_.keeps_order) || behind || (model_.testifies && model_.testifies(m.wire))) continue;
      const uint32_t to = state_.nodes[place(m.to)];
      if (!steps_.node(to).core) continue;
      if (comes_first(to, flying[i])) return {{Kind::kDeliver, flying[i]}};
      all.push_back({Kind::kDeliver, flying[i]});
      if (state_.duplicates > 0) all.push_back({Kind::kDuplicate, flying[i]});
    }
    for (uint32_t p = 0; p < model_.nodes.size(); ++p) possible_of(p, all);
    for (uint32_t i = 0; i < model_.inputs.size(); ++i) {
      const auto& input = model_.inputs[i];
      if (given(i) || (input.step && !node(input.node).core)) continue;
      if (!input.allowed || input.allowed(*this)) all.push_back({Kind::kInput, i});
    }
    return all;
  }
  bool comes_first(uint32_t node, uint32_t m) {
    if (!model_.may_come_first || !model_.may_come_first(steps_.node(node), steps_.message(m))) return false;
    const Effect& effect = steps_.effect_on(node, steps_.message(m).to, {Kind::kDeliver, m});
    return effect.said.empty() && steps_.node(effect.node).raised.size() == steps_.node(node).raised.size();
  }
  void possible_of(uint32_t p, std::vector<Action>& all) const {
    const Node& n = steps_.node(state_.nodes[p]);
    const NodeId id = model_.nodes[p];
    if (!n.core) {
      if (state_.restarts > 0) all.push_back({Kind::kRestart, p});
      return;
    }
    if (!n.disk.empty() && n.disk.back().seq > n.stable) all.push_back({Kind::kSync, p});
    const bool due = n.core->deadline() != Time::never();
    if (due && model_.may_time_out && model_.may_time_out(*this, id)) all.push_back({Kind::kTimeout, p});
    if (state_.crashes > 0 && (!model_.may_crash || model_.may_crash(*this, id))) all.push_back({Kind::kCrash, p});
  }

  static void land(uint32_t m, Open& next) {
    const auto at = std::find(next.flying.begin(), next.flying.end(), m);
    if (at != next.flying.end()) next.flying.erase(at);  // else it went to one that is down for good
  }
  // `p` has just said these, and crashes: those of the cut are lost.
  void cut_off(uint32_t p, const std::vector<uint32_t>& said, uint32_t cut, Open& next) {
    for (size_t i = 0; i < said.size(); ++i) {
      if ((cut >> i & 1) != 0 && !is_lost(said[i])) land(said[i], next);
    }
    --next.crashes;
    next.nodes[p] = steps_.effect_on(next.nodes[p], model_.nodes[p], {Kind::kCrash, p}).node;
  }
  std::vector<uint32_t> said_by(uint32_t p, const Action& a) {
    return a.kind == Kind::kBegin ? steps_.started(model_.nodes[p], Node{}).said : effect(p, a).said;
  }
  void perform(const Action& a, Open& next) {
    const std::optional<uint32_t> p = actor(a);
    const bool delivers = a.kind == Kind::kDeliver || a.kind == Kind::kDuplicate;
    if (delivers) {
      if (a.kind == Kind::kDuplicate) --next.duplicates;
      if (a.kind == Kind::kDeliver && !model_.messages_stay) land(a.subject, next);
    } else if (a.kind == Kind::kInput) {
      const auto& input = model_.inputs[a.subject];
      next.given |= uint64_t{1} << a.subject;
      if (input.says) fly(next.flying, {steps_.message(input.node, input.says->first, input.says->second)});
    } else if (a.kind == Kind::kRestart) {
      --next.restarts;
    } else if (a.kind == Kind::kCrash) {
      --next.crashes;
      next.nodes[a.subject] = effect(a.subject, a).node;
    }
    if (!p) return;
    if (a.kind != Kind::kBegin) {
      const Effect& made = effect(*p, a);
      next.nodes[*p] = made.node;
      fly(next.flying, made.said);
    }
    if (a.cut != 0) cut_off(*p, said_by(*p, a), a.cut, next);
  }

  const Effect& effect(uint32_t p, const Action& a) { return steps_.effect_on(state_.nodes[p], model_.nodes[p], a); }

  // --- Reports ---
  std::string schedule(size_t at) {
    std::vector<size_t> way;
    for (size_t s = at; s != 0; s = origins_[s].first) way.push_back(s);
    std::string text;
    for (size_t i = way.size(); i-- > 0;) {
      const auto& [parent, action] = origins_[way[i]];
      load(parent);
      text += std::to_string(way.size() - i) + ". " + describe(action) + "\n";
      Open next = state_;
      if (action.kind != Kind::kCrash) text += consequences(action, next);
    }
    return text;
  }
  std::string describe(const Action& a) const {
    return describe_step(a) + (a.cut == 0 || a.kind == Kind::kBegin ? "" : ", and crashes there");
  }
  std::string describe_step(const Action& a) const {
    if (a.kind == Kind::kDeliver || a.kind == Kind::kDuplicate) {
      const auto& m = steps_.message(a.subject);
      return print(m.to) + " receives from " + print(m.from) + " " + print(m.wire) +
             (a.kind == Kind::kDuplicate ? " (which stays in flight)" : "");
    }
    if (a.kind == Kind::kInput) return print(model_.inputs[a.subject].node) + ": " + model_.inputs[a.subject].name;
    const std::string who = print(model_.nodes[a.subject]);
    const Node& n = steps_.node(state_.nodes[a.subject]);
    if (a.kind == Kind::kBegin) return who + " crashes while it starts";
    if (a.kind == Kind::kSync) return who + ": stable up to " + print(n.stable + 1);
    if (a.kind == Kind::kTimeout) return who + ": its deadline passes";
    return who + (a.kind == Kind::kRestart ? " restarts" : " crashes");
  }
  std::string consequences(const Action& a, Open& next) {
    std::string text;
    const std::vector<uint32_t> before = next.nodes;
    const std::vector<uint32_t> flying = next.flying;
    if (a.cut != 0) {
      const std::vector<uint32_t> said = said_by(*actor(a), a);
      for (size_t i = 0; i < said.size(); ++i) {
        const auto& m = steps_.message(said[i]);
        if ((a.cut >> i & 1) != 0) text += "     lost to " + print(m.to) + ": " + print(m.wire) + "\n";
      }
    }
    perform(a, next);
    for (size_t p = 0; p < before.size(); ++p) {
      if (before[p] == next.nodes[p]) continue;
      const Node &was = steps_.node(before[p]), &is = steps_.node(next.nodes[p]);
      for (size_t e = was.raised.size(); e < is.raised.size(); ++e) {
        text += "     " + print(model_.nodes[p]) + " raises " + print(is.raised[e]) + "\n";
      }
    }
    std::vector<uint32_t> old = flying;
    for (const uint32_t m : next.flying) {
      const auto known = std::find(old.begin(), old.end(), m);
      if (known != old.end()) {
        old.erase(known);
      } else {
        text += "     " + print(steps_.message(m).from) + " sends " + print(steps_.message(m).to) + " " +
                print(steps_.message(m).wire) + "\n";
      }
    }
    return text;
  }
  size_t depth_of(size_t at, size_t) {
    depths_.resize(states_.size());
    if (at > 0) depths_[at] = static_cast<uint16_t>(depths_[origins_[at].first] + 1);
    return depths_[at];
  }
  Verdict finish(Verdict verdict, bool complete) const {
    verdict.states = states_.size();
    verdict.complete = complete;
    return verdict;
  }

  M model_;
  Open state_;  // the one under way
  std::vector<uint32_t> packed_;
  StateSet states_;
  std::vector<std::pair<uint32_t, Action>> origins_;  // of each state: where it came from, and by what
  std::vector<uint16_t> depths_;
  NodeSteps<Core> steps_{model_};
};

// The line for docs/exploration.md.
inline std::string summary(const std::string& what, const Verdict& v) {
  return what + ": " + std::to_string(v.states) + " states, " + std::to_string(v.steps) + " steps, depth " +
         std::to_string(v.depth) +
         (v.complete            ? ", complete"
          : v.violation.empty() ? ", cut off"
                                : ", violated") +
         "\n";
}

}  // namespace holdfast::explore
