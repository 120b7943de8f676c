// A group of agents in the simulated world: any detector with its membership and the leader oracle, faults drawn from a
// seed, and what failure detectors owe.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/print.h"
#include "holdfast/detect/agent.h"
#include "holdfast/model/tolerance.h"
#include "holdfast/sim/node.h"

namespace holdfast::detect {

class SimulatedGroup {
 public:
  using Node = sim::SimNode<Agent>;
  // Every event of every member, as it happens.
  using Listener = std::function<void(NodeId at, const AgentEvent&)>;

  struct Options {
    DetectorKind kind = DetectorKind::kSwim;
    size_t members = 5;
    bool lifeguard = true;
    Duration period = Duration::seconds(1);
    Duration min_delay = Duration::micros(200), max_delay = Duration::millis(20);
  };

  SimulatedGroup(uint64_t seed, Options options)
      : world(seed), net(world, options.min_delay, options.max_delay), options_(options) {
    for (uint64_t i = 1; i <= options.members; ++i) add(NodeId(i));
  }

  void start_all() {
    for (auto& node : nodes) node->start();
  }
  Node& node(NodeId id) { return *nodes[id.value() - 1]; }
  // Members that run.
  std::vector<NodeId> running() const {
    std::vector<NodeId> ids;
    for (const auto& node : nodes) {
      if (node->up()) ids.push_back(node->id());
    }
    return ids;
  }
  // Every running member trusts exactly the running ones.
  bool agrees() const {
    for (const auto& node : nodes) {
      if (!node->up()) continue;
      for (const auto& other : nodes) {
        if (node->core()->trusts(other->id()) != other->up() && other->id() != node->id()) return false;
      }
    }
    return true;
  }
  // The leader of all running members; zero when they do not name one and the same running one.
  NodeId common_leader() const {
    std::set<NodeId> named;
    for (const auto& node : nodes) {
      if (node->up()) named.insert(node->core()->leader());
    }
    if (named.size() != 1) return NodeId();
    const NodeId leader = *named.begin();
    return leader != NodeId() && nodes[leader.value() - 1]->up() ? leader : NodeId();
  }
  std::string view() const {
    std::string text;
    for (const auto& node : nodes) {
      text += print(node->id()) + (node->up() ? " follows " + print(node->core()->leader()) + ", trusts" : " down");
      for (const auto& other : nodes) {
        if (node->up() && node->core()->trusts(other->id())) text += " " + print(other->id());
      }
      text += "; ";
    }
    return text;
  }

  void crash_and_restart(NodeId id, Duration pause, Duration wall_clock_error) {
    node(id).crash("fault");
    node(id).set_wall_clock_error(wall_clock_error);
    world.after(pause, [this, id] { node(id).start(); });
  }
  void cut(Time start, Time end, std::function<bool(NodeId, NodeId)> covers) {
    lay(start, end, std::move(covers), {.cut = true});
  }
  void lay(Time start, Time end, sim::Net::Covers covers, const sim::LinkEffect& effect) {
    world.at(start, [this, end, covers = std::move(covers), effect] {
      const uint64_t number = net.add_fault(covers, effect);
      world.at(end, [this, number] { net.remove_fault(number); });
    });
  }
  void pause(Time start, Time end, NodeId id) {
    world.at(start, [this, id] { node(id).pause(); });
    world.at(end, [this, id] { node(id).resume(); });
  }

  sim::World world;
  sim::Net net;
  std::vector<std::unique_ptr<Node>> nodes;
  Listener listener = [](NodeId, const AgentEvent&) {};
  uint64_t bytes = 0;  // of the longest message
  uint64_t sent_bytes = 0;

