// Requests that wait to be ordered, and how long they have waited.
//
// Bounded per client in number and bytes: what it sends itself by its window, and what others pass on for it by a share of
// each, so that a client which keeps its window full cannot make the primary drop what a backup waits for. Every client
// has its turn: batches are filled round robin, and each client's oldest request is timed by itself, so that a primary
// which serves all but one is found out.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "holdfast/consensus/pbft/client_table.h"
#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Pool {
 public:
  // Whether the signature of a request is its client's.
  using Check = std::function<bool(const SignedRequest&)>;

  explicit Pool(const Config& config) : config_(config) {}
  // What a request counts for, here and in a batch.
  static size_t bytes_of(const Request& request);

  // Whether the very same request (or one under its id) waits already.
  const SignedRequest* find(const RequestId& id) const;
  // The caller knows that it is its client's; `proven`: the signature was checked, too. False: known, unwanted, or its
  // client has too much waiting.
  bool add(Time now, const SignedRequest& request, NodeId from, bool proven, const ClientTable& table);
  // A proposal with it was accepted. How long it had been its client's oldest one: none if it is not, or not known.
  std::optional<Duration> proposed(Time now, const RequestId& id);
  // Drops what the table no longer wants of a client; its next request's time begins.
  void settle(Time now, NodeId client, const ClientTable& table);
  // All that waits counts as not proposed, and every time begins anew: a new view.
  void restart(Time now);
  template <class Stays>
  void keep(Stays&& stays) {
    for (auto& [id, client] : clients_) {
      while (!stays(id) && !client.waiting.empty()) erase(client, client.waiting.begin());
    }
    std::erase_if(clients_, [](const auto& c) { return c.second.waiting.empty(); });
  }

  // The next batch: not proposed yet, each client in turn. What is not proven is checked, and dropped if it is forged.
  std::vector<SignedRequest> take(Time now, const Check& check);
  bool anything_to_take() const { return untaken_ > 0; }
  uint64_t operations_to_take() const { return untaken_operations_; }
  // When the longest waiting oldest request of any client began to wait. never(): nothing waits.
  Time oldest() const;
  // Before the primary is blamed: checks each client's oldest request, which is what the time is counted from. One that is
  // forged is gone.
  void drop_forged(Time now, const Check& check);
  // Requests, not proposed, that have waited for `patience`; and again after twice as long, and so on.
  std::vector<SignedRequest> overdue(Time now, Duration patience);
  // When overdue() next has something; never() when not.
  Time next_overdue(Duration patience) const;

 private:
  struct Waiting {
    SignedRequest request;
    Time since;
    NodeId giver;          // its client, or who passed it on
    uint64_t arrived = 0;  // as the so manieth
    bool proven = false;
    bool proposed = false;
    uint64_t passes = 0;  // how often it was handed out by overdue()
    Time passed = {};     // when, last
  };
  using Key = std::pair<uint64_t, uint64_t>;  // incarnation, sequence
  struct Share {
    size_t requests = 0, bytes = 0;
  };
  struct Client {
    std::map<Key, Waiting> waiting;
    std::map<NodeId, Share> given;  // by whom
  };
  void taken(Waiting& w);
  bool has_room(const Client& client, NodeId id, NodeId giver, size_t bytes) const;
  static Waiting* next_to_take(Client& client);
  static Time pass_due(const Waiting& w, Duration patience);
  void erase(Client& client, std::map<Key, Waiting>::iterator at);
  // False: it was forged, and is gone.
  bool prove(Time now, Client& client, std::map<Key, Waiting>::iterator at, const Check& check);

  const Config& config_;
  size_t untaken_ = 0;  // not proposed
  uint64_t untaken_operations_ = 0;
  std::map<NodeId, Client> clients_;
  NodeId turn_;  // whose turn was last
  uint64_t arrivals_ = 0;
};

}  // namespace holdfast::pbft
