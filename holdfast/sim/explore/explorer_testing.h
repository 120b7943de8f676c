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

#include "absl/container/flat_hash_map.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"
#include "holdfast/model/outbox.h"
#include "holdfast/sim/explore/state_set.h"

namespace holdfast::explore {

template <class CoreT>
struct Model {
  using Core = CoreT;
  using Out = typename Core::Out;
  using Wire = typename Out::Wire;
  using Event = typename Out::Event;

  // One node, as guards and invariants see it.
  struct Node {
    std::optional<Core> core;  // none: down
    Time now;
    std::vector<typename Out::Persisted> disk;
    StableSeq stable;
    std::vector<typename Out::Sent> held_sends;
    std::vector<typename Out::Raised> held_events;
    std::vector<Event> raised;        // in all its lives, in order, each different one once
    std::vector<uint32_t> last_said;  // messages of its last step, where a crash may cut them off
  };
  struct Message {
    NodeId from, to;
    Slice bytes;
    Wire wire;
  };
  class View {
   public:
    virtual ~View() = default;
    virtual const Node& node(NodeId id) const = 0;
    virtual bool in_flight(const std::function<bool(const Message&)>& such) const = 0;
    virtual bool given(size_t input) const = 0;
  };
  // Something that an owner, a detector or a faulty process does, at most once. Without `step` it only says something.
  struct Input {
    NodeId node;
    std::string name;
    std::function<void(Core&, Time, Out&)> step;
    std::function<bool(const View&)> allowed = {};
    std::optional<std::pair<NodeId, Wire>> says = {};  // from `node`, which need not be one of the nodes
  };

  std::vector<NodeId> nodes;
  std::function<Core(NodeId)> make;  // the same every time
  std::function<void(codec::Writer&, const Core&)> write;
  std::vector<Input> inputs;                                   // at most 64
  std::function<bool(const View&, NodeId)> may_time_out = {};  // none: no deadline passes
  // Reductions, on the model's word: messages of a kind that never arrive in this scope; and messages that can have no
  // effect any more at a node that has come so far, whatever else happens (checked for the moment at which it is said).
  std::function<bool(const Wire&)> never_arrives = {};
  std::function<bool(const Node&, const Message&)> dead = {};
  std::function<std::string(const View&)> invariant;  // empty: it holds

  uint32_t crashes = 0;     // in all
  uint32_t restarts = 0;    // in all
  uint32_t duplicates = 0;  // in all: messages that arrive and stay in flight
  // A message that was said may arrive at any time from then on, any number of times: every loss, repetition and
  // reordering there is, in fewer states than with messages that are used up (`duplicates` counts for nothing).
  bool messages_stay = false;
  bool keeps_order = false;                                 // of the messages of each channel
  bool stable_at_once = false;                              // records are stable when they are written
  bool crash_cuts = false;                                  // a crash may cut off any of the messages of the last step
  std::function<bool(const View&, NodeId)> may_crash = {};  // none: anybody
};

struct Verdict {
  size_t states = 0;
  size_t steps = 0;       // transitions between them
  size_t depth = 0;       // the longest shortest way to a state
  bool complete = false;  // every state within the model's bounds was visited
  std::string violation;  // what the invariant said
  std::string schedule;   // how it came to that, a line for each step
};

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
  enum class Kind : uint8_t { kBegin, kDeliver, kDuplicate, kSync, kTimeout, kCrash, kRestart, kInput };
  struct Action {
    Kind kind = Kind::kBegin;
    uint32_t subject = 0;  // the place of a node or an input, or the number of a message
    uint32_t cut = 0;      // kCrash: which messages of its last step are lost
  };
  // What one step of one node does: it is remembered, because the same step is taken in many states.
  struct Effect {
    uint32_t node = 0;
    std::vector<uint32_t> said;
  };
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
  const Node& node(NodeId id) const override { return *nodes_[state_.nodes[place(id)]]; }
  bool in_flight(const std::function<bool(const Message&)>& such) const override {
    return std::any_of(state_.flying.begin(), state_.flying.end(), [&](uint32_t m) { return such(messages_[m]); });
  }
  bool given(size_t input) const override { return (state_.given >> input & 1) != 0; }

