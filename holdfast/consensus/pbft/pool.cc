#include "holdfast/consensus/pbft/pool.h"

#include <algorithm>

#include "holdfast/base/mark.h"

namespace holdfast::pbft {

namespace {
constexpr size_t kMostPassedOn = 16;  // at once
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
  client.bytes -= bytes_of(at->second.request.request);
  if (!at->second.proposed) taken(at->second);
  client.waiting.erase(at);
}

const SignedRequest* Pool::find(const RequestId& id) const {
  const auto client = clients_.find(id.client);
  if (client == clients_.end()) return nullptr;
  const auto at = client->second.waiting.find({id.incarnation, id.sequence});
  return at != client->second.waiting.end() ? &at->second.request : nullptr;
}

bool Pool::add(Time now, const SignedRequest& signed_request, bool proven, const ClientTable& table) {
  const Request& r = signed_request.request;
  if (!table.wants(r)) return false;
  Client& client = clients_[r.id.client];
  while (!client.waiting.empty() && client.waiting.begin()->first.first < r.id.incarnation) {
    erase(client, client.waiting.begin());
  }
  const size_t bytes = bytes_of(r);
  if (client.waiting.contains({r.id.incarnation, r.id.sequence})) return false;
  if (!client.waiting.empty() && client.waiting.begin()->first.first > r.id.incarnation) return false;
  if (client.waiting.size() >= config_.client_window ||
      (!client.waiting.empty() && client.bytes + bytes > 8 * config_.max_request_bytes)) {
    mark<"pbft.client_has_too_much_waiting">();
    return false;
  }
  client.bytes += bytes;
  ++untaken_;
  untaken_operations_ += r.operations.size();
  client.waiting.emplace(Key(r.id.incarnation, r.id.sequence), Waiting{signed_request, now, proven});
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
      w.proposed = w.passed_on = false;
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
      auto& waiting = clients_.at(id).waiting;
      const auto next = std::find_if(waiting.begin(), waiting.end(), [](const auto& w) { return !w.second.proposed; });
      if (next == waiting.end()) continue;
      if (!prove(now, clients_.at(id), next, check)) {
        more = true;
        continue;
      }
      const Request& r = next->second.request.request;
      full = !batch.empty() && (operations + r.operations.size() > config_.max_batch_operations ||
                                bytes + bytes_of(r) > config_.max_batch_bytes);
      if (full) break;
      operations += r.operations.size();
      bytes += bytes_of(r);
      taken(next->second);
      batch.push_back(next->second.request);
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

std::vector<SignedRequest> Pool::overdue(Time now, Duration patience) {
  std::vector<SignedRequest> out;
  if (untaken_ == 0) return out;
  for (auto& [id, client] : clients_) {
    for (auto& [key, w] : client.waiting) {
      if (w.proposed || w.passed_on || w.since + patience > now) continue;
      if (out.size() == kMostPassedOn) return out;
      w.passed_on = true;
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
      if (!w.proposed && !w.passed_on) next = std::min(next, w.since + patience);
    }
  }
  return next;
}

}  // namespace holdfast::pbft
