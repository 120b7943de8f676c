// Random runs of distributed commit in the small world: every step is drawn from a seed, faults included.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/commit/commit_testing.h"

namespace holdfast::commit {

struct Faults {
  bool loss = true;
  bool repetition = true;
  bool crashes = true;
  bool no_votes = true;
  bool slow_owners = true;
};

class RandomRun {
 public:
  RandomRun(uint64_t seed, Faults faults) : random_(seed), faults_(faults) {
    const uint64_t sites = 2 + random_.below(4);
    for (uint64_t id = 1; id <= sites; ++id) {
      Config config;
      config.self = NodeId(id);
      config.checkpoint_records = 6 + random_.below(60);
      if (!faults_.slow_owners) {
        config.vote_timeout = config.prepare_timeout = config.decision_timeout = Duration::seconds(1'000'000);
      }
      world.add(config);
    }
  }

  void run(size_t steps) {
    for (size_t i = 0; i < steps && checker.violations.empty(); ++i) step();
  }

  // All faults end. True when everybody has decided and every coordinator has forgotten within a bound.
  bool heal() {
    for (auto& [id, n] : world.nodes) {
      if (n.core == nullptr) world.start(n);
    }
    for (int round = 0; round < 200 && checker.violations.empty(); ++round) {
      for (auto& [id, n] : world.nodes) {
        world.sync(n);
        while (!n.events.empty()) handle(n, /*patient=*/true);
        world.sync(n);
      }
      for (size_t left = world.in_flight.size(); left > 0; --left) world.deliver(0);
      world.wait(Duration::millis(500));
      if (quiet()) return true;
    }
    return false;
  }

  SmallWorld world;
  AtomicCommitChecker checker;
  size_t begun = 0;

 private:
  SmallWorld::Node& any_node() { return world.nodes.at(NodeId(1 + random_.below(world.nodes.size()))); }

  void step() {
    SmallWorld::Node& n = any_node();
    if (n.core == nullptr) {
      if (random_.chance(1, 5)) world.start(n);
      return;
    }
    uint64_t die = random_.below(76 + sync_rate_ + crash_rate_);
    const auto falls_to = [&](uint64_t share) {
      if (die < share) return true;
      die -= share;
      return false;
    };
    if (falls_to(40)) return network();
    if (falls_to(25) && !n.events.empty()) return handle(n, !faults_.slow_owners);
    if (falls_to(5)) return world.wait(Duration::millis(random_.between(1, 300)));
    if (falls_to(6)) return begin(n);
    if (falls_to(sync_rate_)) return world.sync(n);
    if (faults_.crashes) {
      world.crash(n, random_.chance(1, 2) ? 0 : random_.below(4));
      waiting_.erase(n.id);
    }
  }

  void network() {
    if (world.in_flight.empty()) return;
    const size_t i = random_.below(world.in_flight.size());
    if (faults_.loss && (random_.chance(1, 10) || world.in_flight.size() > 300)) {
      world.in_flight.erase(world.in_flight.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      world.deliver(i, faults_.repetition && random_.chance(1, 8));
    }
  }

  void begin(SmallWorld::Node& n) {
    std::vector<Part> parts;
    std::vector<NodeId> participants;
    for (const auto& [id, other] : world.nodes) {
      if (random_.chance(2, 3)) {
        parts.push_back({id, Slice::copy_of("work")});
        participants.push_back(id);
      }
    }
    if (parts.empty() || n.core->site.coordinator().open() > 20) return;
    world.step(n, [&](Site& s, Site::Out& out) {
      checker.begun(s.begin(world.now, std::move(parts), out).value(), std::move(participants));
    });
    ++begun;
  }

  // The owner takes its oldest event. A patient one finishes at once what it is asked; another may take its time, or
  // may be killed before it is done.
  void handle(SmallWorld::Node& n, bool patient) {
    const SiteEvent event = n.events.front();
    n.events.erase(n.events.begin());
    if (const auto* prepare = std::get_if<Prepare>(&event)) {
      if (!patient && random_.chance(1, 20)) return;  // it never answers
      const bool yes = !faults_.no_votes || random_.chance(9, 10);
      checker.answered(n.id, prepare->txn, yes);
      world.step(n, [&](Site& s, Site::Out& out) { s.vote(world.now, prepare->txn, yes, Slice::copy_of("w"), out); });
    } else if (const auto* commit = std::get_if<Commit>(&event)) {
      ensure(commit->workspace == Slice::copy_of("w"), "the workspace comes back as it was");
      finish(n, commit->txn, Outcome::kCommit);
    } else if (const auto* abort = std::get_if<Abort>(&event)) {
      finish(n, abort->txn, Outcome::kAbort);
    } else if (const auto* decided = std::get_if<Decided>(&event)) {
      checker.decided(n.id, decided->txn, decided->outcome);
    }
    if (patient || random_.chance(1, 2)) {
      for (const TxnId& txn : std::exchange(waiting_[n.id], {})) {
        world.step(n, [&](Site& s, Site::Out& out) { s.done(world.now, txn, out); });
      }
    }
  }

  void finish(SmallWorld::Node& n, const TxnId& txn, Outcome outcome) {
    checker.decided(n.id, txn, outcome);
    waiting_[n.id].push_back(txn);
  }

  bool quiet() const {
    for (const auto& [id, n] : world.nodes) {
      const auto done = waiting_.find(id);
      if (n.core->site.coordinator().open() > 0 || n.core->site.participant().in_doubt() > 0 || !n.events.empty() ||
          (done != waiting_.end() && !done->second.empty())) {
        return false;
      }
    }
    return true;
  }

  Random random_;
  const Faults faults_;
  // Drawn for each run: how busy the disks are against the network, and how often a site is killed.
  const uint64_t sync_rate_ = 2 + random_.below(12);
  const uint64_t crash_rate_ = 1 + random_.below(2);
  std::map<NodeId, std::vector<TxnId>> waiting_;  // decided, the owner is at it
};

}  // namespace holdfast::commit
