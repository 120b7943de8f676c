// Any bytes as a datagram, with and without keys; and datagrams that were sealed and then changed. Nothing changed is
// opened, nothing is read past the end; what is opened survives the round trip.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "holdfast/base/assert.h"
#include "holdfast/base/print.h"
#include "holdfast/base/random.h"
#include "holdfast/runtime/datagram.h"

namespace {

using namespace holdfast;           // NOLINT: a program of one page
using namespace holdfast::runtime;  // NOLINT

void any_bytes(const GroupKeys& keys, std::string_view bytes) {
  const auto datagram = decode_datagram(keys, bytes);
  if (!datagram.ok()) return;
  const auto again = decode_datagram(keys, encode_datagram(keys, crypto::Nonce(), *datagram));
  ensure(again.ok() && print(*again) == print(*datagram), "a datagram survives the round trip");
}

void changed(const GroupKeys& keys, std::string_view payload, Random& random) {
  const Datagram datagram{{random.next()}, {1}, {2}, random.next() >> 4, 7, Payload{Slice::copy_of(payload)}};
  std::string bytes = encode_datagram(keys, crypto::Nonce(), datagram);
  ensure(decode_datagram(keys, bytes).ok(), "what was sealed is opened");
  const size_t at = random.below(bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random.below(255)));
  ensure(!decode_datagram(keys, bytes).ok(), "what was changed is not");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  Random random(data[0]);
  GroupKeys keys(1 + data[0] % 3);
  for (auto& key : keys) key.bytes.fill(static_cast<uint8_t>(random.next()));
  any_bytes({}, input);
  any_bytes(keys, input);
  any_bytes({}, "HFD1" + std::string(1, '\0') + std::string(input));
  any_bytes(keys, "HFD1\1" + std::string(input));
  changed({}, input, random);
  changed(keys, input, random);
  (void)parse_group_keys(input);
  ReplayFilter filter(4);
  for (const char c : input)
    filter.on_datagram(static_cast<uint8_t>(c) % 8, static_cast<uint8_t>(c) / 16, random.below(3000));
  return 0;
}
