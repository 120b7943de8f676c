// The peer protocol over any bytes in any portions: raw, as a stream that claims to be frames, and wrapped into good
// frames, so that the control messages are reached. No read past the end, bounded memory; what was framed comes back.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/base/print.h"
#include "holdfast/base/random.h"
#include "holdfast/runtime/peer_frame.h"

namespace {

using namespace holdfast;           // NOLINT: a program of one page
using namespace holdfast::runtime;  // NOLINT

constexpr size_t kMaxBody = size_t{1} << 16;

Status feed(std::string_view bytes, bool preamble, uint64_t seed, std::vector<Frame>& out) {
  FrameReader reader(kMaxBody, preamble);
  Random random(seed);
  while (true) {
    while (true) {
      auto next = reader.next();
      if (!next.ok()) {
        ensure(reader.next().status() == next.status(), "a failed reader stays failed");
        return next.status();
      }
      if (!next->has_value()) break;
      ensure((*next)->body.size() <= kMaxBody, "a body is not longer than allowed");
      out.push_back(std::move(**next));
    }
    if (bytes.empty()) return absl::OkStatus();
    const FrameReader::Space space = reader.space();
    ensure(space.size > 0, "there is space for more");
    const size_t n = std::min({space.size, bytes.size(), 1 + random.below(random.chance(1, 2) ? 4 : 100'000)});
    std::memcpy(space.data, bytes.data(), n);
    reader.filled(n);
    bytes.remove_prefix(n);
  }
}

void as_stream(std::string_view input, uint64_t seed) {
  std::vector<Frame> once, twice;
  const Status first = feed(input, seed % 2 == 0, seed, once);
  const Status second = feed(input, seed % 2 == 0, seed + 2, twice);
  ensure(first == second && once.size() == twice.size(), "the portions in which bytes arrive do not matter");
}

void as_frames(std::string_view input, uint64_t seed) {
  Random random(seed);
  std::string stream(kPeerPreamble);
  std::vector<std::string> bodies;
  while (!input.empty()) {
    const size_t n = std::min<size_t>(input.size(), 1 + random.below(200));
    std::string body(input.substr(0, n));
    if (random.chance(1, 8)) body.resize(random.below(kMaxBody));
    input.remove_prefix(n);
    stream += frame(FrameKind::kControl, Chain(Slice::copy_of(body))).flatten().view();
    bodies.push_back(std::move(body));
  }
  std::vector<Frame> got;
  ensure(feed(stream, true, seed, got).ok(), "good frames are read");
  ensure(got.size() == bodies.size(), "every frame comes back");
  for (size_t i = 0; i < got.size(); ++i) {
    ensure(got[i].body.view() == bodies[i], "as it was");
    const auto control = codec::decode<Control>(got[i].body);
    if (!control.ok()) continue;
    const auto again = codec::decode<Control>(codec::encode_flat(*control));
    ensure(again.ok() && print(*again) == print(*control), "a control message survives the round trip");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  as_stream(input, data[0]);
  as_frames(input, data[0]);
  return 0;
}
