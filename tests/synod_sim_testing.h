// For tests: single-decree Paxos in the simulated world, under faults of network, processes, disks and clocks, all
// drawn from one seed: validity and agreement always, termination once the faults have healed.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "holdfast/consensus/synod/member.h"
#include "holdfast/sim/node.h"

namespace holdfast::synod {

class SimulatedSynod {
 public:
  static constexpr Time kFaultsEnd = Time::at_millis(10'000);
  static constexpr Time kMustHaveDecided = Time::at_millis(30'000);

  explicit SimulatedSynod(uint64_t seed)
      : world(seed), net_(world, Duration::micros(100), Duration::millis(3)), random_(world.stream("synod load")) {
    for (uint64_t i = 1; i <= 3 + 2 * random_.below(2); ++i) everybody_.push_back(NodeId(i));
    const Leadership leadership = random_.chance(1, 2) ? Leadership::kOracle : Leadership::kAnyone;
    for (const NodeId id : everybody_) add(id, leadership);
    for (auto& n : nodes_) n->start();
    for (int i = 0; i < 25; ++i) schedule_input();
    Random faults = world.stream("synod faults");
    for (uint64_t i = 4 + faults.below(12); i > 0; --i) schedule_fault(faults);
    world.at(kFaultsEnd, [this] { heal(); });
  }

  // Empty: everybody has decided the same, in time.
  std::string run() {
    const auto all_know = [this] {
      for (auto& n : nodes_) {
        if (!n->up() || !n->core()->decided()) return false;
      }
      return healed_;
    };
    const bool ended = world.run_until(kMustHaveDecided, all_know);
    if (world.violated()) return world.violations().front().explanation;
    return ended ? "" : "termination: somebody knows no decision long after the faults have healed";
  }
  bool decided_early() const { return early_; }

  sim::World world;

 private:
  using Node = sim::SimNode<Member>;

  void add(NodeId id, Leadership leadership) {
    Config config{.self = id, .acceptors = everybody_, .learners = everybody_, .leadership = leadership};
    auto storage = std::make_unique<sim::MemoryStorage>(world.stream("synod disk", id.value()));
    nodes_.push_back(std::make_unique<Node>(
        world, net_, id,
        [config](const sim::NodeStart& start) {
          Config mine = config;
          mine.seed = start.seed;
          return std::make_unique<Member>(mine);
        },
        [this](const Event& e) { judge(std::get<Decided>(e).value); }, std::move(storage)));
    nodes_.back()->set_supervisor([this](sim::Process& p, bool by_itself) {
      if (by_itself) restart_later(p);
    });
  }
  Node& any(Random& random) { return *nodes_[random.below(nodes_.size())]; }
  void restart_later(sim::Process& process) {
    world.after(Duration::millis(random_.between(1, 1500)), [&process] {
      if (!process.up()) process.start();
    });
  }
  void judge(const Slice& value) {
    early_ = early_ || world.now() < kFaultsEnd;
    if (!proposed_.contains(value)) world.violate("ONE", "validity: nobody proposed " + print(value));
    if (decision_ && !(*decision_ == value)) {
      world.violate("ONE", "agreement: " + print(*decision_) + " and " + print(value));
    }
    decision_ = value;
  }

  void propose(Node& n) {
    const Slice value = Slice::copy_of("v" + std::to_string(proposed_.size()));
    proposed_.insert(value);
    n.input([value](Member& m, Time now, Out& out) { m.propose(now, value, out); });
  }
  void schedule_input() {
    world.at(Time::at_millis(random_.between(0, 9'000)), [this] {
      Node& n = any(random_);
      if (random_.chance(1, 2)) return propose(n);
      const NodeId leader(random_.below(everybody_.size() + 1));
      n.input([leader](Member& m, Time now, Out& out) { m.trust(now, leader, out); });
    });
  }
  void schedule_fault(Random& random) {
    const Time start = Time::at_millis(random.between(0, 9'000));
    const Time end = std::min(start + Duration::millis(random.between(10, 4'000)), kFaultsEnd);
    Node& n = any(random);
    switch (random.below(6)) {
      case 0: {
        sim::LinkEffect effect{.loss = 300, .duplicate = 200, .reorder = 300, .replay = 200, .corrupt = 20};
        effect.jitter = Duration::millis(random.between(0, 200));
        return lay(
            start, end, [](NodeId, NodeId) { return true; }, effect);
      }
      case 1: {
        const uint64_t side = random.next();
        const auto parted = [side](NodeId a, NodeId b) { return (side >> a.value() & 1) != (side >> b.value() & 1); };
        return lay(start, end, parted, {.cut = true});
      }
      case 2:
      case 3:
        return world.at(start, [&n, point = static_cast<sim::Failpoint>(random.below(7)), nth = 1 + random.below(5)] {
          n.arm_failpoint(point, nth);
        });
      case 4:
        world.at(start, [&n] { n.pause(); });
        return world.at(end, [&n] { n.resume(); });
      default:
        world.at(start, [&n, rate = random.between(500'000, 2'000'000)] { n.set_clock_rate(rate); });
        return world.at(start, [&n, end] { n.stall_disk(end); });
    }
  }
  void lay(Time start, Time end, sim::Net::Covers covers, const sim::LinkEffect& effect) {
    world.at(start, [this, end, covers = std::move(covers), effect] {
      const uint64_t number = net_.add_fault(covers, effect);
      world.at(end, [this, number] { net_.remove_fault(number); });
    });
  }
  void heal() {
    healed_ = true;
    net_.remove_all_faults();
    for (auto& n : nodes_) {
      n->disarm_failpoints();
      n->set_clock_rate(1'000'000);
      if (!n->up()) n->start();
      n->input([](Member& m, Time now, Out& out) { m.trust(now, NodeId(1), out); });
    }
    propose(*nodes_.front());
  }

  sim::Net net_;
  Random random_;
  std::vector<NodeId> everybody_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::set<Slice> proposed_;
  std::optional<Slice> decision_;
  bool early_ = false, healed_ = false;
};

}  // namespace holdfast::synod
