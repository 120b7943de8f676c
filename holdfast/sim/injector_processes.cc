// The faults of processes: crashes at chosen moments, restarts, pauses, and leaders that fall.
#include <set>

#include "holdfast/sim/injector.h"

namespace holdfast::sim {

void Injector::start_soon(StoreMember& member, Duration within) {
  Random random(member.id().value() ^ static_cast<uint64_t>(world_.now().nanos()));
  world_.after(Duration::nanos(random.between(0, within.nanos())), [&member] {
    if (member.node().life() == Life::kDown) member.node().start();
  });
}

void Injector::storm(StoreMember* member, Time until, Duration pause) {
  if (healed_ || world_.now() >= until) return;
  if (member->node().up()) {
    member->node().crash("restart storm");
  } else if (member->node().life() == Life::kDown) {
    member->node().start();
  }
  world_.after(pause, [=, this] { storm(member, until, pause); });
}

// Members go down between two syncs again and again: after the first has let out what it promised.
void Injector::crash_at_syncs(Time until, Random random) {
  if (healed_ || world_.now() >= until) return;
  const Targets all = live();
  if (!all.empty()) all[random.below(all.size())]->node().arm_failpoint(Failpoint::kSync, 1 + random.below(3));
  const Duration pause = Duration::millis(random.between(10, 300));
  world_.after(pause, [this, until, random] { crash_at_syncs(until, random); });
}

// Whoever leads falls, most often before or just after the first commit of its term, and again when it did not lose its
// office by that.
void Injector::fell_leaders(Time until, Random random) {
  if (healed_ || world_.now() >= until) return;
  StoreMember* leader = cluster_.leader();
  if (leader == nullptr) {
    world_.after(Duration::millis(3), [this, until, random] { fell_leaders(until, random); });
    return;
  }
  const int64_t reigns[] = {15'000'000, 15'000'000, 15'000'000, 60'000'000, 400'000'000};
  const int64_t reign = reigns[random.below(5)];
  // One draw per statement here and below: compilers differ in the order in which they evaluate arguments.
  const Duration falls_after = Duration::nanos(random.between(0, reign));
  world_.after(falls_after, [this, leader, until, random]() mutable {
    if (!healed_ && leader->node().up()) fell(*leader, random);
    world_.after(Duration::millis(3), [this, until, random] { fell_leaders(until, random); });
  });
}

void Injector::fell(StoreMember& leader, Random& random) {
  const Duration out = Duration::nanos(random.between(1'000'000, random.chance(1, 2) ? 50'000'000 : 800'000'000));
  switch (random.below(4)) {
    case 0:
      leader.storage().disk().crash();
      leader.node().crash("power failure of a leader");
      return start_soon(leader, out);
    case 1:
      leader.node().crash("a leader falls");
      return start_soon(leader, out);
    case 2:
      leader.node().pause();
      return for_a_while(out, [&leader] { leader.node().resume(); });
    default: {
      std::set<NodeId> with_it = {leader.id()};
      const uint64_t spared = random.below(3);  // of four
      for (const StoreMember* m : live()) {
        if (random.chance(spared, 4)) with_it.insert(m->id());
      }
      LinkEffect cut;
      cut.cut = true;
      return for_a_while(out, links(
                                  [with_it](NodeId from, NodeId to) {
                                    return !is_client(from) && !is_client(to) &&
                                           with_it.contains(from) != with_it.contains(to);
                                  },
                                  cut));
    }
  }
}

Injector::Undo Injector::on_process(const Fault& fault, Random& random) {
  const Targets some = fault.kind == FaultKind::kCrashAll ? live() : targets(fault, random, live().size());
  const auto restart = [this, some] {
    for (StoreMember* m : some) start_soon(*m, Duration::millis(100));
  };
  switch (fault.kind) {
    case FaultKind::kCrashPoint:
      for (StoreMember* m : some) {
        const uint64_t nth = 1 + random.below(40);
        const auto point = static_cast<Failpoint>(random.below(static_cast<uint64_t>(Failpoint::kRecovery)));
        m->node().arm_failpoint(point, nth);
      }
      return {};
    case FaultKind::kRestartStorm:
      for (StoreMember* m : some) {
        storm(m, world_.now() + fault.duration, Duration::millis(random.between(5, 300)));
      }
      return restart;
    case FaultKind::kEdgeCrashes:
      crash_at_syncs(world_.now() + fault.duration, random);
      return {};
    case FaultKind::kShortReigns:
      fell_leaders(world_.now() + fault.duration, random);
      return {};
    case FaultKind::kPause:
      for (StoreMember* m : some) m->node().pause();
      return [some] {
        for (StoreMember* m : some) m->node().resume();
      };
    case FaultKind::kSlow:
      for (StoreMember* m : some) m->node().set_step_cost(Duration::micros(1 + fault.strength * 2));
      return [some] {
        for (StoreMember* m : some) m->node().set_step_cost({});
      };
    case FaultKind::kRecoveryCrash:
      for (StoreMember* m : some) {
        m->node().crash("before a crash in recovery");
        m->node().arm_failpoint(Failpoint::kRecovery, 1);
        m->storage().disk().crash_at(m->storage().disk().operations() + 1 + random.below(6));
        m->node().start();
      }
      return restart;
    case FaultKind::kWipe:
      for (StoreMember* m : some) {
        m->node().crash("its disk is replaced");
        m->node().wipe();
        m->rotten.clear();
        m->destroyed.clear();
      }
      return restart;
    case FaultKind::kOldImage: {
      StoreMember* m = some.front();
      const DiskImage old = m->storage().image();
      return [m, old] {
        m->node().crash("an old image is restored");
        m->node().distrust_storage();
        m->storage().restore(old);
        m->rotten.clear();
        m->destroyed.clear();
        m->node().start();
      };
    }
    default:
      for (StoreMember* m : some) m->node().crash(std::string(info(fault.kind).name));
      return restart;
  }
}

}  // namespace holdfast::sim
