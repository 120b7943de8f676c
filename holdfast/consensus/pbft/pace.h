// Whether the primary keeps pace. A faulty one can do its work just fast enough that no request times out, and so make
// the group, or one client of it, as slow as the timeout (Clement et al., "Making Byzantine Fault Tolerant Systems
// Tolerate Byzantine Faults", 2009). What a primary does between a request and its proposal is less than what the others
// do between the proposal and their agreement, which it cannot delay; so the second is the measure for the first.
//
// All requests together are measured, and those of each client by themselves. One client may be far from the primary, or
// send to it last, which is not the primary's fault: of its requests only that time counts which lies behind the moment
// at which this replica passed them on to the primary.
#pragma once

#include <algorithm>
#include <map>

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Pace {
 public:
  explicit Pace(const Config& config) : config_(config) {}

  // A request that this replica had seen waiting, its client's oldest, was proposed after `lag`; it would have been
  // passed on after `grace`.
  void proposed(NodeId client, Duration lag, Duration grace) {
    all_.add(lag);
    clients_[client].add(std::max(lag - grace, Duration()));
    ++served_;
    if (served_ % kCalm == 0) strikes_ = 0;
  }
  // A proposal that this replica had accepted was decided after `span`.
  void agreed(Duration span) { agreement_.add(span); }
  bool too_slow() const {
    if (agreement_.samples < kFew) return false;
    const int64_t limit = std::max(config_.pace_floor.nanos(), config_.pace_factor * agreement_.nanos) << strikes_;
    const auto slow = [&](const Mean& m) { return m.samples >= kFew && m.nanos > limit; };
    return slow(all_) || std::any_of(clients_.begin(), clients_.end(), [&](const auto& c) { return slow(c.second); });
  }
  // The primary was voted out for its pace: the next one is given more time, so that a slow world does not change views
  // for ever.
  void strike() { strikes_ = std::min(strikes_ + 1, 6); }
  void restart() {
    all_ = agreement_ = {};
    clients_.clear();
    served_ = 0;
  }

 private:
  static constexpr int64_t kFew = 16;
  static constexpr int64_t kCalm = 256;
  struct Mean {
    int64_t nanos = 0, samples = 0;
    void add(Duration d) {
      nanos = samples == 0 ? d.nanos() : (nanos * 7 + d.nanos()) / 8;
      ++samples;
    }
  };

  const Config& config_;
  Mean all_, agreement_;
  std::map<NodeId, Mean> clients_;  // of those of the configuration: others propose nothing
  int64_t served_ = 0;
  int strikes_ = 0;
};

}  // namespace holdfast::pbft
