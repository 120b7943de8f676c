// Whether the primary keeps pace. A faulty one can do its work just fast enough that no request times out, and so make
// the group, or one client of it, as slow as the timeout (Clement et al., "Making Byzantine Fault Tolerant Systems
// Tolerate Byzantine Faults", 2009). What a primary does between a request and its proposal is less than what the others
// do between the proposal and their agreement, which it cannot delay; so the second is the measure for the first.
//
// The requests of each client are measured by themselves. One client may be far from the primary, or leave it out, which is
// not the primary's fault: of its requests only that time counts which lies behind the moment at which this replica passed
// them on to the primary. The whole time counts if the primary takes it for most of the clients (their median).
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Pace {
 public:
  explicit Pace(const Config& config) : config_(config) {}

  // A request that this replica had seen waiting, its client's oldest, was proposed after `lag`; it would have been
  // passed on after `grace`.
  void proposed(NodeId client, Duration lag, Duration grace) {
    Client& c = clients_[client];
    c.whole.add(lag);
    c.passed_on.add(std::max(lag - grace, Duration()));
    ++served_;
    if (served_ % kCalm == 0) strikes_ = 0;
  }
  // A proposal that this replica had accepted was decided after `span`.
  void agreed(Duration span) { agreement_.add(span); }
  bool too_slow() const {
    if (agreement_.samples < kFew) return false;
    const int64_t limit = std::max(config_.pace_floor.nanos(), config_.pace_factor * agreement_.nanos) << strikes_;
    std::vector<int64_t> whole;
    for (const auto& [id, c] : clients_) {
      if (c.whole.samples < kFew) continue;
      if (c.passed_on.nanos > limit) return true;
      whole.push_back(c.whole.nanos);
    }
    if (whole.empty()) return false;
    const auto median = whole.begin() + static_cast<std::ptrdiff_t>((whole.size() - 1) / 2);
    std::nth_element(whole.begin(), median, whole.end());
    return *median > limit;
  }
  // The primary was voted out for its pace: the next one is given more time, so that a slow world does not change views
  // for ever.
  void strike() { strikes_ = std::min(strikes_ + 1, 6); }
  void restart() {
    agreement_ = {};
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

  struct Client {
    Mean whole, passed_on;
  };

  const Config& config_;
  Mean agreement_;
  std::map<NodeId, Client> clients_;  // of those of the configuration: others propose nothing
  int64_t served_ = 0;
  int strikes_ = 0;
};

}  // namespace holdfast::pbft
