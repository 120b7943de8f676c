// Fault plans: which faults strike whom, when, for how long and how hard. A plan is a value, chosen from a seed (swarm
// testing: each run gets its own small set of faults and rates) or read from a scenario file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/base/status.h"
#include "holdfast/model/tolerance.h"
#include "holdfast/model/types.h"

namespace holdfast::sim {

// In the order of the catalogue (docs/simulator.md).
enum class FaultKind {
  kLoss,
  kDelay,
  kReorder,
  kDuplicate,
  kReplay,
  kCorrupt,
  kTruncate,
  kBandwidth,  // N1 - N8
  kPartition,
  kOneWay,
  kBridge,
  kRing,
  kFlapping,
  kClog,
  kReset,
  kHalfOpen,
  kSlowReader,  // N9 - N16
  kLongCut,
  kClientCut,
  kPeerCut,
  kMisroute,  // N18 - N20
  kCrashPoint,
  kEdgeCrashes,
  kRestartStorm,
  kShortReigns,
  kPause,
  kSlow,
  kRecoveryCrash,
  kWipe,
  kCrashAll,
  kOldImage,  // P1 - P12
  kCrash,     // a plain one
  kPowerLoss,
  kTornWrites,
  kSyncFails,
  kSyncLies,
  kReadError,
  kWriteError,
  kNoSpace,
  kReadOnly,  // D1 - D9
  kBitRot,
  kLogRot,
  kSnapshotRot,
  kMisdirectedWrite,
  kMisdirectedRead,
  kLostWrite,
  kStall,
  kSlowDisk,
  kDirectoryFails,  // D10 - D17
  kWallClock,
  kDrift,
  kFreeze,
  kTimerError,  // T1 - T6
  kEquivocate,
  kTwins,
  kForgetful,
  kSilentToSome,
  kLateProposals,
  kForgedVotes,
  kBadEvidence,
  kOffByOne,
  kFalseState,
  kOldWords,
  kFlood,
  kCollude,  // Y1 - Y12, over PBFT
};
constexpr FaultKind last_value(FaultKind) { return FaultKind::kCollude; }
inline constexpr size_t kFaultKinds = static_cast<size_t>(FaultKind::kCollude) + 1;
// A member turns into a liar, for good.
constexpr bool is_lie(FaultKind kind) { return kind >= FaultKind::kEquivocate; }

struct FaultInfo {
  FaultKind kind;
  std::string_view code;  // in the catalogue: "N9"
  std::string_view name;  // in scenario files: "partition"
  Failure failure;   // what it is to the protocol, behind the checks of frames and records (docs/failure-models.md)
  bool needs_peers;  // makes no sense for a single member
  bool one = false;  // strikes one member at a time, if no members are named
};
const FaultInfo& info(FaultKind kind);
std::optional<FaultKind> fault_named(std::string_view name_or_code);

struct Fault {
  FaultKind kind = FaultKind::kCrash;
  Time start;
  Duration duration;
  std::vector<size_t> members;  // positions among the members; empty: chosen when it strikes, from `seed`
  uint32_t strength = 500;      // thousandths of the worst
  uint64_t seed = 0;
  bool leader = false;  // whoever leads when it strikes, if anybody does; `members` is empty then
};

struct Plan {
  std::vector<Fault> faults;  // by start
  Time end;                   // when everything is healed
};

// The plan as its protocol sees it, in the order of its faults.
std::vector<Strike> strikes(const Plan& plan, size_t members);

// A plan for `members` members over the time [start, end], within the budget of a protocol that tolerates this.
Plan swarm_plan(Random& random, size_t members, Time start, Time end, const Tolerance& tolerance);

std::string describe(const Fault& fault);  // part of the trace
// "D1 power_loss (process: fail-resume, transient)".
std::string classified(FaultKind kind);

}  // namespace holdfast::sim
