#include "holdfast/sim/plan.h"

#include <algorithm>

#include "holdfast/base/assert.h"

namespace holdfast::sim {
namespace {

using enum FaultKind;
using FailureClass::kFailArbitrary;
using FailureClass::kFailResume;
using FailureClass::kFailSafe;
using FailureClass::kFailSilent;
using FailureClass::kFailStop;
using FailureClass::kLate;
using FailureClass::kOmission;
using FailureClass::kStateTransition;
using FailureClass::kTiming;
using FailureClass::kValue;
using enum Component;
using enum Persistence;

constexpr FaultInfo kInfo[] = {
    {kLoss, "N1", "loss", {kChannel, kOmission, kIntermittent}, true},
    {kDelay, "N2", "delay", {kChannel, kLate, kTransient}, true},
    {kReorder, "N3", "reorder", {kChannel, kLate, kIntermittent}, true},
    {kDuplicate, "N4", "duplicate", {kChannel, kStateTransition, kIntermittent}, true},
    {kReplay, "N5", "replay", {kChannel, kStateTransition, kIntermittent}, true},
    {kCorrupt, "N6", "corrupt", {kChannel, kFailSafe, kIntermittent}, true},
    {kTruncate, "N7", "truncate", {kChannel, kFailSafe, kIntermittent}, true},
    {kBandwidth, "N8", "bandwidth", {kChannel, kLate, kTransient}, true},
    {kPartition, "N9", "partition", {kChannel, kOmission, kTransient}, true},
    {kOneWay, "N10", "one_way", {kChannel, kOmission, kTransient}, true},
    {kBridge, "N11", "bridge", {kChannel, kOmission, kTransient}, true},
    {kRing, "N11", "ring", {kChannel, kOmission, kTransient}, true},
    {kFlapping, "N12", "flapping", {kChannel, kOmission, kIntermittent}, true},
    {kClog, "N13", "clog", {kChannel, kLate, kTransient}, true},
    {kReset, "N14", "reset", {kChannel, kFailStop, kTransient}, false},
    {kHalfOpen, "N15", "half_open", {kChannel, kFailSilent, kTransient}, false},
    {kSlowReader, "N16", "slow_reader", {kChannel, kLate, kTransient}, false},
    {kLongCut, "N18", "long_cut", {kChannel, kOmission, kTransient}, true},
    {kClientCut, "N19", "client_cut", {kChannel, kOmission, kTransient}, false},
    {kPeerCut, "N19", "peer_cut", {kChannel, kOmission, kTransient}, true},
    {kMisroute, "N20", "wrong_identity", {kChannel, kFailSafe, kIntermittent}, true},
    {kCrashPoint, "P1", "crash_point", {kProcess, kFailResume, kTransient}, false},
    {kEdgeCrashes, "P1", "edge_crashes", {kProcess, kFailResume, kIntermittent}, false},
    {kRestartStorm, "P2", "restart_storm", {kProcess, kFailResume, kIntermittent}, false},
    {kShortReigns, "P2", "short_reigns", {kProcess, kFailResume | kLate, kIntermittent}, false},
    {kPause, "P3", "pause", {kProcess, kLate, kTransient}, false},
    {kSlow, "P4", "slow", {kProcess, kLate, kTransient}, false},
    {kRecoveryCrash, "P6", "recovery_crash", {kProcess, kFailResume, kTransient}, false},
    {kWipe, "P7", "wipe", {kStorage, kValue, kPermanent}, false},
    {kCrashAll, "P11", "crash_all", {kProcess, kFailResume, kTransient}, false},
    {kOldImage, "P12", "old_image", {kStorage, kValue, kPermanent}, false, true},
    {kCrash, "P2", "crash", {kProcess, kFailResume, kTransient}, false},
    {kPowerLoss, "D1", "power_loss", {kProcess, kFailResume, kTransient}, false},
    {kTornWrites, "D3", "torn_writes", {kProcess, kFailResume, kTransient}, false},
    {kSyncFails, "D4", "sync_fails", {kStorage, kOmission, kTransient}, false},
    {kSyncLies, "D5", "sync_lies", {kStorage, kValue, kPermanent}, false},
    {kReadError, "D6", "read_error", {kStorage, kOmission, kTransient}, false},
    {kWriteError, "D7", "write_error", {kStorage, kOmission, kTransient}, false},
    {kNoSpace, "D8", "no_space", {kStorage, kOmission, kTransient}, false},
    {kReadOnly, "D9", "read_only", {kStorage, kOmission, kTransient}, false},
    {kBitRot, "D10", "bit_rot", {kStorage, kFailSafe, kPermanent}, false, true},
    {kLogRot, "D10", "log_rot", {kStorage, kFailSafe, kPermanent}, false, true},
    {kSnapshotRot, "D10", "snapshot_rot", {kStorage, kFailSafe, kPermanent}, false, true},
    {kMisdirectedWrite, "D12", "misdirected_write", {kStorage, kValue, kPermanent}, false},
    {kMisdirectedRead, "D13", "misdirected_read", {kStorage, kFailSafe, kPermanent}, false},
    {kLostWrite, "D14", "lost_write", {kStorage, kValue, kPermanent}, false},
    {kStall, "D15", "stall", {kStorage, kLate, kTransient}, false},
    {kSlowDisk, "D16", "slow_disk", {kStorage, kLate, kTransient}, false},
    {kDirectoryFails, "D17", "directory_sync_fails", {kStorage, kOmission, kTransient}, false},
    {kWallClock, "T1", "wall_clock", {kClock, kValue, kTransient}, false},
    {kDrift, "T2", "drift", {kClock, kTiming, kTransient}, false},
    {kFreeze, "T3", "freeze", {kClock, kFailResume, kTransient}, false},
    {kTimerError, "T6", "timer_error", {kClock, kTiming, kTransient}, false},
    {kEquivocate, "Y1", "equivocate", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kTwins, "Y2", "twins", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kForgetful, "Y3", "forgetful", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kSilentToSome, "Y4", "silent_to_some", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kLateProposals, "Y5", "late_proposals", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kForgedVotes, "Y6", "forged_votes", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kBadEvidence, "Y7", "bad_evidence", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kOffByOne, "Y8", "off_by_one", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kFalseState, "Y9", "false_state", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kOldWords, "Y10", "old_words", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kFlood, "Y11", "flood", {kProcess, kFailArbitrary, kPermanent}, true, true},
    {kCollude, "Y12", "collude", {kProcess, kFailArbitrary, kPermanent}, true, true},
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

std::string classified(FaultKind kind) {
  const FaultInfo& i = info(kind);
  return std::string(i.code) + " " + std::string(i.name) + " (" + to_text(i.failure) + ")";
}

std::vector<Strike> strikes(const Plan& plan, size_t members) {
  std::vector<Strike> out;
  for (const Fault& f : plan.faults) {
    const FaultInfo& i = info(f.kind);
    const size_t chosen = f.leader || i.one ? 1 : members;  // at most
    out.push_back({i.name, i.failure, f.members, f.members.empty() ? chosen : 0});
  }
  return out;
}

Plan swarm_plan(Random& random, size_t members, Time start, Time end, const Tolerance& tolerance) {
  Plan plan;
  plan.end = end;
  // Which kinds this run has at all: two to eight of them.
  std::vector<FaultKind> kinds;
  for (const FaultInfo& i : kInfo) {
    if (i.failure.persistence == kPermanent || (i.needs_peers && members == 1)) continue;
    const Clause* clause = tolerance.covering(i.failure.component, i.failure.what);
    if (clause == nullptr || tolerated(clause->safe, members) < members) continue;
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
