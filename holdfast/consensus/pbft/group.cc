#include "holdfast/consensus/pbft/group.h"

#include <algorithm>

namespace holdfast::pbft {

namespace {

// More would make the messages of a view change larger than anybody accepts.
constexpr size_t kMostMembers = 100;
constexpr size_t kMostClients = 10'000;
constexpr size_t kMostRemoved = 10'000;
constexpr size_t kMostContext = 64 << 10;  // bytes; part of what is remembered until the change is in force

bool sorted(const std::vector<Peer>& peers) {
  for (size_t i = 0; i < peers.size(); ++i) {
    if (!peers[i].id || (i > 0 && peers[i].id <= peers[i - 1].id)) return false;
  }
  return true;
}

}  // namespace

const PublicKey* Group::find(const std::vector<Peer>& peers, NodeId id) {
  const auto it = std::lower_bound(peers.begin(), peers.end(), id, [](const Peer& p, NodeId i) { return p.id < i; });
  return it != peers.end() && it->id == id ? &it->key : nullptr;
}

Status Group::valid(const Configuration& c) {
  if (c.members.size() < 4) return absl::InvalidArgumentError("a group that tolerates a liar has four members or more");
  if (c.members.size() > kMostMembers || c.clients.size() > kMostClients || c.removed.size() > kMostRemoved) {
    return absl::InvalidArgumentError("the group is too large");
  }
  if (!sorted(c.members) || !sorted(c.clients)) {
    return absl::InvalidArgumentError("members and clients are sorted by id, and nobody is named twice");
  }
  for (const Peer& p : c.clients) {
    if (find(c.members, p.id) != nullptr) return absl::InvalidArgumentError("a member is a client already");
  }
  for (size_t i = 0; i < c.removed.size(); ++i) {
    if (i > 0 && c.removed[i] <= c.removed[i - 1]) return absl::InvalidArgumentError("who was removed is sorted by id");
    if (find(c.members, c.removed[i]) != nullptr || find(c.clients, c.removed[i]) != nullptr) {
      return absl::InvalidArgumentError("who was removed never comes back under its old id");
    }
  }
  std::vector<PublicKey> keys;
  for (const Peer& p : c.members) keys.push_back(p.key);
  for (const Peer& p : c.clients) keys.push_back(p.key);
  std::sort(keys.begin(), keys.end());
  if (std::adjacent_find(keys.begin(), keys.end()) != keys.end()) {
    return absl::InvalidArgumentError("two identities have one key");
  }
  return absl::OkStatus();
}

std::optional<Configuration> Group::after(const Change& change) const {
  if (change.added.empty() && change.removed.empty()) return std::nullopt;
  if (change.added.size() > kMostMembers || change.removed.size() > members().size()) return std::nullopt;
  if (change.context.size() > kMostContext) return std::nullopt;
  Configuration next = configuration_;
  ++next.epoch;
  for (const NodeId id : change.removed) {
    if (std::erase_if(next.members, [id](const Peer& p) { return p.id == id; }) != 1) return std::nullopt;
    next.removed.push_back(id);
  }
  for (const Peer& p : change.added) {
    // Who becomes a member is no longer a mere client.
    std::erase_if(next.clients, [&](const Peer& c) { return c.id == p.id; });
    next.members.push_back(p);
  }
  std::sort(next.members.begin(), next.members.end(), [](const Peer& a, const Peer& b) { return a.id < b.id; });
  std::sort(next.removed.begin(), next.removed.end());
  if (!valid(next).ok()) return std::nullopt;
  return next;
}

const PublicKey* Group::key(NodeId id) const {
  const PublicKey* member = find(configuration_.members, id);
  return member != nullptr ? member : find(configuration_.clients, id);
}

size_t Group::place(NodeId id) const {
  const auto& m = members();
  return static_cast<size_t>(
      std::lower_bound(m.begin(), m.end(), id, [](const Peer& p, NodeId i) { return p.id < i; }) - m.begin());
}

}  // namespace holdfast::pbft
