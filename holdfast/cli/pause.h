// Waiting between tries, outside of the cores.
#pragma once

#include <chrono>
#include <random>
#include <thread>

#include "holdfast/model/retry.h"

namespace holdfast::cli {

inline void pause_for(Duration time) { std::this_thread::sleep_for(std::chrono::nanoseconds(time.nanos())); }

// A series of tries that no other process draws alike.
inline Retry fresh_retry(const RetryPolicy& policy, Time now = Time()) {
  return Retry(policy, std::random_device()(), now);
}

}  // namespace holdfast::cli