  // --- States ---
  void begin() {
    state_ = {};
    state_.crashes = model_.crashes;
    state_.restarts = model_.restarts;
    state_.duplicates = model_.duplicates;
    for (const NodeId id : model_.nodes) {
      Effect effect = started(id, Node{});
      state_.nodes.push_back(effect.node);
      fly(state_.flying, effect.said);
    }
    add(state_, 0, {});
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
      const size_t to = place(messages_[m].to);
      if (to == model_.nodes.size()) return true;
      const uint32_t number = s.nodes[to];
      if (!nodes_[number]->core) return s.restarts == 0;
      if (!model_.dead || !model_.dead(*nodes_[number], messages_[m])) return false;
      const Effect& none = effect_on(number, messages_[m].to, {Kind::kDeliver, m});
      const bool told = std::any_of(none.said.begin(), none.said.end(), [&](uint32_t x) { return !is_lost(x); });
      ensure(same_core(none.node, number) && !told, "a dead message has no effect");
      return true;
    });
  }
  bool same_core(uint32_t a, uint32_t b) const {
    codec::Writer x, y;
    model_.write(x, *nodes_[a]->core);
    model_.write(y, *nodes_[b]->core);
    return std::move(x).finish().flatten() == std::move(y).finish().flatten();
  }
  bool is_lost(uint32_t m) const { return model_.never_arrives && model_.never_arrives(messages_[m].wire); }
  // In order of channels, and within one in the order of sending, when the order counts.
  void fly(std::vector<uint32_t>& flying, const std::vector<uint32_t>& said) const {
    for (const uint32_t m : said) {
      if (is_lost(m)) continue;
      if (!model_.keeps_order) {
        flying.push_back(m);
        continue;
      }
      const auto channel = [this](uint32_t x) { return std::pair(messages_[x].from, messages_[x].to); };
      const auto at = std::upper_bound(flying.begin(), flying.end(), m,
                                       [&](uint32_t a, uint32_t b) { return channel(a) < channel(b); });
      flying.insert(at, m);
    }
  }

  // --- Steps of one state ---
  size_t expand(size_t at, Verdict& verdict) {
    size_t steps = 0;
    for (const Action& action : possible()) {
      ++steps;
      Open next = state_;
      perform(action, next);
      if (!add(next, at, action)) continue;
      std::swap(state_, next);
      verdict.violation = model_.invariant(*this);
      std::swap(state_, next);
      if (verdict.violation.empty()) continue;
      verdict.schedule = schedule(states_.size() - 1);
      return steps;
    }
    return steps;
  }

  std::vector<Action> possible() const {
    std::vector<Action> all;
    const auto& flying = state_.flying;
    for (size_t i = 0; i < flying.size(); ++i) {
      const bool repeated = i > 0 && flying[i] == flying[i - 1];
      const auto& m = messages_[flying[i]];
      const bool behind =
          model_.keeps_order && i > 0 && messages_[flying[i - 1]].from == m.from && messages_[flying[i - 1]].to == m.to;
      if ((repeated && !model_.keeps_order) || behind || !nodes_[state_.nodes[place(m.to)]]->core) continue;
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
  void possible_of(uint32_t p, std::vector<Action>& all) const {
    const Node& n = *nodes_[state_.nodes[p]];
    const NodeId id = model_.nodes[p];
    if (!n.core) {
      if (state_.restarts > 0) all.push_back({Kind::kRestart, p});
      return;
    }
    if (!n.disk.empty() && n.disk.back().seq > n.stable) all.push_back({Kind::kSync, p});
    const bool due = n.core->deadline() != Time::never();
    if (due && model_.may_time_out && model_.may_time_out(*this, id)) all.push_back({Kind::kTimeout, p});
    if (state_.crashes == 0 || (model_.may_crash && !model_.may_crash(*this, id))) return;
    const uint32_t ways = 1u << (model_.crash_cuts ? cuttable(n).size() : 0);
    for (uint32_t cut = 0; cut < ways; ++cut) all.push_back({Kind::kCrash, p, cut});
  }
  // The messages of its last step that are in flight.
  std::vector<uint32_t> cuttable(const Node& n) const {
    std::vector<uint32_t> some;
    for (const uint32_t m : n.last_said) {
      if (std::find(state_.flying.begin(), state_.flying.end(), m) != state_.flying.end()) some.push_back(m);
    }
    return some;
  }

  void perform(const Action& a, Open& next) {
    const auto take = [&](uint32_t p, const Effect& effect) {
      next.nodes[p] = effect.node;
      fly(next.flying, effect.said);
    };
    const auto land = [&](uint32_t m) { next.flying.erase(std::find(next.flying.begin(), next.flying.end(), m)); };
    if (a.kind == Kind::kDeliver || a.kind == Kind::kDuplicate) {
      const auto p = static_cast<uint32_t>(place(messages_[a.subject].to));
      if (a.kind == Kind::kDuplicate) --next.duplicates;
      if (a.kind == Kind::kDeliver && !model_.messages_stay) land(a.subject);
      take(p, effect(p, a));
    } else if (a.kind == Kind::kInput) {
      const auto& input = model_.inputs[a.subject];
      next.given |= uint64_t{1} << a.subject;
      if (input.step)
        take(static_cast<uint32_t>(place(input.node)), effect(static_cast<uint32_t>(place(input.node)), a));
      if (input.says) fly(next.flying, {message(input.node, input.says->first, input.says->second)});
    } else {
      if (a.kind == Kind::kCrash) {
        const std::vector<uint32_t> some =
            model_.crash_cuts ? cuttable(*nodes_[state_.nodes[a.subject]]) : std::vector<uint32_t>();
        for (size_t i = 0; i < some.size(); ++i) {
          if ((a.cut >> i & 1) != 0) land(some[i]);
        }
        --next.crashes;
      }
      if (a.kind == Kind::kRestart) --next.restarts;
      take(a.subject, effect(a.subject, a));
    }
  }

  // --- Steps of one node ---
  const Effect& effect(uint32_t p, const Action& a) { return effect_on(state_.nodes[p], model_.nodes[p], a); }
  const Effect& effect_on(uint32_t number, NodeId id, const Action& a) {
    const bool delivers = a.kind == Kind::kDeliver || a.kind == Kind::kDuplicate;
    const Kind kind = delivers ? Kind::kDeliver : a.kind;
    const uint32_t subject = delivers || a.kind == Kind::kInput ? a.subject : 0;
    const std::pair key{uint64_t{number} << 8 | static_cast<uint8_t>(kind), subject};
    const auto known = effects_.find(key);
    if (known != effects_.end()) return known->second;
    Effect made = compute(id, *nodes_[number], a);
    return effects_.emplace(key, std::move(made)).first->second;
  }
  Effect compute(NodeId id, Node n, const Action& a) {
    if (a.kind == Kind::kCrash) {
      n.core.reset();
      std::erase_if(n.disk, [&](const auto& p) { return p.seq > n.stable; });
      n.held_sends.clear();
      n.held_events.clear();
      n.last_said.clear();
      return {intern(id, std::move(n)), {}};
    }
    if (a.kind == Kind::kRestart) return started(id, std::move(n));
    typename M::Out out;
    if (!n.disk.empty()) out.continue_at(n.disk.back().seq + 1);
    std::vector<uint32_t> said;
    if (a.kind == Kind::kSync) {
      n.stable = n.stable + 1;
      let_go(id, n, said);
      n.core->on_stable(n.now, n.stable, out);
    } else if (a.kind == Kind::kTimeout) {
      n.now = std::max(n.now, n.core->deadline());
      n.core->on_time(n.now, out);
    } else if (a.kind == Kind::kInput) {
      model_.inputs[a.subject].step(*n.core, n.now, out);
    } else {
      n.core->on_message(n.now, messages_[a.subject].from, messages_[a.subject].wire, out);
    }
    return settled(id, std::move(n), out, std::move(said));
  }
  Effect started(NodeId id, Node n) {
    n.core.emplace(model_.make(id));
    typename M::Out out;
    for (const auto& p : n.disk) n.core->replay(p.seq, p.record);
    if (!n.disk.empty()) out.continue_at(n.disk.back().seq + 1);
    n.core->start(n.now, out);
    return settled(id, std::move(n), out, {});
  }
  Effect settled(NodeId id, Node n, typename M::Out& out, std::vector<uint32_t> said) {
    for (;;) {
      for (auto& p : out.persisted) n.disk.push_back(std::move(p));
      for (auto& s : out.sent) n.held_sends.push_back(std::move(s));
      for (auto& e : out.raised) n.held_events.push_back(std::move(e));
      out.clear();
      const bool behind = !n.disk.empty() && n.disk.back().seq > n.stable;
      if (!model_.stable_at_once || !behind) break;
      n.stable = n.disk.back().seq;
      n.core->on_stable(n.now, n.stable, out);
    }
    let_go(id, n, said);
    n.core->check_invariants();
    if (model_.crash_cuts) n.last_said = said;
    return {intern(id, std::move(n)), std::move(said)};
  }
  // What waits for records that are stable by now leaves the node.
  void let_go(NodeId id, Node& n, std::vector<uint32_t>& said) {
    for (const auto& s : n.held_sends) {
      if (s.after <= n.stable) said.push_back(message(id, s.to, s.wire));
    }
    for (const auto& e : n.held_events) {
      const Slice bytes = codec::encode_flat(e.event);
      const auto same = [&](const auto& old) { return codec::encode_flat(old) == bytes; };
      if (e.after <= n.stable && std::none_of(n.raised.begin(), n.raised.end(), same)) n.raised.push_back(e.event);
    }
    std::erase_if(n.held_sends, [&](const auto& s) { return s.after <= n.stable; });
    std::erase_if(n.held_events, [&](const auto& e) { return e.after <= n.stable; });
  }

  // --- Tables: equal nodes and equal messages have equal numbers ---
  uint32_t intern(NodeId id, Node n) {
    codec::Writer w;
    codec::write(w, id);
    codec::write(w, n.core.has_value());
    if (n.core) {
      codec::write(w, n.core->deadline() != Time::never());
      model_.write(w, *n.core);
    }
    codec::write(w, n.stable);
    codec::write(w, uint64_t{n.disk.size()});
    for (const auto& p : n.disk) codec::write(w, p.seq), codec::write(w, p.record);
    for (const auto& s : n.held_sends) codec::write(w, s.to), codec::write(w, s.after), codec::write(w, s.wire);
    codec::write(w, uint64_t{n.held_events.size()});
    for (const auto& e : n.held_events) codec::write(w, e.after), codec::write(w, e.event);
    codec::write(w, uint64_t{n.raised.size()});
    for (const auto& e : n.raised) codec::write(w, e);
    for (const uint32_t m : n.last_said) codec::write(w, m);
    const auto [it, fresh] = node_numbers_.emplace(std::move(w).finish().flatten().str(), nodes_.size());
    if (fresh) nodes_.push_back(std::make_unique<Node>(std::move(n)));
    return it->second;
  }
  uint32_t message(NodeId from, NodeId to, const typename M::Wire& wire) {
    const Slice bytes = codec::encode_flat(wire);
    codec::Writer w;
    codec::write(w, from), codec::write(w, to), codec::write(w, bytes);
    const auto [it, fresh] = message_numbers_.emplace(std::move(w).finish().flatten().str(), messages_.size());
    if (fresh) messages_.push_back({from, to, bytes, wire});
    return it->second;
  }

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
    if (a.kind == Kind::kDeliver || a.kind == Kind::kDuplicate) {
      const auto& m = messages_[a.subject];
      return print(m.to) + " receives from " + print(m.from) + " " + print(m.wire) +
             (a.kind == Kind::kDuplicate ? " (which stays in flight)" : "");
    }
    if (a.kind == Kind::kInput) return print(model_.inputs[a.subject].node) + ": " + model_.inputs[a.subject].name;
    const std::string who = print(model_.nodes[a.subject]);
    const Node& n = *nodes_[state_.nodes[a.subject]];
    if (a.kind == Kind::kSync) return who + ": stable up to " + print(n.stable + 1);
    if (a.kind == Kind::kTimeout) return who + ": its deadline passes";
    if (a.kind == Kind::kRestart) return who + " restarts";
    std::string text = who + " crashes";
    const std::vector<uint32_t> some = model_.crash_cuts ? cuttable(n) : std::vector<uint32_t>();
    for (size_t i = 0; i < some.size(); ++i) {
      if ((a.cut >> i & 1) != 0)
        text += "; lost to " + print(messages_[some[i]].to) + ": " + print(messages_[some[i]].wire);
    }
    return text;
  }
  std::string consequences(const Action& a, Open& next) {
    std::string text;
    const std::vector<uint32_t> before = next.nodes;
    const std::vector<uint32_t> flying = next.flying;
    perform(a, next);
    for (size_t p = 0; p < before.size(); ++p) {
      if (before[p] == next.nodes[p]) continue;
      const Node &was = *nodes_[before[p]], &is = *nodes_[next.nodes[p]];
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
        text += "     " + print(messages_[m].from) + " sends " + print(messages_[m].to) + " " +
                print(messages_[m].wire) + "\n";
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
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Message> messages_;
  absl::flat_hash_map<std::string, uint32_t> node_numbers_, message_numbers_;
  absl::flat_hash_map<std::pair<uint64_t, uint32_t>, Effect> effects_;
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
