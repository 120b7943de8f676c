// What simulated clients and members say to each other: the store's API as messages on a connection.
#pragma once

#include <variant>

#include "holdfast/store/api.h"

namespace holdfast::sim {

// Endpoints from here on are clients. (Members that are added get identities from all of 64 bits.)
inline constexpr NodeId kFirstClient(~uint64_t{0xfffff});
inline bool is_client(NodeId endpoint) { return endpoint >= kFirstClient; }
// The process of a member's twin (pbft::Lie::kTwins): no member's number and no client's.
inline constexpr uint64_t kFirstTwin = 500'000;
constexpr NodeId twin_of(NodeId id) { return NodeId(kFirstTwin + id.value()); }

struct ClientCall {
  uint64_t id = 0;  // the client's
  bool has_leader = false;
  store::Request request;
};
// The client has lost patience; whatever happens, it will not hear of it.
struct ClientAbandon {
  uint64_t id = 0;
};
struct ClientAnswer {
  uint64_t id = 0;
  store::Response response;
};
struct WatchOpen {
  uint64_t stream = 0;  // the client's, never reused
  store::WatchCreateRequest create;
};
struct WatchAsk {
  uint64_t stream = 0;
  store::WatchRequest request;
};
struct WatchClose {
  uint64_t stream = 0;
};
struct WatchAnswer {
  uint64_t stream = 0;
  uint64_t number = 0;  // from 1 on each stream: a gap is a broken connection
  store::WatchResponse response;
};
using ClientWire = std::variant<ClientCall, ClientAbandon, WatchOpen, WatchAsk, WatchClose, ClientAnswer, WatchAnswer>;

}  // namespace holdfast::sim
