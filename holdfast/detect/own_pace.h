// The observer's own pauses.
//
// A process that was paused, swapped out or starved finds all its timeouts expired when it runs again, while what the
// others sent meanwhile lies unread in its queue. Judging them by its own clock it would condemn everybody. So a
// detector measures silence in *observed time*: local time without the spans in which this process did not run though
// it had asked to. It knows these by its own deadlines: whoever is woken late has been absent from the deadline on.
//
// Completeness is kept: an observer that is always late by L still sees its period pass between two wake-ups, so that
// observed time goes on, and every silence ends in a suspicion, later.
#pragma once

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/model/types.h"

namespace holdfast::detect {

class OwnPace {
 public:
  // Lateness up to `tolerance` is not counted. Without `heed`, observed time is local time.
  OwnPace(Duration tolerance, bool heed) : tolerance_(tolerance), heed_(heed) {}

  // To be called at each input: the process runs at `now` and had asked to be woken at `deadline`, a local time.
  // Returns how long it was absent; zero: it was not.
  Duration attend(Time now, Time deadline) {
    const Time ran = std::exchange(ran_, std::max(ran_, now));
    if (!heed_ || planted<"V10">() || deadline == Time::never()) return Duration();
    // What ran since then was no absence: observed time does not go back.
    const Duration absent = now - std::max(deadline, ran);
    if (absent <= tolerance_) return Duration();
    mark<"detect.own_pause_noticed">();
    lost_ = lost_ + absent;
    return absent;
  }
  Time observed(Time local) const { return local - lost_; }
  Time local(Time observed) const { return observed + lost_; }

 private:
  Duration tolerance_;
  bool heed_;
  Time ran_;  // the last input
  Duration lost_;
};

}  // namespace holdfast::detect
