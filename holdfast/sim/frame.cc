#include "holdfast/sim/frame.h"

#include <cstring>

#include "holdfast/base/checksum.h"

namespace holdfast::sim {
namespace {

constexpr size_t kHeader = 4 + 4 + 8 + 8 + 8;  // crc, payload length, cluster, from, to

template <class T>
void put(std::string& out, T v) {
  char raw[sizeof v];
  std::memcpy(raw, &v, sizeof v);
  out.append(raw, sizeof v);
}
template <class T>
T get(std::string_view in, size_t at) {
  T v;
  std::memcpy(&v, in.data() + at, sizeof v);
  return v;
}

}  // namespace

std::string encode_frame(const Frame& frame) {
  std::string body;
  put<uint32_t>(body, static_cast<uint32_t>(frame.payload.size()));
  put<uint64_t>(body, frame.cluster);
  put<uint64_t>(body, frame.from.value());
  put<uint64_t>(body, frame.to.value());
  body.append(frame.payload);
  std::string out;
  put<uint32_t>(out, crc32c(body));
  return out + body;
}

bool decode_frame(std::string_view bytes, Frame& frame) {
  if (bytes.size() < kHeader) return false;
  if (get<uint32_t>(bytes, 0) != crc32c(bytes.substr(4))) return false;
  if (get<uint32_t>(bytes, 4) != bytes.size() - kHeader) return false;
  frame.cluster = get<uint64_t>(bytes, 8);
  frame.from = NodeId(get<uint64_t>(bytes, 16));
  frame.to = NodeId(get<uint64_t>(bytes, 24));
  frame.payload = bytes.substr(kHeader);
  return true;
}

}  // namespace holdfast::sim
