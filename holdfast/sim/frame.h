// The check that the transport between members makes on every frame, so that the simulator can show that damage on the
// wire is noticed: who it is from and for, in which cluster, and a CRC-32C over all of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "holdfast/base/slice.h"
#include "holdfast/model/types.h"

namespace holdfast::sim {

inline constexpr uint64_t kClusterId = 0x686f6c6466617374;

struct Frame {
  uint64_t cluster = kClusterId;
  NodeId from, to;
  std::string_view payload;
};

std::string encode_frame(const Frame& frame);
// False when the bytes are not an undamaged frame. `frame.payload` points into `bytes`.
bool decode_frame(std::string_view bytes, Frame& frame);

}  // namespace holdfast::sim
