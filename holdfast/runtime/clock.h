// The clock of a member: monotonic, and it goes on while the machine is suspended, so that a leader lease that was held
// before a suspension has run out after it.
#pragma once

#include <ctime>

#include "holdfast/base/assert.h"
#include "holdfast/model/types.h"

namespace holdfast::runtime {

inline Time now() {
  timespec t{};
  ensure(clock_gettime(CLOCK_BOOTTIME, &t) == 0, "the kernel has a boot-time clock");
  return Time::at_nanos(int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

}  // namespace holdfast::runtime
