// Datagrams between the members of a group (docs/formats/datagram.md): the bytes, and which ones are news.
//
// With keys, a datagram is encrypted and authenticated as a whole by a key that the group shares (XChaCha20-Poly1305);
// the first key seals, every key opens, so that a key is exchanged in three steps: add the new one behind the old one
// everywhere, then put it first, then take the old one away. Without keys a CRC-32C detects damage, and whoever can
// send to the port can speak for anybody: then the port belongs into a trusted network.
//
// Replay. A datagram is named by (sender, session, number). A receiver takes each at most once: within the sender's
// present session by a window over the last 1024 numbers, and none of an earlier session. Sessions are readings of the
// wall clock at the start; a sender whose clock went back is told the session that is known (Stale) and goes on above
// it. What remains: a receiver that has just started remembers nothing, so each recorded datagram can be shown to it
// once, until it hears from the living sender. The protocols above bear that: what they learn only grows (SWIM), or is
// asked for by a random number (probes), or named in order (heartbeats).
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/base/status.h"
#include "holdfast/crypto/crypto.h"
#include "holdfast/model/types.h"

namespace holdfast::runtime {

// A message for whoever is above.
struct Payload {
  Slice bytes;
};
// "I know a later session of yours."
struct Stale {
  uint64_t session = 0;
};

struct Datagram {
  codec::Fixed64 group;  // a datagram of another group is refused
  codec::Fixed64 from;
  codec::Fixed64 to;  // zero: whoever is at this address
  uint64_t session = 0;
  uint64_t number = 0;
  std::variant<Payload, Stale> content;
};

// By how much a datagram is longer than its payload, at most.
inline constexpr size_t kDatagramOverhead = 100;
inline constexpr size_t kMaxGroupKeys = 8;
inline constexpr uint64_t kMaxSession = uint64_t{1} << 62;

using GroupKeys = std::vector<crypto::SharedKey>;

// `nonce` is random; it is used when there is a key.
std::string encode_datagram(const GroupKeys& keys, const crypto::Nonce& nonce, const Datagram& datagram);

// kUnauthenticated: sealed by none of our keys, not sealed though we have keys, or sealed though we have none.
// kDataLoss: damaged or no datagram. kUnimplemented: of a newer version.
StatusOr<Datagram> decode_datagram(const GroupKeys& keys, std::string_view bytes);

// Text with one key per line, as 64 hexadecimal digits or as base64 of 32 bytes; # begins a comment. Errors name the
// line and never quote a key.
StatusOr<GroupKeys> parse_group_keys(std::string_view text);

// Which datagrams have been seen, for all senders.
class ReplayFilter {
 public:
  static constexpr size_t kWindow = 1024;

  enum class News { kFresh, kRepeated, kStale };
  explicit ReplayFilter(size_t max_senders = 10'000) : max_senders_(max_senders) {}
  // Only for what was opened. When there are too many senders, a new one displaces the one heard longest ago.
  News on_datagram(uint64_t from, uint64_t session, uint64_t number);
  // The latest session seen of `from`.
  uint64_t session_of(uint64_t from) const;

 private:
  struct Sender {
    uint64_t session = 0;
    uint64_t highest = 0;
    std::bitset<kWindow> seen;  // by number modulo the window
    uint64_t heard = 0;         // in the order of datagrams
  };
  const size_t max_senders_;
  uint64_t datagrams_ = 0;
  std::map<uint64_t, Sender> senders_;
};

}  // namespace holdfast::runtime
