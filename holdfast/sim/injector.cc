#include "holdfast/sim/injector.h"

#include <algorithm>
#include <set>

#include "holdfast/base/mark.h"
#include "holdfast/stable/wal_inspect.h"

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
  if (leader != nullptr && random.chance(1, 3)) return {leader};
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
  return on_clock(fault, random);
}

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
        m->destroyed_in.clear();
      }
      return restart;
    case FaultKind::kOldImage: {
      StoreMember* m = some.front();
      const DiskImage old = m->storage().image();
      return [m, old] {
        m->node().crash("an old image is restored");
        m->node().distrust_storage();
        m->storage().restore(old);
        m->destroyed_in.clear();
        m->node().start();
      };
    }
    default:
      for (StoreMember* m : some) m->node().crash(std::string(info(fault.kind).name));
      return restart;
  }
}

// Its disk may have lost what it promised to keep, and the member may find that it cannot start.
void Injector::distrust(StoreMember& member) {
  member.damaged = true;
  member.node().distrust_storage();
}

// Of the records that the log still needs and of which some frame behind them says that they were synced, one loses a
// bit, or the block in which it begins becomes zeros (D11).
void Injector::rot_log(StoreMember& member, Random& random) {
  SimDisk& disk = member.storage().disk();
  disk.load(disk.current_image());  // written back, lest a power failure take the proof that the record was there
  const StatusOr<stable::WalReport> log = stable::verify_wal(disk);
  if (!log.ok() || !log->ok()) return;
  std::vector<stable::WalItem> records;
  const Status dumped = stable::dump_wal(disk, {}, [&](const stable::WalItem& item) {
    const bool needed = item.seq >= std::max(log->first, log->released);
    if (item.kind == stable::WalItem::Kind::kRecord && needed && item.seq <= log->proven) records.push_back(item);
    return absl::OkStatus();
  });
  if (!dumped.ok() || records.empty()) return;
  mark<"sim.disk.acknowledged_record_destroyed">();
  const stable::WalItem& victim = records[random.below(records.size())];
  if (random.chance(1, 3)) {
    disk.zero(victim.file, victim.offset / kSectorBytes * kSectorBytes, kSectorBytes);
  } else {
    const uint64_t at = victim.offset + random.below(stable::wal::kRecordHeaderBytes + victim.length);
    disk.flip_bit(victim.file, at, static_cast<int>(random.below(8)));
  }
  distrust(member);
  member.destroyed_in = victim.file;
}

void Injector::rot(StoreMember& member, Random& random) {
  SimDisk& disk = member.storage().disk();
  auto names = disk.list();
  if (!names.ok() || names->empty()) return;
  const std::string& name = (*names)[random.below(names->size())];
  // In the last segment only where the log can know that something is missing (docs/formats/wal.md).
  const StatusOr<stable::wal::LogFiles> log = stable::wal::list_log(disk);
  if (!log.ok()) return;
  if (!log->segments.empty() && name == stable::wal::segment_name(log->segments.back())) return rot_log(member, random);
  distrust(member);
  const uint64_t size = disk.size_of(name);
  if (size == 0) return;
  const int bit = static_cast<int>(random.below(8));
  disk.flip_bit(name, random.below(std::max<uint64_t>(1, size / 2)), bit);
}

// Faults that only wait for the next operation they fit.
static std::optional<DiskFault> armed_for(FaultKind kind) {
  switch (kind) {
    case FaultKind::kSyncFails:
      return DiskFault::kSyncFails;
    case FaultKind::kSyncLies:
      return DiskFault::kSyncLies;
    case FaultKind::kWriteError:
      return DiskFault::kWriteError;
    case FaultKind::kMisdirectedWrite:
      return DiskFault::kMisdirectedWrite;
    case FaultKind::kLostWrite:
      return DiskFault::kLostWrite;
    case FaultKind::kDirectoryFails:
      return DiskFault::kDirectorySyncFails;
    default:
      return std::nullopt;
  }
}

Injector::Undo Injector::on_disk(const Fault& fault, Random& random) {
  const Targets some = targets(fault, random, live().size());
  const auto restart = [this, some] {
    for (StoreMember* m : some) start_soon(*m, Duration::millis(100));
  };
  const auto arm = [&](DiskFault f) {
    for (StoreMember* m : some) {
      if (info(fault.kind).cost == FaultCost::kSafety) m->node().distrust_storage();
      m->storage().disk().arm(f, 1 + random.below(2));
    }
  };
  if (const auto f = armed_for(fault.kind)) return arm(*f), Undo{};
  switch (fault.kind) {
    case FaultKind::kPowerLoss:
      for (StoreMember* m : some) {
        m->storage().disk().crash();
        m->node().crash("power failure");
      }
      return restart;
    case FaultKind::kTornWrites:
      for (StoreMember* m : some) m->storage().disk().crash_at(m->storage().disk().operations() + 1 + random.below(30));
      return {};
    case FaultKind::kReadError:
    case FaultKind::kMisdirectedRead:
      for (StoreMember* m : some) {
        if (fault.kind == FaultKind::kMisdirectedRead) distrust(*m);
        m->node().crash("before a bad read");
      }
      arm(fault.kind == FaultKind::kReadError ? DiskFault::kReadError : DiskFault::kMisdirectedRead);
      return restart;
    case FaultKind::kNoSpace:
      for (StoreMember* m : some) m->storage().disk().set_capacity(random.below(64 << 10));
      return [some] {
        for (StoreMember* m : some) m->storage().disk().set_capacity(~uint64_t{0});
      };
    case FaultKind::kReadOnly:
      for (StoreMember* m : some) m->storage().disk().arm(DiskFault::kReadOnly, 1'000'000);
      return [some] {
        for (StoreMember* m : some) m->storage().disk().disarm();
      };
    case FaultKind::kBitRot:
    case FaultKind::kLogRot: {
      StoreMember* m = some.front();
      m->node().crash("before rot");
      fault.kind == FaultKind::kBitRot ? rot(*m, random) : rot_log(*m, random);
      return [this, m] { start_soon(*m, Duration::millis(100)); };
    }
    case FaultKind::kStall:
      for (StoreMember* m : some) m->node().stall_disk(world_.now() + fault.duration);
      return {};
    default: {
      const DiskPace usual = cluster_.config().pace;
      DiskPace slow = usual;
      slow.max_sync = slow.max_sync + Duration::micros(fault.strength * 100);
      slow.blob_step = slow.blob_step + Duration::micros(fault.strength * 20);
      for (StoreMember* m : some) m->node().set_disk_pace(slow);
      return [some, usual] {
        for (StoreMember* m : some) m->node().set_disk_pace(usual);
      };
    }
  }
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
