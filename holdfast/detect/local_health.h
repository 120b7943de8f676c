// How far this process should trust its own observations (Lifeguard, section IV-A): a saturating counter that grows
// with every sign that it is itself slow or cut off, and sinks with every probe that succeeds. Probes take (score + 1)
// times as long.
#pragma once

#include <algorithm>
#include <cstdint>

#include "holdfast/base/planted.h"
#include "holdfast/model/types.h"

namespace holdfast::detect {

class LocalHealth {
 public:
  LocalHealth(uint32_t most, bool enabled) : most_(enabled ? most : 0) {}

  void worse(uint32_t by = 1) { score_ = planted<"V10">() ? 0 : std::min(most_, score_ + by); }
  void better() { score_ = score_ == 0 ? 0 : score_ - 1; }
  // 0: healthy.
  uint32_t score() const { return score_; }
  Duration scaled(Duration d) const { return d * (score_ + 1); }

 private:
  uint32_t most_;
  uint32_t score_ = 0;
};

}  // namespace holdfast::detect
