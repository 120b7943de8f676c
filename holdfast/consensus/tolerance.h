// Which failures the engines that decide by majorities of stable records tolerate, and of how many members.
#pragma once

#include "holdfast/consensus/types.h"
#include "holdfast/model/tolerance.h"

namespace holdfast::consensus {

// Crashes with recovery, omissions and slowness: safe whatever their number, live while a majority works (Raft paper,
// sections 5.1 and 5.6; "Paxos Made Simple", section 2.4). Storage keeps what it reported stable, or says that it did
// not: one that forgets or lies is beyond it.
//
// With reads by quorum no clock can hurt safety. A lease is as good as the clocks of its members: they may be set to
// anything and run early or late by ten percent between two of them, but must not stand still.
inline Tolerance majority_tolerance(const char* name, ReadMode reads) {
  Tolerance t = majority_group(name);
  if (reads == ReadMode::kLease) {
    t.assumes += "; clocks run, at rates that differ by ten percent at most";
    for (Clause& c : t.clauses) {
      if (c.component == Component::kClock) {
        c.failures = FailureClass::kValue | FailureClass::kTiming;
      }
    }
  }
  return t;
}

}  // namespace holdfast::consensus
