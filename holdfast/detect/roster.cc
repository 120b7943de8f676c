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
  known_[config.self].is = {config.self, std::min(config.version, kMaxVersion / 2), false, config.meta};
}

void Roster::start(Time now, Out& out) {
  next_ = now;
  on_time(now, out);
}

std::vector<NodeId> Roster::peers() const {
  std::vector<NodeId> peers;
  for (const auto& [node, known] : known_) {
    if (node != config_.self && !known.is.gone) peers.push_back(node);
  }
  return peers;
}

const Acquaintance* Roster::find(NodeId node) const {
  const auto it = known_.find(node);
  return it == known_.end() ? nullptr : &it->second.is;
}

void Roster::on_time(Time now, Out& out) {
  if (now < next_) return;
  reclaim(now, out);
  const std::vector<NodeId> others = peers();
  if (others.empty()) {
    if (joining_.failures() == kTriesToJoin && !config_.seeds.empty()) out.raise(Unanswered{});
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
  Introduce message{answer, {known_.at(config_.self).is}};
  const size_t own = codec::encode(message.known[0]).size();
  size_t bytes = own;
  for (const auto& [node, known] : known_) {
    if (node == config_.self || node == to) continue;
    if (!known.is.gone && known.lost != Time::never()) continue;
    const size_t size = codec::encode(known.is).size();
    if (bytes + size + kHead > config_.max_message_bytes) {
      out.send(to, std::exchange(message, Introduce{false, {known_.at(config_.self).is}}));
      bytes = own;
    }
    message.known.push_back(known.is);
    bytes += size;
  }
  out.send(to, std::move(message));
}

void Roster::set_trust(Time now, NodeId node, bool trusted) {
  const auto it = known_.find(node);
  if (it == known_.end() || it->second.is.gone) return;
  it->second.lost = trusted ? Time::never() : std::min(it->second.lost, now);
}

void Roster::reclaim(Time now, Out& out) {
  for (auto it = known_.begin(); it != known_.end();) {
    if (it->second.lost == Time::never() || it->second.lost + config_.reclaim_after > now) {
      ++it;
      continue;
    }
    mark<"detect.roster.reclaimed">();
    const NodeId node = it->first;
    it = known_.erase(it);
    full_ = false;
    out.raise(Forgotten{node});
  }
}

// Makes room, if it must and can.
bool Roster::take_in(const Acquaintance& a, Out& out) {
  if (known_.size() >= config_.max_members) {
    auto oldest = known_.end();
    for (auto it = known_.begin(); it != known_.end(); ++it) {
      if (!it->second.is.gone || it->first == config_.self) continue;
      if (oldest == known_.end() || it->second.lost < oldest->second.lost) oldest = it;
    }
    if (oldest == known_.end()) {
      mark<"detect.roster.full">();
      if (!std::exchange(full_, true)) out.raise(Full{a.node, known_.size()});
      return false;
    }
    const NodeId forgotten = oldest->first;
    known_.erase(oldest);
    out.raise(Forgotten{forgotten});
  }
  known_[a.node].is = a;
  return true;
}

bool Roster::learn(Time now, const Acquaintance& a, Out& out) {
  if (!a.node || a.version >= kMaxVersion || a.meta.size() > config_.max_meta_bytes) return false;
  if (a.node == config_.self) {
    Acquaintance& self = known_.at(config_.self).is;
    // A former life of this identity, or its farewell.
    if (std::pair(a.version, a.gone) <= std::pair(self.version, self.gone) || self.gone) return false;
    mark<"detect.roster.former_life">();
    self.version = a.version + 1;
    return true;
  }
  const auto it = known_.find(a.node);
  if (it == known_.end()) {
    if (a.gone || !take_in(a, out)) return false;
    out.raise(Met{a.node, a.meta, false});
    return true;
  }
  Known& known = it->second;
  if (std::pair(a.version, a.gone) <= std::pair(known.is.version, known.is.gone)) return false;
  const bool was_gone = std::exchange(known.is, a).gone;
  if (a.gone) {
    known.lost = now;
    out.raise(Parted{a.node});
  } else {
    if (was_gone) known.lost = Time::never();
    out.raise(Met{a.node, a.meta, true});
  }
  return true;
}

void Roster::on_message(Time now, NodeId from, const RosterWire& wire, Out& out) {
  const Introduce& m = std::get<Introduce>(wire);
  if (from == config_.self || known_.at(config_.self).is.gone) return;
  std::vector<NodeId> news;
  bool topped = false;
  for (const Acquaintance& a : m.known) {
    if (!learn(now, a, out)) continue;
    topped = topped || a.node == config_.self;
    if (a.node != from && a.node != config_.self && !a.gone) news.push_back(a.node);
  }
  if (m.answer || topped) introduce(from, false, out);
  for (const NodeId node : news) introduce(node, true, out);
}

void Roster::leave(Out& out) {
  known_.at(config_.self).is.gone = true;
  for (const NodeId node : peers()) {
    for (int i = 0; i < 2; ++i) out.send(node, Introduce{false, {known_.at(config_.self).is}});
  }
  next_ = Time::never();
}

void Roster::check_invariants() const {
  ensure(known_.count(config_.self) == 1, "a member knows itself");
  ensure(known_.size() <= config_.max_members, "the roster is bounded");
  for (const auto& [node, known] : known_) {
    ensure(!known.is.gone || node == config_.self || known.lost != Time::never(), "who is gone is forgotten in time");
  }
}

}  // namespace holdfast::detect
