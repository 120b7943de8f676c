// Log time as PBFT keeps it: the primary stamps each batch, backups judge the stamp by their own clocks.
//
// Between two stamps no more log time may pass than real time, or leases would end early. So a primary adds only time
// that it has itself seen pass since it entered the view: log time stands still while views change.
//
// A stamp that falls is executed as if it were the one before: in a new view, batches of earlier ones with later stamps
// may come to lie before it. A stamp is believed when it lies no farther than a slack from what the backup's own
// monotonic clock says has passed, give or take an eighth for clocks that drift: ahead since its anchor, behind since
// its anchor or since it entered the view, whichever is later. The anchor moves to the latest executed stamp only every
// `anchor_interval`, so a lying primary distorts time by at most slack / interval + 1/8; or at once, when a quorum has
// agreed to a stamp that lies too far ahead for this backup alone.
// A replica that was away has no anchor that means anything: until it has executed a batch of the present it believes any
// stamp that is not more than a year ahead of the last that it executed. If f + 1 correct members are so, nobody stops a
// lying primary: log time may jump by a year, and leases end with it.
#pragma once

#include <algorithm>

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Stamps {
 public:
  explicit Stamps(const Config& config) : config_(config) {}

  // After a start, or a jump of the state: log time stood at `stamp_ms`, some unknown while ago.
  void lose(Time now, int64_t stamp_ms) {
    anchor_ = entered_ = now;
    anchor_ms_ = entered_ms_ = executed_ms_ = accepted_ms_ = stamp_ms;
    trusted_ = false;
  }
  // A view begins: proposals that were accepted before may have fallen out of the order.
  void enter(Time now) {
    entered_ = now;
    entered_ms_ = accepted_ms_ = executed_ms_;
  }
  // A batch with this stamp was executed; `live`: it was proposed and accepted just now.
  void executed(Time now, int64_t stamp_ms, bool live) {
    executed_ms_ = std::max(executed_ms_, stamp_ms);
    // A quorum believes what this member does not: its anchor was set too early, by a batch that had been on its way
    // for long. It would vote for nothing any more.
    const bool early = trusted_ && executed_ms_ > latest(now);
    if (!live && !early) return;
    if (early || !trusted_ || now - anchor_ > config_.anchor_interval) {
      anchor_ = now;
      anchor_ms_ = executed_ms_;
      trusted_ = true;
    }
  }
  // What the primary writes now.
  int64_t read(Time now) const { return std::max({executed_ms_, accepted_ms_, entered_ms_ + passed(entered_, now)}); }
  // What a backup thinks of it.
  bool believes(Time now, int64_t stamp_ms) const {
    if (stamp_ms < 0 || stamp_ms > static_cast<int64_t>(kMaxNumber)) return false;
    if (!trusted_) return stamp_ms <= executed_ms_ + kYear;
    if (stamp_ms > latest(now)) return false;
    const int64_t ahead = passed(anchor_, now);
    const bool anchored = anchor_ > entered_;
    const int64_t behind = anchored ? ahead : passed(entered_, now);
    return stamp_ms >= (anchored ? anchor_ms_ : entered_ms_) + behind - slack(behind);
  }
  void accepted(int64_t stamp_ms) { accepted_ms_ = std::max(accepted_ms_, stamp_ms); }
  int64_t executed_ms() const { return executed_ms_; }

 private:
  static constexpr int64_t kYear = int64_t{366} * 24 * 3600 * 1000;
  static int64_t passed(Time since, Time now) { return std::max<int64_t>(0, (now - since).millis()); }
  // The latest stamp that is believed.
  int64_t latest(Time now) const {
    const int64_t ahead = passed(anchor_, now);
    return anchor_ms_ + ahead + slack(ahead);
  }
  int64_t slack(int64_t passed) const { return config_.stamp_slack.millis() + passed / 8; }

  const Config& config_;
  Time anchor_, entered_;
  int64_t anchor_ms_ = 0, entered_ms_ = 0, executed_ms_ = 0, accepted_ms_ = 0;
  bool trusted_ = false;
};

}  // namespace holdfast::pbft
