// For tests: battles in the round-synchronous world of the paper. Loyal generals are cores; traitors are whatever the
// test lets them say. What is in flight when a round begins arrives in it, what is said because of that in the next.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/consensus/generals/oral.h"
#include "holdfast/consensus/generals/written.h"
#include "holdfast/sim/explore/small_world.h"

namespace holdfast::generals {

using Path = std::vector<NodeId>;
inline constexpr NodeId kCommander{1};

inline std::vector<NodeId> generals_of(uint64_t n) {
  std::vector<NodeId> all;
  for (uint64_t i = 1; i <= n; ++i) all.push_back(NodeId(i));
  return all;
}

// What became of a battle.
struct Outcome {
  std::map<NodeId, Order> obeyed;  // by loyal lieutenants
  uint64_t messages = 0;           // of loyal generals

  bool ic1() const {
    return std::all_of(obeyed.begin(), obeyed.end(),
                       [this](const auto& o) { return o.second == obeyed.begin()->second; });
  }
  bool ic2(Order order) const {
    return std::all_of(obeyed.begin(), obeyed.end(), [order](const auto& o) { return o.second == order; });
  }
};

// The promises, for a commander that is loyal or not; empty: kept.
inline std::string broken_promise(const Outcome& outcome, bool loyal_commander, Order order) {
  if (!outcome.ic1()) return "IC1: loyal lieutenants obey different orders";
  if (loyal_commander && !outcome.ic2(order)) return "IC2: a loyal commander is not obeyed";
  return {};
}

template <class General>
class Battle {
 public:
  using World = explore::SmallWorld<General>;
  using Make = std::function<std::unique_ptr<General>(const Config&)>;

  Battle(uint64_t n, uint32_t m, std::set<NodeId> traitors, Make make, uint64_t battle = 0)
      : rounds_(m + 1), traitors_(std::move(traitors)), world([n, m, make = std::move(make), battle](NodeId id) {
          Config config{id, generals_of(n), m};
          config.battle = battle;
          ensure(check(config).ok(), "a test's configuration is sound");
          return make(config);
        }) {
    for (const NodeId id : generals_of(n)) {
      if (!traitors_.contains(id)) world.add(id);
    }
  }

  // `treason(round)` puts the traitors' messages of a round in flight.
  Outcome fight(Order order, const std::function<void(uint32_t round)>& treason) {
    Outcome outcome;
    for (auto& [id, node] : world.nodes) {
      world.step(node, [&](General& g, typename General::Out& out) { g.begin(world.now, order, out); });
    }
    for (uint32_t round = 1; round <= rounds_; ++round) {
      treason(round);
      for (size_t left = world.in_flight.size(); left > 0; --left) {
        outcome.messages += traitors_.contains(world.in_flight[0].from) ? 0 : 1;
        world.deliver(0);
      }
      world.wait(Duration::seconds(1));
    }
    for (const auto& m : world.in_flight) outcome.messages += traitors_.contains(m.from) ? 0 : 1;
    for (auto& [id, node] : world.nodes) {
      ensure(node.events.size() == 1, "everybody decides once");
      if (id != kCommander) outcome.obeyed[id] = std::get<Obeyed>(node.events[0]).order;
    }
    return outcome;
  }
  void say(NodeId from, NodeId to, typename General::Wire wire) {
    world.in_flight.push_back({from, to, codec::encode_flat(wire)});
  }

 private:
  uint32_t rounds_;
  std::set<NodeId> traitors_;

 public:
  World world;
};

// --- OM --------------------------------------------------------------------------------------------------------------

// What a traitor, the last of the path, says to somebody; none: nothing.
using Lie = std::function<std::optional<Order>(const Path& path, NodeId to)>;

class OralBattle {
 public:
  OralBattle(uint64_t n, uint32_t m, std::set<NodeId> traitors)
      : n_(n),
        m_(m),
        traitors_(traitors),
        battle_(n, m, traitors, [](const Config& c) { return std::make_unique<OralGeneral>(c); }) {}

  Outcome fight(Order order, const Lie& lie) {
    return battle_.fight(order, [&](uint32_t round) {
      for (const auto& [path, to] : slots()) {
        if (path.size() != round) continue;
        const auto said = lie(path, to);
        if (said) battle_.say(path.back(), to, Oral{path, *said});
      }
    });
  }
  // Everything that the traitors can say to loyal generals and will be listened to.
  std::vector<std::pair<Path, NodeId>> slots() const {
    std::vector<std::pair<Path, NodeId>> all;
    Path path = {kCommander};
    extend(path, all);
    return all;
  }
  // What the general was told, as it stands in its memory.
  OralState view(NodeId id) { return battle_.world.at(id).core().state(); }
  typename Battle<OralGeneral>::World& world() { return battle_.world; }

