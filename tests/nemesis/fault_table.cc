#include "tests/nemesis/fault_table.h"

#include <iterator>

namespace holdfast::nemesis {
namespace {

using enum Fault;
using enum Component;
using enum Persistence;
using FailureClass::kFailResume;
using FailureClass::kLate;
using FailureClass::kOmission;

constexpr FaultInfo kInfo[] = {
    {kKillLeader, "kill the leader", {kProcess, kFailResume, kTransient}},
    {kKillFollower, "kill a follower", {kProcess, kFailResume, kTransient}},
    {kKillMajority, "kill two", {kProcess, kFailResume, kTransient}},
    {kKillAll, "kill all", {kProcess, kFailResume, kTransient}},
    {kKillPaused, "kill while paused", {kProcess, kFailResume | kLate, kTransient}},
    {kRestartStorm, "restart storm", {kProcess, kFailResume, kIntermittent}},
    {kPauseLeader, "pause the leader", {kProcess, kLate, kTransient}},
    {kPauseFollower, "pause a follower", {kProcess, kLate, kTransient}},
    {kStop, "stop", {kProcess, kFailResume, kTransient}},
    {kMoveLeader, "move the leadership", {}, true},
    {kCompact, "compact", {}, true},
    {kIsolate, "isolate any", {kChannel, kOmission, kTransient}},
    {kIsolateLeader, "isolate the leader", {kChannel, kOmission, kTransient}},
    {kOneWay, "one way", {kChannel, kOmission, kTransient}},
    {kBridge, "bridge", {kChannel, kOmission, kTransient}},
};

constexpr bool in_order() {
  for (size_t i = 0; i < kFaults; ++i) {
    if (static_cast<size_t>(kInfo[i].fault) != i || kInfo[i].failure.what.empty() != kInfo[i].request) return false;
  }
  return true;
}
static_assert(std::size(kInfo) == kFaults && in_order(), "every fault has its row, in the order of the enum");

}  // namespace

const FaultInfo& info(Fault fault) { return kInfo[static_cast<size_t>(fault)]; }

}  // namespace holdfast::nemesis
