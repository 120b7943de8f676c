// The vocabulary of SWIM membership: what members know of each other, messages, events, configuration.
//
// Sources: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group Membership Protocol"
// (DSN 2002); Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection" (DSN-W
// 2018). docs/protocols/swim.md has the whole protocol.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "holdfast/base/codec.h"
#include "holdfast/detect/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::detect {

enum class MemberState {
  kAlive,
  kSuspect,  // did not answer; it may refute
  kDead,
  kLeft,  // went by its own will
};
constexpr MemberState last_value(MemberState) { return MemberState::kLeft; }

// What is said about a member. Of two about one member the one with the greater (incarnation, state) holds: an order
// without ties, so that knowledge is merged in any sequence, any number of times.
struct Update {
  NodeId node;
  uint64_t incarnation = 0;  // raised by `node` alone, to refute; and by each new life of it
  MemberState state = MemberState::kAlive;
  NodeId by;   // kSuspect, kDead: whose observation it is; suspicions by several confirm each other
  Slice meta;  // the member's own description, opaque here; empty in suspicions and deaths that are merely passed on
};

// --- Messages. `gossip`: updates on their way, as many as fit. -------------------------------------------------------

// "Do you run?"
struct Ping {
  uint64_t number = 0;
  std::vector<Update> gossip;
};
// To a proxy: ask `target` for me. It passes the answer on; when none comes in time and `nack` is set, it says so,
// which shows that at least the proxy hears me.
struct PingRequest {
  uint64_t number = 0;
  NodeId target;
  bool nack = false;
  std::vector<Update> gossip;
};
struct Ack {
  uint64_t number = 0;
  std::vector<Update> gossip;
};
struct Nack {
  uint64_t number = 0;
};
// Anti-entropy, and how one joins: "this is me, and what I know has this digest".
struct SyncRequest {
  codec::Fixed64 digest;
  Update self;
};
// What the sender knows, in as many messages as it takes. `your_turn` (in the last one): send me yours.
struct SyncState {
  bool your_turn = false;
  std::vector<Update> members;
};
using SwimWire = std::variant<Ping, PingRequest, Ack, Nack, SyncRequest, SyncState>;

// --- Events. Those of types.h as well: Suspected; Restored (a member that was suspect or dead is alive); Forgotten (it
// was dead or had left); Full; Unanswered. ----------------------------------------------------------------------------

// A member that was not known, or had left.
struct Joined {
  NodeId node;
  Slice meta;
};
// A member describes itself differently: most likely a new life of it.
struct Changed {
  NodeId node;
  Slice meta;
};
// Nobody could refute the suspicion in time.
struct Died {
  NodeId node;
};
struct Left {
  NodeId node;
};
// Somebody else lives under this process's identity.
struct Conflict {
  Slice meta;  // how it describes itself
};
// leave() is done: the process may end.
struct Departed {};
using SwimEvent = std::variant<Suspected, Restored, Joined, Changed, Died, Left, Forgotten, Full, Unanswered, Conflict,
                               Departed>;

// --- Configuration ---------------------------------------------------------------------------------------------------

struct SwimConfig {
  NodeId self;
  uint64_t seed = 0;
  uint64_t incarnation =
      1;       // at the start: a reading of the wall clock, so that it mostly exceeds those of former lives
  Slice meta;  // at most max_meta_bytes
  std::vector<NodeId> seeds;  // whom to join; may name this process

  // The protocol period T' of the paper; it must be well above a round trip, and above the timeout.
  Duration probe_interval = Duration::seconds(1);
  Duration probe_timeout = Duration::millis(500);
  size_t proxies = 3;  // k of the paper

  // A suspicion lasts alpha * max(1, log10 n) * probe_interval at least, and beta times that at most: it begins with
  // the most and sinks to the least with `confirmations` suspicions by others (Lifeguard, section IV-B).
  uint32_t suspicion_alpha = 5;
  uint32_t suspicion_beta = 6;
  uint32_t confirmations = 3;
  uint32_t retransmit = 4;  // lambda: an update is sent lambda * ceil(log10(n + 1)) times by each member that learns it
  uint32_t max_local_health = 8;

  bool lifeguard = true;        // local health, dynamic suspicion timeouts, buddies; without: plain SWIM
  bool heed_own_pauses = true;  // own_pace.h

  Duration sync_interval = Duration::seconds(30);
  Duration join_pause_first = Duration::seconds(1);  // between attempts to join, doubling; half of it is random
  Duration join_pause_last = Duration::seconds(30);
  Duration reclaim_after = Duration::seconds(600);  // so long the dead are remembered, and looked for

  // Bounds. No message is longer; one that would be carries less gossip. At least 600, and twice max_meta_bytes.
  size_t max_message_bytes = 1400;
  size_t max_meta_bytes = 256;
  size_t max_members = 10'000;  // remembered, the dead included; more are refused
  size_t max_relays = 256;      // probes on behalf of others at once
};

// Beyond this no incarnation is believed: a damaged or hostile one could not be topped.
inline constexpr uint64_t kMaxIncarnation = uint64_t{1} << 62;

}  // namespace holdfast::detect