 private:
  void extend(Path& path, std::vector<std::pair<Path, NodeId>>& all) const {
    const auto on_path = [&](NodeId g) { return std::find(path.begin(), path.end(), g) != path.end(); };
    if (traitors_.contains(path.back())) {
      for (const NodeId to : generals_of(n_)) {
        if (!traitors_.contains(to) && !on_path(to)) all.emplace_back(path, to);
      }
    }
    if (path.size() > m_) return;
    for (const NodeId g : generals_of(n_)) {
      if (on_path(g)) continue;
      path.push_back(g);
      extend(path, all);
      path.pop_back();
    }
  }
  uint64_t n_;
  uint32_t m_;
  std::set<NodeId> traitors_;
  Battle<OralGeneral> battle_;
};

// Fights every battle there is: each order, each traitor, each of attack, retreat and silence in every slot. Calls
// `each` with the outcome; returns the number of battles.
inline uint64_t all_oral_battles(uint64_t n, uint32_t m,
                                 const std::function<void(const Outcome&, NodeId traitor, Order)>& each) {
  uint64_t battles = 0;
  for (const Order order : {Order::kRetreat, Order::kAttack}) {
    for (const NodeId traitor : generals_of(n)) {
      const auto slots = OralBattle(n, m, {traitor}).slots();
      uint64_t strategies = 1;
      for (size_t i = 0; i < slots.size(); ++i) strategies *= 3;
      for (uint64_t strategy = 0; strategy < strategies; ++strategy) {
        std::map<std::pair<Path, NodeId>, uint64_t> said;
        uint64_t rest = strategy;
        for (const auto& slot : slots) said[slot] = rest % 3, rest /= 3;
        const Outcome outcome =
            OralBattle(n, m, {traitor}).fight(order, [&](const Path& path, NodeId to) -> std::optional<Order> {
              const uint64_t what = said.at({path, to});
              return what == 2 ? std::nullopt : std::optional(static_cast<Order>(what));
            });
        each(outcome, traitor, order);
        ++battles;
      }
    }
  }
  return battles;
}

// One battle with as many traitors as may be, drawn from a seed.
inline std::string random_oral_battle(uint64_t seed, uint64_t n, uint32_t m) {
  Random random(seed);
  std::set<NodeId> traitors;
  while (traitors.size() < m) traitors.insert(NodeId(1 + random.below(n)));
  const Order order = random.chance(1, 2) ? Order::kAttack : Order::kRetreat;
  const uint64_t silence = random.below(3);  // of ten
  const Outcome outcome = OralBattle(n, m, traitors).fight(order, [&](const Path&, NodeId) -> std::optional<Order> {
    if (random.below(10) < silence) return std::nullopt;
    return random.chance(1, 2) ? Order::kAttack : Order::kRetreat;
  });
  return broken_promise(outcome, !traitors.contains(kCommander), order);
}

// --- SM --------------------------------------------------------------------------------------------------------------

inline crypto::Identity identity_of(NodeId id) {
  crypto::Hasher hasher;
  return crypto::Identity(crypto::Seed{hasher.add(id.value()).finish().bytes});
}

// An order with the signatures of these generals, as far as whoever makes it has their keys: `thief` signs for the
// others.
inline Written written(uint64_t battle, Order order, const Path& chain, const std::set<NodeId>& keys, NodeId thief) {
  Written m{order, {}};
  Path signers;
  for (const NodeId signer : chain) {
    signers.push_back(signer);
    const NodeId hand = keys.contains(signer) ? signer : thief;
    m.chain.push_back({signer, identity_of(hand).sign(statement(battle, order, signers))});
  }
  return m;
}

class WrittenBattle {
 public:
  WrittenBattle(uint64_t n, uint32_t m, std::set<NodeId> traitors)
      : traitors_(traitors), battle_(n, m, traitors, [](const Config& c) {
          std::map<NodeId, crypto::PublicKey> keys;
          for (const NodeId g : c.generals) keys.emplace(g, identity_of(g).public_key());
          return std::make_unique<WrittenGeneral>(c, identity_of(c.self), keys);
        }) {}

  struct Treason {
    uint32_t round;
    Path chain;
    Order order;
    NodeId to;
  };
  // `keys`: whose signatures the traitors can make: their own, and those of messages they were given.
  Outcome fight(Order order, const std::vector<Treason>& treasons, const std::set<NodeId>& keys) {
    return battle_.fight(order, [&](uint32_t round) {
      // The sender's name is that of the last signer, whether or not it is the sender: more than traitors can do.
      for (const Treason& t : treasons) {
        if (t.round != round) continue;
        battle_.say(t.chain.back(), t.to, written(0, t.order, t.chain, keys, *keys.begin()));
      }
    });
  }

 private:
  std::set<NodeId> traitors_;
  Battle<WrittenGeneral> battle_;
};

}  // namespace holdfast::generals
