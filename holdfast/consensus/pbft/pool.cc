#include "holdfast/consensus/pbft/pool.h"

#include <algorithm>

#include "holdfast/base/mark.h"

namespace holdfast::pbft {

namespace {
constexpr size_t kMostPassedOn = 16;  // at once, and of one client by each member
}

size_t Pool::bytes_of(const Request& request) {
  size_t n = 64;
  for (const Slice& o : request.operations) n += o.size() + 4;
  return n;
}

void Pool::taken(Waiting& w) {
  w.proposed = true;
  --untaken_;
  untaken_operations_ -= w.request.request.operations.size();
}

void Pool::erase(Client& client, std::map<Key, Waiting>::iterator at) {
  const auto share = client.given.find(at->second.giver);
  share->second.bytes -= bytes_of(at->second.request.request);
  if (--share->second.requests == 0) client.given.erase(share);
  if (!at->second.proposed) taken(at->second);
  client.waiting.erase(at);
}

const SignedRequest* Pool::find(const RequestId& id) const {
  const auto client = clients_.find(id.client);
  if (client == clients_.end()) return nullptr;
  const auto at = client->second.waiting.find({id.incarnation, id.sequence});
  return at != client->second.waiting.end() ? &at->second.request : nullptr;
}

bool Pool::has_room(const Client& client, NodeId id, NodeId giver, size_t bytes) const {
  const auto share = client.given.find(giver);
  if (share == client.given.end()) return true;
  const bool own = giver == id;
  return share->second.requests < (own ? config_.client_window : kMostPassedOn) &&
         share->second.bytes + bytes <= (own ? 8 : 2) * config_.max_request_bytes;
}

bool Pool::add(Time now, const SignedRequest& signed_request, NodeId from, bool proven, const ClientTable& table) {
  const Request& r = signed_request.request;
  if (!table.wants(r)) return false;
  Client& client = clients_[r.id.client];
  while (!client.waiting.empty() && client.waiting.begin()->first.first < r.id.incarnation) {
    erase(client, client.waiting.begin());
  }
  const size_t bytes = bytes_of(r);
  if (client.waiting.contains({r.id.incarnation, r.id.sequence})) return false;
  if (!client.waiting.empty() && client.waiting.begin()->first.first > r.id.incarnation) return false;
  if (!has_room(client, r.id.client, from, bytes)) {
    mark<"pbft.client_has_too_much_waiting">();
    return false;
  }
  Share& share = client.given[from];
  ++share.requests;
  share.bytes += bytes;
  ++untaken_;
  untaken_operations_ += r.operations.size();
  client.waiting.emplace(Key(r.id.incarnation, r.id.sequence), Waiting{signed_request, now, from, ++arrivals_, proven});
  return true;
}

std::optional<Duration> Pool::proposed(Time now, const RequestId& id) {
  const auto client = clients_.find(id.client);
  if (client == clients_.end()) return std::nullopt;
  const auto at = client->second.waiting.find({id.incarnation, id.sequence});
  if (at == client->second.waiting.end() || at->second.proposed) return std::nullopt;
  taken(at->second);
  if (at != client->second.waiting.begin()) return std::nullopt;
  return now - at->second.since;
}

void Pool::settle(Time now, NodeId id, const ClientTable& table) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  Client& client = found->second;
  const std::optional<Key> head = client.waiting.empty() ? std::nullopt : std::optional(client.waiting.begin()->first);
  for (auto at = client.waiting.begin(); at != client.waiting.end();) {
    const auto next = std::next(at);
    if (!table.wants(at->second.request.request)) erase(client, at);
    at = next;
  }
  if (client.waiting.empty()) {
    clients_.erase(found);
  } else if (client.waiting.begin()->first != head) {
    client.waiting.begin()->second.since = now;
  }
}

