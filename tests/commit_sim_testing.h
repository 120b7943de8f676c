// Distributed commit in the simulated world: sites with their owners, a load of transactions, faults drawn from a seed,
// and the checks of atomic commitment.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/commit/commit_testing.h"
#include "holdfast/sim/node.h"

namespace holdfast::commit {

class SimulatedCommit {
 public:
  static constexpr Time kFaultsEnd = Time::at_millis(20'000);
  static constexpr Time kMustBeQuiet = Time::at_millis(50'000);

  SimulatedCommit(uint64_t seed, bool faults)
      : world(seed), net_(world, Duration::micros(100), Duration::millis(3)), random_(world.stream("commit load")) {
    const uint64_t sites = 2 + random_.below(4);
    for (uint64_t i = 1; i <= sites; ++i) add_site(NodeId(i));
    for (auto& site : sites_) site->start();
    schedule_load();
    Random fault_random = world.stream("commit faults");
    if (faults) {
      for (uint64_t n = 5 + fault_random.below(25); n > 0; --n) schedule_fault(fault_random);
    }
    world.at(kFaultsEnd, [this] { heal(); });
  }

  // Runs the load under faults, heals, and waits for the end of every doubt. False: see world.violations().
  bool run() {
    world.run_until(kFaultsEnd);
    if (world.violated()) return false;
    if (!world.run_until(kMustBeQuiet, [this] { return world.now() > kFaultsEnd && quiet(); })) {
      if (!world.violated()) world.violate("LIVE", "faults have healed, and somebody is in doubt or waits for ever");
    }
    return !world.violated();
  }

  sim::World world;
  AtomicCommitChecker checker;
  size_t begun = 0;
  bool all_vote_yes = false;

 private:
  using Node = sim::SimNode<Site>;

  void add_site(NodeId id) {
    Config config;
    config.self = id;
    config.checkpoint_records = 20 + random_.below(200);
    config.resend_last = Duration::seconds(2);
    auto storage = std::make_unique<sim::MemoryStorage>(world.stream("commit disk", id.value()));
    sites_.push_back(std::make_unique<Node>(
        world, net_, id, [config](const sim::NodeStart&) { return std::make_unique<Site>(config); },
        [this, id](SiteEvent event) { on_event(id, event); }, std::move(storage)));
    sites_.back()->set_supervisor([this](sim::Process& p, bool by_itself) {
      if (by_itself) restart_later(p);
    });
  }
  Node& site(NodeId id) { return *sites_[id.value() - 1]; }
  Node& any_site(Random& random) { return *sites_[random.below(sites_.size())]; }

  void restart_later(sim::Process& process) {
    world.after(Duration::millis(random_.between(1, 2000)), [&process] {
      if (!process.up()) process.start();
    });
  }

  // --- Owners ---

  // Does something as this site's owner a little later, unless its process has died meanwhile.
  void later(NodeId id, std::function<void(Site&, Time, Site::Out&)> what) {
    const uint64_t life = site(id).incarnation();
    world.after(Duration::micros(random_.between(0, 20'000)), [this, id, life, what = std::move(what)] {
      if (site(id).up() && site(id).incarnation() == life) site(id).input(what);
    });
  }
  void on_event(NodeId id, const SiteEvent& event) {
    if (const auto* prepare = std::get_if<Prepare>(&event)) {
      const bool yes = all_vote_yes || random_.chance(95, 100);
      later(id, [this, id, txn = prepare->txn, yes](Site& s, Time now, Site::Out& out) {
        checker.answered(id, txn, yes);
        s.vote(now, txn, yes, Slice::copy_of("workspace"), out);
      });
    } else if (const auto* commit = std::get_if<Commit>(&event)) {
      finish(id, commit->txn, Outcome::kCommit);
    } else if (const auto* abort = std::get_if<Abort>(&event)) {
      finish(id, abort->txn, Outcome::kAbort);
    } else if (const auto* decided = std::get_if<Decided>(&event)) {
      note_decision(id, decided->txn, decided->outcome);
    }
  }
  void finish(NodeId id, const TxnId& txn, Outcome outcome) {
    note_decision(id, txn, outcome);
    later(id, [txn](Site& s, Time now, Site::Out& out) { s.done(now, txn, out); });
  }
  void note_decision(NodeId id, const TxnId& txn, Outcome outcome) {
    checker.decided(id, txn, outcome);
    if (!checker.violations.empty() && !world.violated()) world.violate("AC", checker.violations.front());
  }

  // --- Load ---

  void schedule_load() {
    world.after(Duration::millis(random_.between(1, 120)), [this] {
      if (world.now() >= kFaultsEnd) return;
      begin(any_site(random_));
      schedule_load();
    });
  }
  void begin(Node& node) {
    std::vector<Part> parts;
    std::vector<NodeId> participants;
    for (const auto& s : sites_) {
      if (!random_.chance(2, 3)) continue;
      parts.push_back({s->id(), Slice::copy_of("work")});
      participants.push_back(s->id());
    }
    if (parts.empty()) return;
    node.input([this, parts, participants](Site& s, Time now, Site::Out& out) {
      if (s.coordinator().open() > 50) return;
      checker.begun(s.begin(now, parts, out).value(), participants);
      ++begun;
    });
  }

  // --- Faults ---

  void schedule_fault(Random& random) {
    const Time start = Time::at_millis(random.between(0, 19'000));
    const Duration lasts = Duration::millis(random.between(10, 6'000));
    const Time end = std::min(start + lasts, kFaultsEnd);
    Node& node = any_site(random);
    switch (random.below(9)) {
      case 0: {
        const auto share = [&] { return static_cast<uint32_t>(random.chance(1, 2) ? random.below(400) : 0); };
        sim::LinkEffect effect{.loss = share(), .duplicate = share(), .reorder = share(), .replay = share()};
        effect.corrupt = share() / 8;
        effect.jitter = Duration::millis(random.between(0, 200));
        return lay(
            start, end, [](NodeId, NodeId) { return true; }, effect);
      }
      case 1: {  // a partition: the bits of a number say who stands where
        const uint64_t side = random.next();
        const auto parted = [side](NodeId a, NodeId b) { return (side >> a.value() & 1) != (side >> b.value() & 1); };
        return lay(start, end, parted, {.cut = true});
      }
      case 2:
        return lay(start, end, [id = node.id()](NodeId from, NodeId) { return from == id; }, {.cut = true});
      case 3:
        return world.at(start, [this, &node] {
          node.crash("fault");
          restart_later(node);
        });
      case 4:
      case 5:
        return world.at(start, [&node, point = static_cast<sim::Failpoint>(random.below(7)),
                                nth = 1 + random.below(9)] { node.arm_failpoint(point, nth); });
      case 6:
        world.at(start, [&node] { node.pause(); });
        return world.at(end, [&node] { node.resume(); });
      case 7:
        return world.at(start, [&node, rate = random.between(500'000, 2'000'000)] { node.set_clock_rate(rate); });
      default:
        return world.at(start, [&node, end] { node.stall_disk(end); });
    }
  }
  void lay(Time start, Time end, sim::Net::Covers covers, const sim::LinkEffect& effect) {
    world.at(start, [this, end, covers = std::move(covers), effect] {
      const uint64_t number = net_.add_fault(covers, effect);
      world.at(end, [this, number] { net_.remove_fault(number); });
    });
  }
  void heal() {
    net_.remove_all_faults();
    for (auto& s : sites_) {
      s->disarm_failpoints();
      s->set_clock_rate(1'000'000);
      if (!s->up()) s->start();
    }
  }
  bool quiet() const {
    for (const auto& s : sites_) {
      if (!s->up() || s->core()->coordinator().open() > 0 || s->core()->participant().in_doubt() > 0) return false;
    }
    return true;
  }

  sim::Net net_;
  Random random_;
  std::vector<std::unique_ptr<Node>> sites_;
};

}  // namespace holdfast::commit
