// For tests: what one step of one node does, computed once and remembered, because the same step is taken in many
// states of a group (explorer_testing.h). Equal nodes and equal messages have equal numbers.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "holdfast/base/codec.h"
#include "holdfast/sim/explore/model_testing.h"

namespace holdfast::explore {

enum class Kind : uint8_t { kBegin, kDeliver, kDuplicate, kSync, kTimeout, kCrash, kRestart, kInput };
struct Action {
  Kind kind = Kind::kBegin;
  uint32_t subject = 0;  // the place of a node or an input, or the number of a message
  uint32_t cut = 0;      // not zero: the node crashes in the middle of it, and these of its messages are lost
};
// What one step of one node does: it is remembered, because the same step is taken in many states.
struct Effect {
  uint32_t node = 0;
  std::vector<uint32_t> said;
};

template <class Core>
class NodeSteps {
 public:
  using M = Model<Core>;
  using Node = typename M::Node;
  using Message = typename M::Message;

  explicit NodeSteps(const M& model) : model_(model) {}
  NodeSteps(const NodeSteps&) = delete;
  NodeSteps& operator=(const NodeSteps&) = delete;

  const Node& node(uint32_t number) const { return *nodes_[number]; }
  const Message& message(uint32_t number) const { return messages_[number]; }

  // What the step of the node of this number does. Valid until the next call.
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
  // `n` begins: with its first life, or one more.
  Effect started(NodeId id, Node n) {
    n.core.emplace(model_.make(id));
    typename M::Out out;
    for (const auto& p : n.disk) n.core->replay(p.seq, p.record);
    if (!n.disk.empty()) out.continue_at(n.disk.back().seq + 1);
    n.core->start(n.now, out);
    return settled(id, std::move(n), out, {});
  }
  // The number of a message.
  uint32_t message(NodeId from, NodeId to, const typename M::Wire& wire) {
    const Slice bytes = codec::encode_flat(wire);
    codec::Writer w;
    codec::write(w, from), codec::write(w, to), codec::write(w, bytes);
    const auto [it, fresh] = message_numbers_.emplace(std::move(w).finish().flatten().str(), messages_.size());
    if (fresh) messages_.push_back({from, to, bytes, wire});
    return it->second;
  }

 private:
  Effect compute(NodeId id, Node n, const Action& a) {
    if (a.kind == Kind::kCrash) {
      n.core.reset();
      std::erase_if(n.disk, [&](const auto& p) { return p.seq > n.stable; });
      n.held_sends.clear();
      n.held_events.clear();
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
  Effect settled(NodeId id, Node n, typename M::Out& out, std::vector<uint32_t> said) {
    for (;;) {
      for (auto& p : out.persisted) n.disk.push_back(std::move(p));
      for (auto& s : out.sent) n.held_sends.push_back(std::move(s));
      for (auto& e : out.raised) n.held_events.push_back(std::move(e));
      out.clear();
      const bool behind = !n.disk.empty() && n.disk.back().seq > n.stable;
      const bool at_once = model_.stable_at_once || (model_.stable_at_once_at && model_.stable_at_once_at(id));
      if (!at_once || !behind) break;
      n.stable = n.disk.back().seq;
      n.core->on_stable(n.now, n.stable, out);
    }
    let_go(id, n, said);
    if (model_.messages_stay) hold_once(n.held_sends);
    n.core->check_invariants();
    return {intern(id, std::move(n)), std::move(said)};
  }
  // Where what was said stays, saying it twice is saying it once, after the earlier record.
  static void hold_once(std::vector<typename M::Out::Sent>& sends) {
    std::vector<std::pair<std::string, typename M::Out::Sent>> named;
    for (auto& s : sends) {
      codec::Writer w;
      codec::write(w, s.to), codec::write(w, s.wire);
      named.emplace_back(std::move(w).finish().flatten().str(), std::move(s));
    }
    std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) {
      return std::tie(a.first, a.second.after) < std::tie(b.first, b.second.after);
    });
    sends.clear();
    for (size_t i = 0; i < named.size(); ++i) {
      if (i == 0 || named[i].first != named[i - 1].first) sends.push_back(std::move(named[i].second));
    }
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
    const auto [it, fresh] = node_numbers_.emplace(std::move(w).finish().flatten().str(), nodes_.size());
    if (fresh) nodes_.push_back(std::make_unique<Node>(std::move(n)));
    return it->second;
  }

  const M& model_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Message> messages_;
  absl::flat_hash_map<std::string, uint32_t> node_numbers_, message_numbers_;
  absl::flat_hash_map<std::pair<uint64_t, uint32_t>, Effect> effects_;
};

}  // namespace holdfast::explore
