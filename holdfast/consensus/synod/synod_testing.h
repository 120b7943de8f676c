// For tests: random runs of single-decree Paxos in a small world. Messages are lost, repeated, delayed and reordered,
// processes crash with any prefix of their unsynced records and restart, the oracle trusts anybody at any time.
// Everything is drawn from one seed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/consensus/synod/member.h"
#include "holdfast/sim/explore/small_world.h"

namespace holdfast::synod {

inline std::vector<NodeId> nodes_of(uint64_t n) {
  std::vector<NodeId> nodes;
  for (uint64_t i = 1; i <= n; ++i) nodes.push_back(NodeId(i));
  return nodes;
}

class RandomRun {
 public:
  using World = explore::SmallWorld<Member>;

  explicit RandomRun(uint64_t seed)
      : random_(seed),
        servers_(random_.chance(1, 2) ? 3 : 1 + random_.below(5)),
        leadership_(random_.chance(1, 2) ? Leadership::kOracle : Leadership::kAnyone),
        to_all_(random_.chance(1, 3)),
        parts_(random_.chance(2, 3)),
        rough_(random_.chance(1, 2)),
        trusts_(2 + random_.below(rough_ ? 20 : 8)),
        loss_(random_.below(rough_ ? 7 : 3)),
        crash_(1 + random_.below(rough_ ? 12 : 4)),
        sync_(2 + random_.below(24)),
        world([this](NodeId id) { return make(id); }) {
    for (const NodeId id : nodes_of(servers_)) world.add(id);
  }

  // The first promise that was broken; empty: none.
  std::string run(size_t steps = 700) {
    for (size_t i = 0; i < steps && violation_.empty() && !all_know(); ++i) {
      step();
      judge();
    }
    if (violation_.empty()) heal();
    return violation_;
  }
  bool decided_before_healing() const { return early_; }

 private:
  std::unique_ptr<Member> make(NodeId id) {
    Config config{.self = id,
                  .seed = id.value() * 1000 + ++made_,
                  .acceptors = nodes_of(servers_),
                  .learners = nodes_of(servers_),
                  .leadership = leadership_,
                  .accepts_to_all = to_all_};
    return std::make_unique<Member>(config);
  }
  World::Node& any() { return world.at(NodeId(1 + random_.below(servers_))); }

  // A partition: the bits of a number say who stands where.
  bool side(NodeId id) const { return (parted_ >> id.value() & 1) != 0; }

  void step() {
    if (parts_ && random_.chance(1, 12)) parted_ = random_.chance(1, 3) ? 0 : random_.next();
    World::Node& n = any();
    if (!n.up()) {
      if (random_.chance(1, 4)) world.start(n);
      return;
    }
    uint64_t die = random_.below(54 + trusts_ + crash_ + sync_);
    const auto falls_to = [&](uint64_t share) {
      if (die < share) return true;
      die -= share;
      return false;
    };
    if (falls_to(40)) return network();
    if (falls_to(4)) return propose(n);
    if (falls_to(trusts_)) return trust(n, NodeId(random_.below(servers_ + 1)));
    if (falls_to(10)) return world.wait(Duration::millis(random_.between(1, 150)));
    if (falls_to(sync_)) return world.sync(n);
    world.crash(n, random_.below(3));
  }
  void network() {
    if (world.in_flight.empty()) return;
    const size_t i = random_.below(world.in_flight.size());
    const auto& m = world.in_flight[i];
    if (m.from != m.to && (side(m.from) != side(m.to))) return world.lose(i);
    if (random_.below(10) < loss_ || world.in_flight.size() > 200) return world.lose(i);
    world.deliver(i, /*keep=*/random_.chance(1, 4));
  }
  void propose(World::Node& n) {
    const Slice value = Slice::copy_of("v" + std::to_string(++values_));
    proposed_.insert(value);
    world.step(n, [&](Member& m, Out& out) { m.propose(world.now, value, out); });
  }
  void trust(World::Node& n, NodeId leader) {
    world.step(n, [&](Member& m, Out& out) { m.trust(world.now, leader, out); });
  }

  void judge() {
    for (auto& [id, n] : world.nodes) {
      for (const Event& e : n.events) {
        const Slice& value = std::get<Decided>(e).value;
        if (!proposed_.contains(value)) violation_ = "validity: nobody proposed " + print(value);
        if (!decision_) decision_ = value;
        if (!(*decision_ == value)) violation_ = "agreement: " + print(*decision_) + " and " + print(value);
      }
      n.events.clear();
      if (!n.up() || !decision_) continue;
      const auto& mine = n.core().decided();
      if (mine && *mine != *decision_) violation_ = "agreement: " + print(id) + " knows " + print(*mine);
    }
    early_ = decision_.has_value();
  }

  bool all_know() const {
    return std::all_of(world.nodes.begin(), world.nodes.end(),
                       [](const auto& n) { return n.second.up() && n.second.core().decided(); });
  }

  // Everybody is up, one is trusted and has a value: within a bound all know the decision.
  void heal() {
    parted_ = 0;
    const bool early = early_;
    for (auto& [id, n] : world.nodes) {
      if (!n.up()) world.start(n);
    }
    for (auto& [id, n] : world.nodes) trust(n, NodeId(1));
    propose(world.at(NodeId(1)));
    for (int round = 0; round < 200 && violation_.empty(); ++round) {
      world.settle();
      judge();
      if (all_know()) return void(early_ = early);
      world.wait(Duration::millis(100));
    }
    if (violation_.empty()) violation_ = "termination: somebody knows no decision long after the faults have ended";
  }

  Random random_;
  const uint64_t servers_;
  const Leadership leadership_;
  const bool to_all_;
  const bool parts_;  // the network is parted now and then
  const bool rough_;
  const uint64_t trusts_, loss_, crash_, sync_;
  uint64_t parted_ = 0;
  uint64_t made_ = 0, values_ = 0;
  std::set<Slice> proposed_;
  std::optional<Slice> decision_;
  std::string violation_;
  bool early_ = false;

 public:
  World world;
};

}  // namespace holdfast::synod
