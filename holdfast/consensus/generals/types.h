// The vocabulary of the Byzantine generals: orders, messages, the event, configuration.
//
// Source: Lamport, Shostak, Pease, "The Byzantine Generals Problem", TOPLAS 4(3), 1982.
// docs/protocols/byzantine-generals.md has both protocols.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/crypto/crypto.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/types.h"

namespace holdfast::generals {

enum class Order { kRetreat, kAttack };
constexpr Order last_value(Order) { return Order::kAttack; }
// What a general takes who was told nothing, or contradictory things.
inline constexpr Order kDefaultOrder = Order::kRetreat;

// --- Messages --------------------------------------------------------------------------------------------------------

// OM: `path` says who has told whom: the commander first, the sender last. Its length is the round.
struct Oral {
  std::vector<NodeId> path;
  Order order = kDefaultOrder;
};

// SM: the commander's signature first, the sender's last. Each signs the order and all signers up to itself.
struct Signing {
  NodeId signer;
  crypto::Signature signature;
};
struct Written {
  Order order = kDefaultOrder;
  std::vector<Signing> chain;
};

// --- Stable records: none. A general that crashes is one of the faulty ones, and says nothing when it comes back. ----

struct Nothing {
  bool unused = false;
};
using Record = std::variant<Nothing>;

// --- The event -------------------------------------------------------------------------------------------------------

// At the end of the last round, once. The commander obeys its own order.
struct Obeyed {
  Order order = kDefaultOrder;
};
using Event = std::variant<Obeyed>;

// --- Configuration ---------------------------------------------------------------------------------------------------

struct Config {
  NodeId self;
  std::vector<NodeId> generals;  // the commander first; the lieutenants in the same order at everybody
  uint32_t traitors = 1;         // how many to withstand: m. There are m + 1 rounds
  // Of a round: longer than the longest delay of a message, the time to compute, and the difference of clocks together.
  // What has not come by its end is missing.
  Duration round = Duration::seconds(1);
  uint64_t battle = 0;  // SM: signatures of one battle mean nothing in another
};

inline constexpr size_t kMaxGenerals = 64;
inline constexpr size_t kMaxPaths = 200'000;  // that one general of OM remembers

// kInvalidArgument: nobody, somebody twice, not among them, or too large to be computed.
Status check(const Config& config);

}  // namespace holdfast::generals
