#include "holdfast/detect/roster.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"

namespace holdfast::detect {
namespace {

constexpr size_t kHead = 32;
constexpr uint64_t kMaxVersion = uint64_t{1} << 62;

}  // namespace

Roster::Roster(const RosterConfig& config)
    : config_(config),
      turn_(config.seed),
      joining_(RetryPolicy(Repeatable::kIdempotent).growing(config.retry, config.refresh).spread(Jitter::kHalf),
               config.seed) {
  ensure(config.meta.size() <= config.max_meta_bytes, "a member's own description fits");
  known_[config.self] = {config.self, std::min(config.version, kMaxVersion / 2), false, config.meta};
}

void Roster::start(Time now, Out& out) {
  next_ = now;
  on_time(now, out);
}

std::vector<NodeId> Roster::peers() const {
  std::vector<NodeId> peers;
  for (const auto& [node, a] : known_) {
    if (node != config_.self && !a.gone) peers.push_back(node);
  }
  return peers;
}

const Acquaintance* Roster::find(NodeId node) const {
  const auto it = known_.find(node);
  return it == known_.end() ? nullptr : &it->second;
}

void Roster::on_time(Time now, Out& out) {
  if (now < next_) return;
  const std::vector<NodeId> others = peers();
  if (others.empty()) {
    for (const NodeId seed : config_.seeds) {
      if (seed != config_.self) introduce(seed, true, out);
    }
  } else {
    introduce(others[turn_++ % others.size()], true, out);
    // A seed that is no member by that identity: an address behind which somebody may have come up meanwhile.
    if (!config_.seeds.empty()) {
      const NodeId seed = config_.seeds[turn_ % config_.seeds.size()];
      if (find(seed) == nullptr) introduce(seed, true, out);
    }
  }
  if (!others.empty()) joining_.succeeded();
  next_ = now + (others.empty() ? joining_.next_pause() : config_.refresh);
}

void Roster::introduce(NodeId to, bool answer, Out& out) const {
  Introduce message{answer, {known_.at(config_.self)}};
  const size_t own = codec::encode(message.known[0]).size();
  size_t bytes = own;
  for (const auto& [node, a] : known_) {
    if (node == config_.self || node == to) continue;
    const size_t size = codec::encode(a).size();
    if (bytes + size + kHead > config_.max_message_bytes) {
      out.send(to, std::exchange(message, Introduce{false, {known_.at(config_.self)}}));
      bytes = own;
    }
    message.known.push_back(a);
    bytes += size;
  }
  out.send(to, std::move(message));
}

bool Roster::learn(const Acquaintance& a, Out& out) {
  if (!a.node || a.version >= kMaxVersion || a.meta.size() > config_.max_meta_bytes) return false;
  if (a.node == config_.self) {
    Acquaintance& self = known_[config_.self];
    // A former life of this identity, or its farewell.
    if (std::pair(a.version, a.gone) <= std::pair(self.version, self.gone) || self.gone) return false;
    mark<"detect.roster.former_life">();
    self.version = a.version + 1;
    return true;
  }
  const auto it = known_.find(a.node);
  if (it == known_.end()) {
    if (a.gone || known_.size() >= config_.max_members) return false;
    known_[a.node] = a;
    out.raise(Met{a.node, a.meta, false});
    return true;
  }
  if (std::pair(a.version, a.gone) <= std::pair(it->second.version, it->second.gone)) return false;
  it->second = a;
  if (a.gone) {
    out.raise(Parted{a.node});
  } else {
    out.raise(Met{a.node, a.meta, true});
  }
  return true;
}

void Roster::on_message(Time, NodeId from, const RosterWire& wire, Out& out) {
  const Introduce& m = std::get<Introduce>(wire);
  if (from == config_.self || known_[config_.self].gone) return;
  std::vector<NodeId> news;
  bool topped = false;
  for (const Acquaintance& a : m.known) {
    if (!learn(a, out)) continue;
    topped = topped || a.node == config_.self;
    if (a.node != from && a.node != config_.self && !a.gone) news.push_back(a.node);
  }
  if (m.answer || topped) introduce(from, false, out);
  for (const NodeId node : news) introduce(node, true, out);
}

void Roster::leave(Out& out) {
  known_[config_.self].gone = true;
  for (const NodeId node : peers()) {
    for (int i = 0; i < 2; ++i) out.send(node, Introduce{false, {known_[config_.self]}});
  }
  next_ = Time::never();
}

void Roster::check_invariants() const {
  ensure(known_.count(config_.self) == 1, "a member knows itself");
  ensure(known_.size() <= config_.max_members, "the roster is bounded");
}

}  // namespace holdfast::detect