void Pool::restart(Time now) {
  for (auto& [id, client] : clients_) {
    for (auto& [key, w] : client.waiting) {
      if (w.proposed) {
        ++untaken_;
        untaken_operations_ += w.request.request.operations.size();
      }
      w.proposed = false;
      w.passes = 0;
      w.since = now;
    }
  }
}

bool Pool::prove(Time now, Client& client, std::map<Key, Waiting>::iterator at, const Check& check) {
  if (at->second.proven || check(at->second.request)) return at->second.proven = true;
  mark<"pbft.waiting_request_forged">();
  const bool head = at == client.waiting.begin();
  erase(client, at);
  if (head && !client.waiting.empty()) client.waiting.begin()->second.since = now;
  return false;
}

void Pool::drop_forged(Time now, const Check& check) {
  for (auto& [id, client] : clients_) {
    if (!client.waiting.empty()) prove(now, client, client.waiting.begin(), check);
  }
  std::erase_if(clients_, [](const auto& c) { return c.second.waiting.empty(); });
}

// In the order of their arrival: a client that goes on sending requests with smaller numbers cannot keep one back for
// which backups wait.
Pool::Waiting* Pool::next_to_take(Client& client) {
  Waiting* next = nullptr;
  for (auto& [key, w] : client.waiting) {
    if (!w.proposed && (next == nullptr || w.arrived < next->arrived)) next = &w;
  }
  return next;
}

std::vector<SignedRequest> Pool::take(Time now, const Check& check) {
  std::vector<SignedRequest> batch;
  size_t operations = 0, bytes = 0;
  bool full = false;
  // One request of each client per round, beginning behind the client whose turn was last.
  for (bool more = true; more && !full;) {
    more = false;
    std::vector<NodeId> order;
    for (const auto& [id, c] : clients_) order.push_back(id);
    std::rotate(order.begin(), std::upper_bound(order.begin(), order.end(), turn_), order.end());
    for (NodeId id : order) {
      Client& client = clients_.at(id);
      Waiting* next = next_to_take(client);
      if (next == nullptr) continue;
      const Request& r = next->request.request;
      if (!prove(now, client, client.waiting.find({r.id.incarnation, r.id.sequence}), check)) {
        more = true;
        continue;
      }
      full = !batch.empty() && (operations + r.operations.size() > config_.max_batch_operations ||
                                bytes + bytes_of(r) > config_.max_batch_bytes);
      if (full) break;
      operations += r.operations.size();
      bytes += bytes_of(r);
      taken(*next);
      batch.push_back(next->request);
      turn_ = id;
      more = true;
    }
  }
  std::erase_if(clients_, [](const auto& c) { return c.second.waiting.empty(); });
  return batch;
}

Time Pool::oldest() const {
  Time oldest = Time::never();
  for (const auto& [id, client] : clients_) {
    if (!client.waiting.empty()) oldest = std::min(oldest, client.waiting.begin()->second.since);
  }
  return oldest;
}

Time Pool::pass_due(const Waiting& w, Duration patience) {
  return w.passes == 0 ? w.since + patience : w.passed + patience * (int64_t{1} << std::min<uint64_t>(w.passes, 8));
}

std::vector<SignedRequest> Pool::overdue(Time now, Duration patience) {
  std::vector<SignedRequest> out;
  if (untaken_ == 0) return out;
  for (auto& [id, client] : clients_) {
    for (auto& [key, w] : client.waiting) {
      if (w.proposed || pass_due(w, patience) > now) continue;
      if (out.size() == kMostPassedOn) return out;
      ++w.passes;
      w.passed = now;
      out.push_back(w.request);
    }
  }
  return out;
}

Time Pool::next_overdue(Duration patience) const {
  Time next = Time::never();
  if (untaken_ == 0) return next;
  for (const auto& [id, client] : clients_) {
    for (const auto& [key, w] : client.waiting) {
      if (!w.proposed) next = std::min(next, pass_due(w, patience));
    }
  }
  return next;
}

}  // namespace holdfast::pbft
