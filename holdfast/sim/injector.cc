#include "holdfast/sim/injector.h"

#include <algorithm>

namespace holdfast::sim {

void Injector::schedule(const Plan& plan) {
  for (const Fault& fault : plan.faults) {
    world_.at(fault.start, [this, fault] {
      if (healed_) return;
      world_.trace().note(world_.now(), NodeId{}, "fault", describe(fault));
      ++struck_[static_cast<size_t>(fault.kind)];
      const uint64_t number = next_++;
      active_[number] = begin(fault, Random(fault.seed));
      world_.after(fault.duration, [this, number, fault] {
        const auto it = active_.find(number);
        if (it == active_.end()) return;
        world_.trace().note(world_.now(), NodeId{}, "fault over", describe(fault));
        const Undo undo = std::move(it->second);
        active_.erase(it);
        if (undo) undo();
      });
    });
  }
}

void Injector::heal() {
  healed_ = true;
  world_.trace().note(world_.now(), NodeId{}, "heal", "");
  const auto active = std::move(active_);
  active_.clear();
  for (const auto& [number, undo] : active) {
    if (undo) undo();
  }
  net_.remove_all_faults();
  cluster_.set_half_open(false);
  for (auto& m : cluster_.members()) {
    m->node().disarm_failpoints();
    m->storage().disk().disarm();
    m->storage().disk().set_capacity(~uint64_t{0});
    m->storage().disk().crash_at(0);
    if (!m->node().up()) m->node().start();
  }
}

Injector::Targets Injector::live() {
  Targets out;
  for (auto& m : cluster_.members()) {
    if (!m->removed) out.push_back(m.get());
  }
  return out;
}

Injector::Targets Injector::targets(const Fault& fault, Random& random, size_t most) {
  Targets all = live();
  if (!fault.members.empty()) {
    Targets named;
    for (const size_t i : fault.members) {
      if (i < cluster_.members().size()) named.push_back(cluster_.members()[i].get());
    }
    return named;
  }
  // Leaders are the more interesting victims.
  StoreMember* leader = cluster_.leader();
  if (leader != nullptr && (fault.leader || random.chance(1, 3))) return {leader};
  const size_t count = 1 + random.below(std::max<size_t>(1, std::min(most, all.size())));
  while (all.size() > count) all.erase(all.begin() + static_cast<std::ptrdiff_t>(random.below(all.size())));
  return all;
}

Injector::Undo Injector::begin(const Fault& fault, Random random) {
  if (fault.kind <= FaultKind::kBandwidth || fault.kind == FaultKind::kMisroute ||
      fault.kind == FaultKind::kSlowReader) {
    return on_links(fault, random);
  }
  if (fault.kind <= FaultKind::kPeerCut) return cut(fault, random);
  if (fault.kind <= FaultKind::kCrash) return on_process(fault, random);
  if (fault.kind <= FaultKind::kDirectoryFails) return on_disk(fault, random);
  if (is_lie(fault.kind)) return on_lie(fault, random), Undo{};
  return on_clock(fault, random);
}

void Injector::on_lie(const Fault& fault, Random& random) {
  if (cluster_.config().engine != replica::EngineKind::kPbft) return;  // sim_main refuses such plans
  static_assert(static_cast<size_t>(FaultKind::kCollude) - static_cast<size_t>(FaultKind::kEquivocate) ==
                static_cast<size_t>(last_value(pbft::Lie())));
  const auto lie =
      static_cast<pbft::Lie>(static_cast<size_t>(fault.kind) - static_cast<size_t>(FaultKind::kEquivocate));
  for (StoreMember* m : targets(fault, random, 1)) cluster_.turn(*m, lie, random.next());
}

void Injector::for_a_while(Duration duration, Undo undo) {
  const uint64_t number = next_++;
  active_[number] = std::move(undo);
  world_.after(duration, [this, number] {
    const auto it = active_.find(number);
    if (it == active_.end()) return;
    const Undo over = std::move(it->second);
    active_.erase(it);
    over();
  });
}

Injector::Undo Injector::on_clock(const Fault& fault, Random& random) {
  const Targets some = targets(fault, random, live().size());
  const bool early = random.chance(1, 2);
  const auto reset = [some] {
    for (StoreMember* m : some) {
      m->node().set_clock_rate(1'000'000);
      m->node().set_timer_error({});
    }
  };
  for (StoreMember* m : some) {
    switch (fault.kind) {
      case FaultKind::kWallClock:
        m->node().set_wall_clock_error(Duration::seconds(random.between(-100'000, 100'000)));
        break;
      case FaultKind::kDrift: {
        // Two of them are apart by ten percent at most.
        const int64_t off = static_cast<int64_t>(std::min(fault.strength, 1000u)) * 47;
        m->node().set_clock_rate(1'000'000 + (random.chance(1, 2) ? off : -off));
        break;
      }
      case FaultKind::kFreeze:
        m->node().set_clock_rate(0);
        break;
      default: {
        const int64_t error = cluster_.config().election_timeout.nanos() / 2000 * fault.strength;
        m->node().set_timer_error(Duration::nanos(early ? -error : error));
        break;
      }
    }
  }
  if (fault.kind == FaultKind::kWallClock) return {};
  return reset;
}

}  // namespace holdfast::sim
