// One process's monotonic clock: true time seen through an offset and a rate that faults change (T2 drift, T3 freeze,
// T5 another origin after a restart).
#pragma once

#include <cstdint>

#include "holdfast/model/types.h"

namespace holdfast::sim {

class SimClock {
 public:
  // Reads `local` at true time `now` and advances at `rate_ppm` millionths of true time.
  SimClock(Time now, Time local, int64_t rate_ppm = 1'000'000) : base_(now), local_(local), rate_ppm_(rate_ppm) {}

  Time read(Time now) const {
    // 128 bits: nanoseconds times a million leave 64 after three hours.
    const __int128 passed = static_cast<__int128>((now - base_).nanos()) * rate_ppm_ / 1'000'000;
    return local_ + Duration::nanos(static_cast<int64_t>(passed));
  }
  // The first true time at which the clock reads `local` or more, if nothing changes; never for a frozen clock.
  Time when(Time now, Time local) const {
    if (local == Time::never()) return Time::never();
    if (read(now) >= local) return now;
    if (rate_ppm_ == 0) return Time::never();
    const __int128 wait = (static_cast<__int128>((local - local_).nanos()) * 1'000'000 + rate_ppm_ - 1) / rate_ppm_;
    const Time at = base_ + Duration::nanos(static_cast<int64_t>(wait));
    return at > now ? at : now + Duration::nanos(1);
  }
  // From now on at another rate; the reading is continuous.
  void set_rate(Time now, int64_t rate_ppm) {
    local_ = read(now);
    base_ = now;
    rate_ppm_ = rate_ppm;
  }
  // Steps forward: what a process sees that slept through a suspended machine.
  void step(Time now, Duration forward) {
    local_ = read(now) + forward;
    base_ = now;
  }
  int64_t rate_ppm() const { return rate_ppm_; }

 private:
  Time base_;
  Time local_;
  int64_t rate_ppm_;
};

}  // namespace holdfast::sim