 private:
  void add(NodeId id) {
    const auto make = [this, id](const sim::NodeStart& start) {
      AgentConfig config;
      config.self = id;
      config.kind = options_.kind;
      config.seed = start.seed;
      config.boot = start.wall_clock_micros;
      config.meta = Slice::copy_of("agent " + print(id));
      config.period = options_.period;
      config.lifeguard = options_.lifeguard;
      for (uint64_t i = 1; i <= std::min<uint64_t>(options_.members, 3); ++i) config.seeds.push_back(NodeId(i));
      return std::make_unique<Agent>(config);
    };
    nodes.push_back(std::make_unique<Node>(
        world, net, id, make, [this, id](const AgentEvent& event) { listener(id, event); },
        std::make_unique<sim::MemoryStorage>(world.stream("detect disk", id.value()))));
    if (id == NodeId(1)) {
      net.set_tap([this](NodeId, NodeId, const Slice& m) {
        bytes = std::max<uint64_t>(bytes, m.size());
        sent_bytes += m.size();
      });
    }
  }

  const Options options_;
};

// Faults of network, processes and clocks between `from` and `to`, drawn from the world's seed. Everything has healed
// at `to`, but for members that are crashed for good: at most `dead` of them.
class RandomFaults {
 public:
  RandomFaults(SimulatedGroup& group, Time from, Time to, size_t faults, size_t dead)
      : group_(group), random_(group.world.stream("detect faults")), from_(from), to_(to) {
    for (size_t i = 0; i < faults; ++i) add();
    for (size_t i = 0; i < dead; ++i) {
      const NodeId id = any();
      doomed_.insert(id);
      strike("crash", {Component::kProcess, FailureClass::kCrash, Persistence::kPermanent}, id);
    }
    group.world.at(to, [this] { heal(); });
  }
  // What happens, in the words of the failure models.
  const std::vector<Strike>& strikes() const { return strikes_; }

 private:
  NodeId any() { return NodeId(1 + random_.below(group_.nodes.size())); }
  void strike(std::string_view name, Failure failure, NodeId id) {
    strikes_.push_back({name, failure, {id.value() - 1}, 0});
  }
  void strike_all(std::string_view name, Failure failure) {
    strikes_.push_back({name, failure, {}, group_.nodes.size()});
  }
  Time moment() { return Time::at_millis(random_.between(from_.millis(), to_.millis() - 1)); }

