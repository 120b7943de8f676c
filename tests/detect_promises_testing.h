// A group that watches itself through random faults, held to what its detector's own tolerance (detect/tolerance.h)
// demands of that run, and to no more.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "holdfast/detect/tolerance.h"
#include "tests/detect_group_testing.h"

namespace holdfast::detect {

// What does not heal, besides crashes.
enum class Lasting {
  kNothing,
  kCut,          // a message from one member to another one never arrives
  kStoppedClock  // one member's clock stands still
};

class PromisedRun {
 public:
  PromisedRun(uint64_t seed, DetectorKind kind, size_t dead, Lasting lasting = Lasting::kNothing)
      : group(seed, {.kind = kind, .members = 2 + seed % 9}),
        kind_(kind),
        faults_(group, Time::at_millis(5'000), kHealed, 4 + seed % 20, dead),
        strikes_(faults_.strikes()) {
    if (lasting == Lasting::kCut) cut(seed);
    if (lasting == Lasting::kStoppedClock) stop_a_clock(seed);
    group.listener = [this](NodeId at, const AgentEvent& event) { on_event(at, event); };
    group.start_all();
  }

  Budget budget(Promise promise) const { return judge(tolerance(kind_, promise), group.nodes.size(), strikes_); }
  // Each promise that was broken, demanded or not, with how.
  const std::map<Promise, std::string>& broken() const { return broken_; }
  void run() {
    group.world.run_until(kSettled);
    settled_ = true;
    look();
    const NodeId leader = group.common_leader();
    if (leader == NodeId()) broken_.emplace(Promise::kOneLeader, group.view());
    group.world.run_until(kSettled + Duration::seconds(60), [&] { return group.common_leader() != leader; });
    if (group.common_leader() != leader) broken_.emplace(Promise::kOneLeader, "it changed: " + group.view());
    look();
  }
  // The first broken promise that may be demanded of this run; empty: none.
  std::string run_within_budget() {
    run();
    if (group.world.violated()) return group.world.violations().front().explanation;
    for (const auto& [promise, how] : broken_) {
      const Budget b = budget(promise);
      if (b.within) return print(promise) + " (" + b.why + "): " + how;
    }
    return "";
  }

  SimulatedGroup group;

 private:
  static constexpr Time kHealed = Time::at_millis(60'000), kSettled = Time::at_millis(300'000);

  void cut(uint64_t seed) {
    const NodeId from(1 + seed % group.nodes.size()), to(1 + (seed + 1) % group.nodes.size());
    strikes_.push_back({"cut",
                        {Component::kChannel, FailureClass::kOmission, Persistence::kPermanent},
                        {from.value() - 1, to.value() - 1},
                        0});
    group.lay(kHealed + Duration::millis(1), Time::at_millis(1'000'000),
              [=](NodeId a, NodeId b) { return a == from && b == to; }, {.cut = true});
  }
  void stop_a_clock(uint64_t seed) {
    const NodeId id(1 + seed % group.nodes.size());
    strikes_.push_back({"stopped clock",
                        {Component::kClock, FailureClass::kFailResume, Persistence::kPermanent},
                        {id.value() - 1},
                        0});
    group.world.at(kHealed + Duration::millis(1), [this, id] { group.node(id).set_clock_rate(0); });
  }
  void on_event(NodeId at, const AgentEvent& event) {
    Said& said = said_[at];
    const uint64_t life = group.node(at).incarnation();
    if (said.life != life) said = {life, {}};
    if (const auto* s = std::get_if<Suspected>(&event)) {
      if (s->node == at) broken_.emplace(Promise::kSound, print(at) + " suspects itself");
      if (settled_ && group.node(s->node).up()) {
        broken_.emplace(Promise::kAccurate, print(at) + " suspects " + print(s->node) + ", which runs");
      }
      said.suspected.insert(s->node);
    } else if (const auto* r = std::get_if<Restored>(&event)) {
      if (said.suspected.erase(r->node) == 0) {
        broken_.emplace(Promise::kSound, print(at) + " restores " + print(r->node) + ", whom it does not suspect");
      }
      if (settled_ && !group.node(r->node).up()) {
        broken_.emplace(Promise::kComplete, print(at) + " restores " + print(r->node) + ", which has crashed");
      }
    }
  }
  void look() {
    for (const auto& node : group.nodes) {
      if (!node->up()) continue;
      for (const auto& other : group.nodes) {
        if (other == node) continue;
        const bool trusts = node->core()->trusts(other->id());
        if (trusts && !other->up()) {
          broken_.emplace(Promise::kComplete, print(node->id()) + " trusts " + print(other->id()) + ", which crashed");
        } else if (!trusts && other->up()) {
          broken_.emplace(Promise::kAccurate, print(node->id()) + " distrusts " + print(other->id()) + ", which runs");
        }
      }
    }
  }

  struct Said {
    uint64_t life = 0;
    std::set<NodeId> suspected;
  };
  const DetectorKind kind_;
  RandomFaults faults_;
  std::vector<Strike> strikes_;
  bool settled_ = false;
  std::map<NodeId, Said> said_;
  std::map<Promise, std::string> broken_;
};

}  // namespace holdfast::detect
