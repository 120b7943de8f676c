// The faults of disks: what is armed for the next operation, and damage to what is there.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/sim/injector.h"
#include "holdfast/stable/wal_inspect.h"

namespace holdfast::sim {

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
  member.rotten.insert(victim.file);
  member.destroyed.insert(victim.file);
}

// One bit of the newest snapshot that is whole: an older one and the log behind it must make up for it.
void Injector::rot_snapshot(StoreMember& member, Random& random) {
  SimDisk& disk = member.storage().disk();
  auto names = disk.list();
  if (!names.ok()) return;
  std::erase_if(*names, [](const std::string& name) { return !name.starts_with("blob-") || name.ends_with(".tmp"); });
  const auto newest = std::max_element(names->begin(), names->end());
  if (newest == names->end() || disk.size_of(*newest) == 0) return;
  mark<"sim.disk.newest_snapshot_damaged">();
  const uint64_t at = random.below(disk.size_of(*newest));
  disk.flip_bit(*newest, at, static_cast<int>(random.below(8)));
  distrust(member);
  member.rotten.insert(*newest);
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
  member.rotten.insert(name);
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
      if (is_commission(info(fault.kind).failure.what)) m->node().distrust_storage();
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
    case FaultKind::kLogRot:
    case FaultKind::kSnapshotRot: {
      StoreMember* m = some.front();
      m->node().crash("before rot");
      if (fault.kind == FaultKind::kBitRot) rot(*m, random);
      if (fault.kind == FaultKind::kLogRot) rot_log(*m, random);
      if (fault.kind == FaultKind::kSnapshotRot) rot_snapshot(*m, random);
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

}  // namespace holdfast::sim
