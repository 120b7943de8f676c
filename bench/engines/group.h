// A group of members of one replicated key-value machine: a thread, an event loop, sockets, a log and snapshots on disk
// for each, as in production; and closed-loop clients that sit at the members.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/replica/machine.h"

namespace holdfast::bench {

struct Load {
  replica::EngineKind engine = replica::EngineKind::kRaft;
  uint64_t members = 3;
  uint64_t clients = 256;
  size_t request_bytes = 256;
  double warm_up_seconds = 1.5, seconds = 4;
  std::string directory;  // for the members' data; emptied

  // Until somebody leads, and the first seconds are over.
  double before_counting() const { return 2.5 + warm_up_seconds; }
};

struct Figures {
  uint64_t requests = 0, failures = 0;
  double seconds = 0;
  double cpu_seconds = 0;           // of all members and their clients
  std::vector<float> latencies_ms;  // sorted

  double per_second() const { return static_cast<double>(requests) / seconds; }
  double cpu_micros() const { return cpu_seconds * 1e6 / static_cast<double>(std::max<uint64_t>(requests, 1)); }
  double percentile(double p) const {
    if (latencies_ms.empty()) return 0;
    return latencies_ms[static_cast<size_t>(p * static_cast<double>(latencies_ms.size() - 1))];
  }
};

// Runs a load, all members in this process; `split`: the meter is on meanwhile.
Figures run(const Load& load, bool split);
// Likewise, each member a process of its own.
Figures run_as_processes(const Load& load);

}  // namespace holdfast::bench
