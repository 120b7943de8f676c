// Log time: a clock that all replicas share because it is in the log.
//
// Every command carries the leader's reading. A leader adds only time that it has itself seen pass since it was
// elected, to the greatest reading in its log; so log time never runs ahead of real time (but for the drift of the
// leaders' own clocks), stands still while nobody leads, and survives every change of leader without starting afresh.
//
// Why a reading of an earlier term may serve as the base: a command of an earlier term that gets committed was in the
// new leader's log when it was elected, hence was stamped before.
#pragma once

#include <algorithm>

#include "holdfast/model/types.h"

namespace holdfast::replica {

class LogClock {
 public:
  // This node was elected.
  void lead(Time now) {
    leading_since_ = now;
    base_ms_ = applied_ms_;
  }
  // A command with this reading was applied; `own_term`: by this leader in its present term.
  void applied(int64_t reading_ms, bool own_term) {
    applied_ms_ = std::max(applied_ms_, reading_ms);
    if (!own_term) base_ms_ = std::max(base_ms_, reading_ms);
  }
  // The leader's reading now.
  int64_t read(Time now) const {
    const int64_t elapsed = std::max<int64_t>(0, (now - leading_since_).millis());
    return std::max(applied_ms_, base_ms_ + elapsed);
  }
  int64_t applied_ms() const { return applied_ms_; }

 private:
  int64_t applied_ms_ = 0;
  int64_t base_ms_ = 0;
  Time leading_since_;
};

}  // namespace holdfast::replica
