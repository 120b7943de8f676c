// Which failures the failure detectors tolerate, and of how many members: what a run with given faults may be held to.
//
// A detector is wrong now and then; of most of what it promises only "from some moment on" can be demanded. So each
// promise has a tolerance of its own, and `Budget::within` says whether it may be demanded of a run, once the failures
// that pass have passed.
//
//   if (judge(tolerance(kind, Promise::kAccurate), members, strikes).within) { /* nobody that runs is suspected */ }
#pragma once

#include <string>

#include "holdfast/detect/agent.h"
#include "holdfast/model/tolerance.h"

namespace holdfast::detect {

// Chandra and Toueg 1996, sections 2.2 to 2.4; the last one: Chandra, Hadzilacos and Toueg 1996, section 3.
enum class Promise : uint8_t {
  kSound,      // at every moment: nobody suspects itself, and only who is suspected is restored
  kComplete,   // strong completeness: who has crashed is in the end suspected for good by all that run
  kAccurate,   // eventual strong accuracy: from some moment on nobody that runs is suspected by one that runs
  kOneLeader,  // Omega: from some moment on all that run follow one and the same of them
};
constexpr Promise last_value(Promise) { return Promise::kOneLeader; }

// Whatever fails short of lying, in any number, for good or not.
Tolerance soundness(DetectorKind kind);
// Silence is noticed whatever else the network does: the worst is that those are suspected too who run. Somebody must
// be left to notice, and an observer whose clock has stopped for good sees no time pass.
Tolerance completeness(DetectorKind kind);
// Those that crash harm nobody else's reputation. Who is slow, deaf or cut off for good is rightly suspected although
// it runs, and may suspect others: the synchrony that accuracy needs never comes. (With SWIM two that cannot reach each
// other are spared while a third one reaches both; a cut of one member from all is beyond that too.)
//
// Heartbeats, probes and phi with `growth` learn how slow a group is, so that clocks may run as they like for good;
// SWIM's timeouts are fixed.
Tolerance accuracy(DetectorKind kind);
// Phi as in its paper, without `growth`: each period's lateness may be one too many, for ever. It is only as accurate
// as its threshold says, and to be held to no more than that when anything but a crash happens.
Tolerance accuracy_without_growth();
// Omega on a detector: what makes that complete and accurate makes one lead (omega.h, guarantee 1), no more is needed.
Tolerance leadership(DetectorKind kind);
// Of an Agent's detector; phi grows there.
Tolerance tolerance(DetectorKind kind, Promise promise);

}  // namespace holdfast::detect
