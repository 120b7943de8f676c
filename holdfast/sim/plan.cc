#include "holdfast/sim/plan.h"

#include <algorithm>

#include "holdfast/base/assert.h"

namespace holdfast::sim {
namespace {

using enum FaultKind;
using enum FaultCost;

constexpr FaultInfo kInfo[] = {
    {kLoss, "N1", "loss", kNothing, true},
    {kDelay, "N2", "delay", kNothing, true},
    {kReorder, "N3", "reorder", kNothing, true},
    {kDuplicate, "N4", "duplicate", kNothing, true},
    {kReplay, "N5", "replay", kNothing, true},
    {kCorrupt, "N6", "corrupt", kNothing, true},
    {kTruncate, "N7", "truncate", kNothing, true},
    {kBandwidth, "N8", "bandwidth", kNothing, true},
    {kPartition, "N9", "partition", kNothing, true},
    {kOneWay, "N10", "one_way", kNothing, true},
    {kBridge, "N11", "bridge", kNothing, true},
    {kRing, "N11", "ring", kNothing, true},
    {kFlapping, "N12", "flapping", kNothing, true},
    {kClog, "N13", "clog", kNothing, true},
    {kReset, "N14", "reset", kNothing, false},
    {kHalfOpen, "N15", "half_open", kNothing, false},
    {kSlowReader, "N16", "slow_reader", kNothing, false},
    {kLongCut, "N18", "long_cut", kNothing, true},
    {kClientCut, "N19", "client_cut", kNothing, false},
    {kPeerCut, "N19", "peer_cut", kNothing, true},
    {kMisroute, "N20", "wrong_identity", kNothing, true},
    {kCrashPoint, "P1", "crash_point", kNothing, false},
    {kEdgeCrashes, "P1", "edge_crashes", kNothing, false},
    {kRestartStorm, "P2", "restart_storm", kNothing, false},
    {kShortReigns, "P2", "short_reigns", kNothing, false},
    {kPause, "P3", "pause", kNothing, false},
    {kSlow, "P4", "slow", kNothing, false},
    {kRecoveryCrash, "P6", "recovery_crash", kNothing, false},
    {kWipe, "P7", "wipe", kSafety, false},
    {kCrashAll, "P11", "crash_all", kNothing, false},
    {kOldImage, "P12", "old_image", kSafety, false},
    {kCrash, "P2", "crash", kNothing, false},
    {kPowerLoss, "D1", "power_loss", kNothing, false},
    {kTornWrites, "D3", "torn_writes", kNothing, false},
    {kSyncFails, "D4", "sync_fails", kNothing, false},
    {kSyncLies, "D5", "sync_lies", kSafety, false},
    {kReadError, "D6", "read_error", kNothing, false},
    {kWriteError, "D7", "write_error", kNothing, false},
    {kNoSpace, "D8", "no_space", kNothing, false},
    {kReadOnly, "D9", "read_only", kNothing, false},
    {kBitRot, "D10", "bit_rot", kMember, false},
    {kLogRot, "D10", "log_rot", kMember, false},
    {kMisdirectedWrite, "D12", "misdirected_write", kSafety, false},
    {kMisdirectedRead, "D13", "misdirected_read", kMember, false},
    {kLostWrite, "D14", "lost_write", kSafety, false},
    {kStall, "D15", "stall", kNothing, false},
    {kSlowDisk, "D16", "slow_disk", kNothing, false},
    {kDirectoryFails, "D17", "directory_sync_fails", kNothing, false},
    {kWallClock, "T1", "wall_clock", kNothing, false},
    {kDrift, "T2", "drift", kNothing, false},
    {kFreeze, "T3", "freeze", kNothing, false},
    {kTimerError, "T6", "timer_error", kNothing, false},
};

constexpr bool in_order() {
  for (size_t i = 0; i < kFaultKinds; ++i) {
    if (static_cast<size_t>(kInfo[i].kind) != i) return false;
  }
  return true;
}
static_assert(std::size(kInfo) == kFaultKinds && in_order(), "every fault has its row, in the order of the enum");

// How long a fault lasts: often short, now and then long.
Duration some_duration(Random& random, Duration most) {
  const int64_t scale = random.chance(1, 4) ? most.nanos() : most.nanos() / 4;
  return Duration::nanos(random.between(1'000'000, std::max<int64_t>(scale, 2'000'000)));
}

}  // namespace

const FaultInfo& info(FaultKind kind) { return kInfo[static_cast<size_t>(kind)]; }

std::optional<FaultKind> fault_named(std::string_view name) {
  for (const FaultInfo& i : kInfo) {
    if (i.name == name || i.code == name) return i.kind;
  }
  return std::nullopt;
}

std::string describe(const Fault& f) {
  std::string text = std::string(info(f.kind).code) + " " + std::string(info(f.kind).name) + " from " +
                     std::to_string(f.start.millis()) + " ms for " + std::to_string(f.duration.millis()) +
                     " ms, strength " + std::to_string(f.strength) + "/1000";
  if (f.leader) text += ", the leader";
  if (!f.members.empty()) text += ", members";
  for (const size_t m : f.members) text += " " + std::to_string(m);
  return text;
}

Plan swarm_plan(Random& random, size_t members, Time start, Time end, bool clocks_must_be_sound) {
  Plan plan;
  plan.end = end;
  // Which kinds this run has at all: two to eight of them.
  std::vector<FaultKind> kinds;
  for (const FaultInfo& i : kInfo) {
    if (i.cost != kNothing || (i.needs_peers && members == 1)) continue;
    if (clocks_must_be_sound && i.kind == kFreeze) continue;
    kinds.push_back(i.kind);
  }
  const size_t wanted = 2 + random.below(7);
  while (kinds.size() > wanted) kinds.erase(kinds.begin() + static_cast<std::ptrdiff_t>(random.below(kinds.size())));
  // A minority may lose its disk's content for good.
  if (members >= 3 && random.chance(1, 6)) {
    Fault rot{random.chance(1, 2) ? kBitRot : kLogRot, {}, {}, {}, 500, random.next()};
    rot.start = start + Duration::nanos(random.between(0, (end - start).nanos()));
    plan.faults.push_back(rot);
  }
  const Duration span = end - start;
  const uint64_t count = 1 + random.below(random.chance(1, 3) ? 30 : 10);
  for (uint64_t i = 0; i < count; ++i) {
    Fault f;
    f.kind = kinds[random.below(kinds.size())];
    f.start = start + Duration::nanos(random.between(0, span.nanos()));
    f.duration = std::min(some_duration(random, span), end - f.start);
    f.strength = static_cast<uint32_t>(1 + random.below(random.chance(1, 3) ? 1000 : 300));
    f.seed = random.next();
    plan.faults.push_back(std::move(f));
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const Fault& a, const Fault& b) { return a.start < b.start; });
  return plan;
}

}  // namespace holdfast::sim
