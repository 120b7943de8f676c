// Heartbeats on their way out and in: when the next one is due, and whether one that arrives is news.
//
// A heartbeat is named by (boot, number), and both grow. A repeated, reordered or replayed one proves nothing and is
// passed over. A process that starts again begins a higher boot, taken from its wall clock. That clock may have gone
// back or stood still; then its peers take its heartbeats for old ones and answer Outdated with what they have seen,
// and it goes on above that.
#pragma once

#include <cstdint>

#include "holdfast/base/mark.h"
#include "holdfast/model/types.h"

namespace holdfast::detect {

// "I run." To every peer, every period.
struct Heartbeat {
  uint64_t boot = 0;
  uint64_t number = 0;
};
// To the sender of a heartbeat that is older than the latest one seen, which this names.
struct Outdated {
  uint64_t boot = 0;
  uint64_t number = 0;
};

// Beyond this no boot is believed: a damaged or hostile one could not be topped.
inline constexpr uint64_t kMaxBoot = uint64_t{1} << 62;

// The sender's half.
class Pulse {
 public:
  explicit Pulse(uint64_t boot) : boot_(boot < kMaxBoot ? boot : kMaxBoot - 1) {}

  Heartbeat next() { return {boot_, ++number_}; }
  void on_outdated(const Outdated& m) {
    // What we have said ourselves can be overtaken on its way: only what we never said shows a former life.
    if (m.boot >= kMaxBoot || m.boot < boot_ || (m.boot == boot_ && m.number <= number_)) return;
    mark<"detect.boot_raised">();
    boot_ = m.boot + 1;
    number_ = 0;
  }
  uint64_t boot() const { return boot_; }

 private:
  uint64_t boot_;
  uint64_t number_ = 0;
};

// The receiver's half, one for each peer.
class Freshness {
 public:
  enum class News { kFresh, kRestarted, kRepeated, kOutdated };

  News on_heartbeat(const Heartbeat& m) {
    if (m.boot >= kMaxBoot || (m.boot == boot_ && m.number == number_)) return News::kRepeated;
    if (m.boot < boot_ || (m.boot == boot_ && m.number < number_)) return News::kOutdated;
    const bool restarted = boot_ != 0 && m.boot > boot_;
    boot_ = m.boot;
    number_ = m.number;
    return restarted ? News::kRestarted : News::kFresh;
  }
  Outdated objection() const { return {boot_, number_}; }

 private:
  uint64_t boot_ = 0;
  uint64_t number_ = 0;
};

}  // namespace holdfast::detect