  void add() {
    using enum FailureClass;
    constexpr Persistence kPasses = Persistence::kTransient;
    const Time start = moment();
    const Time end = std::min(start + Duration::millis(random_.between(100, 15'000)), to_);
    const NodeId id = any();
    switch (random_.below(9)) {
      case 0: {
        const auto share = [&] { return static_cast<uint32_t>(random_.chance(1, 2) ? random_.below(400) : 0); };
        sim::LinkEffect effect{.loss = share(), .duplicate = share(), .reorder = share(), .replay = share()};
        effect.corrupt = share() / 8;
        effect.jitter = Duration::millis(random_.between(0, 400));
        effect.delay = Duration::millis(random_.between(0, 200));
        strike_all("bad links", {Component::kChannel, kLate | FailureSet(kStateTransition) | kFailSafe, kPasses});
        return group_.lay(
            start, end, [](NodeId, NodeId) { return true; }, effect);
      }
      case 1: {
        const uint64_t side = random_.next();
        strike_all("partition", {Component::kChannel, kOmission, kPasses});
        return group_.cut(start, end,
                          [side](NodeId a, NodeId b) { return (side >> a.value() & 1) != (side >> b.value() & 1); });
      }
      case 2:
        strike("mute", {Component::kChannel, kOmission, kPasses}, id);
        return group_.cut(start, end, [id](NodeId from, NodeId) { return from == id; });
      case 3: {
        const NodeId other = any();
        strike("one way", {Component::kChannel, kOmission, kPasses}, id);
        return group_.cut(start, end, [id, other](NodeId a, NodeId b) { return a == id && b == other; });
      }
      case 4:
      case 5: {
        const Duration wall = Duration::seconds(random_.between(-3600, 3600));
        const Duration down = Duration::millis(random_.between(1, 12'000));
        strike("restart", {Component::kProcess, kFailResume, kPasses}, id);
        strike("wall clock", {Component::kClock, kValue, kPasses}, id);
        return group_.world.at(start, [this, id, wall, down] {
          if (!group_.node(id).up()) return;
          group_.node(id).crash("fault");
          group_.node(id).set_wall_clock_error(wall);
          group_.world.after(down, [this, id] {
            if (doomed_.count(id) == 0 || group_.world.now() < to_) group_.node(id).start();
          });
        });
      }
      case 6:
        strike("pause", {Component::kProcess, kLate, kPasses}, id);
        return group_.pause(start, end, id);
      case 7: {
        const Duration cost = Duration::millis(random_.between(1, 150));
        const Duration late = Duration::millis(random_.between(0, 3'000));
        strike("slow", {Component::kProcess, kLate, kPasses}, id);
        group_.world.at(start, [this, id, cost, late] {
          group_.node(id).set_step_cost(cost);
          group_.node(id).set_timer_error(late);
        });
        return group_.world.at(end, [this, id] {
          group_.node(id).set_step_cost(Duration());
          group_.node(id).set_timer_error(Duration());
        });
      }
      default:
        strike("drift", {Component::kClock, kTiming, kPasses}, id);
        return group_.world.at(
            start, [this, id, rate = random_.between(700'000, 1'400'000)] { group_.node(id).set_clock_rate(rate); });
    }
  }
  void heal() {
    group_.net.remove_all_faults();
    for (auto& node : group_.nodes) {
      node->set_clock_rate(1'000'000);
      node->set_step_cost(Duration());
      node->set_timer_error(Duration());
      if (doomed_.count(node->id()) > 0) {
        node->crash("for good");
      } else if (!node->up()) {
        node->start();
      }
    }
  }

  SimulatedGroup& group_;
  Random random_;
  const Time from_, to_;
  std::set<NodeId> doomed_;
  std::vector<Strike> strikes_;
};

// A process that is starved of the processor: it runs for a moment, then not for seconds, and its timers are late. What
// is sent to it while it does not run is lost, as with a full socket.
class SlowProcess {
 public:
  SlowProcess(SimulatedGroup& group, NodeId id, Time from, Time to) {
    Random random = group.world.stream("slow process", id.value());
    group.world.at(from, [&group, id] { group.node(id).set_timer_error(Duration::seconds(2)); });
    for (Time at = from; at < to;) {
      const Time wakes = at + Duration::millis(random.between(2'000, 9'000));
      group.pause(at, wakes, id);
      group.cut(at, wakes, [id](NodeId, NodeId receiver) { return receiver == id; });
      at = wakes + Duration::millis(random.between(50, 800));
    }
  }
};

// How often, in two minutes, a member that is well is declared dead, by anybody, in a group of 12 with four slow
// processes.
inline size_t healthy_members_condemned(uint64_t seed, bool lifeguard) {
  SimulatedGroup group(seed, {.kind = DetectorKind::kSwim, .members = 12, .lifeguard = lifeguard});
  size_t deaths = 0;
  group.listener = [&](NodeId, const AgentEvent& event) {
    const auto* died = std::get_if<Died>(&event);
    deaths += died != nullptr && died->node > NodeId(4) ? 1 : 0;
  };
  group.start_all();
  const Time from = Time::at_millis(20'000), to = Time::at_millis(140'000);
  group.world.run_until(from);
  for (uint64_t i = 1; i <= 4; ++i) SlowProcess(group, NodeId(i), from, to);
  group.world.run_until(to + Duration::seconds(10));
  return deaths;
}

// How often, in five minutes, one of three slow processes suspects one of nine that are well.
inline size_t verdicts_of_the_slow(uint64_t seed, DetectorKind kind) {
  SimulatedGroup group(seed, {.kind = kind, .members = 12});
  const Time from = Time::at_millis(20'000), to = Time::at_millis(320'000);
  size_t verdicts = 0;
  group.listener = [&](NodeId at, const AgentEvent& event) {
    const auto* suspected = std::get_if<Suspected>(&event);
    verdicts += suspected != nullptr && at <= NodeId(3) && suspected->node > NodeId(3) ? 1 : 0;
  };
  group.start_all();
  group.world.run_until(from);
  for (uint64_t i = 1; i <= 3; ++i) SlowProcess(group, NodeId(i), from, to);
  group.world.run_until(to);
  return verdicts;
}

}  // namespace holdfast::detect
