// The nemesis's faults, and what each is in the words of model/failure.h.
#pragma once

#include <string_view>

#include "holdfast/model/failure.h"

namespace holdfast::nemesis {

enum class Fault {
  kKillLeader,
  kKillFollower,
  kKillMajority,  // or half of an even number
  kKillAll,
  kKillPaused,    // the leader is paused, another one elected, and the old one never wakes up
  kRestartStorm,  // killed again and again while it recovers
  kPauseLeader,
  kPauseFollower,
  kStop,  // SIGTERM
  kMoveLeader,
  kCompact,
  kIsolate,  // one member, in both directions
  kIsolateLeader,
  kOneWay,  // one member hears nobody, or nobody hears it
  kBridge,  // two members cannot reach each other, any other reaches both
};
constexpr Fault last_value(Fault) { return Fault::kBridge; }

inline constexpr size_t kFaults = static_cast<size_t>(last_value(Fault())) + 1;

struct FaultInfo {
  Fault fault;
  std::string_view name;  // in docs/guide/nemesis.md
  Failure failure;        // what it is to the members; a request to a member is none
  bool request = false;
};
const FaultInfo& info(Fault fault);

}  // namespace holdfast::nemesis
