// The quality of service of a failure detector as Chen, Toueg and Aguilera measure it ("On the Quality of Service of
// Failure Detectors", section 2): how fast it is, how often it is wrong, and for how long.
#pragma once

#include <string>
#include <vector>

#include "bench/detect/crowd.h"

namespace holdfast::bench {

enum class Detector { kHeartbeat, kProbe, kPhi, kSwim, kLifeguard };
const char* name_of(Detector detector);

struct Trial {
  Detector detector = Detector::kSwim;
  size_t members = 30;
  Weather weather;
  uint64_t seed = 1;
  Duration warm_up = Duration::seconds(60);
  Duration lasts = Duration::seconds(300);
  size_t crashes = 0;  // spread over the first half; 0: one in ten members, at least one
  // The knob: the timeout in periods (heartbeat, probe), the threshold (phi), alpha (SWIM). 0: the default.
  double knob = 0;
};

struct Quality {
  // In seconds, over all pairs of a crashed member and one that runs and is not starved: until the last verdict.
  std::vector<double> detection;  // sorted
  size_t undetected = 0;
  // Verdicts on members that run and are not starved, by members that are.
  double mistakes_per_member_hour = 0;
  double mistake_seconds = 0;      // mean
  double least_rate = 0;           // that one mistake would have made
  // The same verdicts by members that are starved, per one of them and hour; and what one would have made. 0: no such.
  double starved_mistakes = 0, starved_least = 0;
  double messages = 0, bytes = 0;  // per member and second

  double detection_at(double share) const;  // a quantile; 0 when there is none
};

Quality measure(const Trial& trial);

}  // namespace holdfast::bench
