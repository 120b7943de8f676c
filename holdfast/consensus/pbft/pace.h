// Whether the primary keeps pace. A faulty one can do its work just fast enough that no request times out, and so make
// the group as slow as the timeout (Clement et al., "Making Byzantine Fault Tolerant Systems Tolerate Byzantine
// Faults", 2009). What a primary does between a request and its proposal is less than what the others do between the
// proposal and their agreement, which it cannot delay; so the second is the measure for the first.
#pragma once

#include <algorithm>

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Pace {
 public:
  explicit Pace(const Config& config) : config_(config) {}

  // A request that this replica had seen waiting, its client's oldest, was proposed after `lag`.
  void proposed(Duration lag) {
    lag_ = mean(lag_, lag.nanos(), samples_);
    ++samples_;
    if (samples_ % kCalm == 0) strikes_ = 0;
  }
  // A proposal that this replica had accepted was decided after `span`.
  void agreed(Duration span) {
    agreement_ = mean(agreement_, span.nanos(), agreements_);
    ++agreements_;
  }
  bool too_slow() const { return samples_ >= kFew && lag_ > (limit() << strikes_) && agreements_ >= kFew; }
  // The primary was voted out for its pace: the next one is given more time, so that a slow world does not change views
  // for ever.
  void strike() { strikes_ = std::min(strikes_ + 1, 6); }
  void restart() { samples_ = agreements_ = lag_ = agreement_ = 0; }

 private:
  static constexpr int64_t kFew = 16;
  static constexpr int64_t kCalm = 256;
  static int64_t mean(int64_t old, int64_t value, int64_t count) { return count == 0 ? value : (old * 7 + value) / 8; }
  int64_t limit() const { return std::max(config_.pace_floor.nanos(), config_.pace_factor * agreement_); }

  const Config& config_;
  int64_t lag_ = 0, agreement_ = 0;
  int64_t samples_ = 0, agreements_ = 0;
  int strikes_ = 0;
};

}  // namespace holdfast::pbft
