// Log time as PBFT keeps it: the primary stamps each batch, backups judge the stamp by their own clocks.
//
// A stamp is believed when it does not fall, and lies no farther than a slack from what the backup's own monotonic
// clock says has passed since its anchor, give or take an eighth for clocks that drift. The anchor moves to the latest
// executed stamp only every `anchor_interval`, so a lying primary distorts time by at most slack / interval + 1/8.
// A replica that was away has no anchor that means anything: it believes until it has executed a batch of the present.
#pragma once

#include <algorithm>

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Stamps {
 public:
  explicit Stamps(const Config& config) : config_(config) {}

  // After a start, or a jump of the state: log time stood at `stamp_ms`, some unknown while ago.
  void lose(Time now, int64_t stamp_ms) {
    anchor_ = now;
    anchor_ms_ = executed_ms_ = accepted_ms_ = stamp_ms;
    trusted_ = false;
  }
  // A batch with this stamp was executed; `live`: it was proposed and accepted just now.
  void executed(Time now, int64_t stamp_ms, bool live) {
    executed_ms_ = std::max(executed_ms_, stamp_ms);
    if (!live) return;
    if (!trusted_ || now - anchor_ > config_.anchor_interval) {
      anchor_ = now;
      anchor_ms_ = executed_ms_;
      trusted_ = true;
    }
  }
  // What the primary writes now.
  int64_t read(Time now) const {
    return std::max({executed_ms_, accepted_ms_, anchor_ms_ + std::max<int64_t>(0, (now - anchor_).millis())});
  }
  // What a backup thinks of it.
  bool believes(Time now, int64_t stamp_ms) const {
    if (stamp_ms < executed_ms_ || stamp_ms < 0 || stamp_ms > static_cast<int64_t>(kMaxNumber)) return false;
    if (!trusted_) return true;
    const int64_t passed = std::max<int64_t>(0, (now - anchor_).millis());
    const int64_t slack = config_.stamp_slack.millis() + passed / 8;
    return stamp_ms >= anchor_ms_ + passed - slack && stamp_ms <= anchor_ms_ + passed + slack;
  }
  void accepted(int64_t stamp_ms) { accepted_ms_ = std::max(accepted_ms_, stamp_ms); }
  // A new view: proposals that were accepted may have fallen out of the order.
  void restart() { accepted_ms_ = executed_ms_; }
  int64_t executed_ms() const { return executed_ms_; }

 private:
  const Config& config_;
  Time anchor_;
  int64_t anchor_ms_ = 0, executed_ms_ = 0, accepted_ms_ = 0;
  bool trusted_ = false;
};

}  // namespace holdfast::pbft
