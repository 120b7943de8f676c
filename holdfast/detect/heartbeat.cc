#include "holdfast/detect/heartbeat.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/random.h"

namespace holdfast::detect {

HeartbeatDetector::HeartbeatDetector(const HeartbeatConfig& config)
    : config_(config), pace_(config.period / 4, config.heed_own_pauses), pulse_(config.boot) {
  first_probe_ = last_probe_ = Random(config.seed).next() >> 8;
}

void HeartbeatDetector::start(Time now, Out& out) {
  for (const NodeId node : config_.peers) add(node, now);
  beat(pace_.observed(now), out);
}

void HeartbeatDetector::add(NodeId node, Time now) {
  if (node == config_.self || peers_.count(node) > 0) return;
  const Time t = pace_.observed(now);
  peers_.emplace(node, Peer{.heard = t, .heard_local = now, .timeout = config_.first_timeout});
  next_check_ = std::min(next_check_, t + config_.first_timeout);
}

void HeartbeatDetector::set_peers(Time now, const std::vector<NodeId>& peers) {
  attend(now);
  for (auto it = peers_.begin(); it != peers_.end();) {
    it = std::find(peers.begin(), peers.end(), it->first) == peers.end() ? peers_.erase(it) : std::next(it);
  }
  for (const NodeId node : peers) add(node, now);
}

Time HeartbeatDetector::attend(Time now) {
  pace_.attend(now, deadline());
  return pace_.observed(now);
}

void HeartbeatDetector::on_message(Time now, NodeId from, const HeartbeatWire& wire, Out& out) {
  attend(now);
  std::visit([&](const auto& m) { on(now, from, m, out); }, wire);
}

void HeartbeatDetector::on_time(Time now, Out& out) {
  const Time t = attend(now);
  if (t >= next_beat_) beat(t, out);
  if (t >= next_check_) judge(t, out);
}

Time HeartbeatDetector::deadline() const {
  const Time next = std::min(next_beat_, next_check_);
  return next == Time::never() ? next : pace_.local(next);
}

void HeartbeatDetector::beat(Time t, Out& out) {
  next_beat_ = t + config_.period;
  if (config_.style == HeartbeatStyle::kPush) {
    const Heartbeat m = pulse_.next();
    for (const auto& [node, peer] : peers_) out.send(node, m);
  } else {
    ++last_probe_;
    for (const auto& [node, peer] : peers_) out.send(node, Probe{last_probe_});
  }
}

void HeartbeatDetector::judge(Time t, Out& out) {
  next_check_ = Time::never();
  for (auto& [node, peer] : peers_) {
    if (peer.suspected) continue;
    if (peer.heard + peer.timeout > t) {
      next_check_ = std::min(next_check_, peer.heard + peer.timeout);
      continue;
    }
    peer.suspected = true;
    out.raise(Suspected{node, peer.heard_local, config_.self});
  }
}

void HeartbeatDetector::heard(Time now, NodeId node, Peer& peer, bool restarted, Out& out) {
  peer.heard = pace_.observed(now);
  peer.heard_local = now;
  if (!peer.suspected) return;
  peer.suspected = false;
  if (!restarted) {
    mark<"detect.heartbeat.false_suspicion">();
    peer.timeout = std::min(peer.timeout + config_.growth, config_.max_timeout);
  }
  next_check_ = std::min(next_check_, peer.heard + peer.timeout);
  out.raise(Restored{node});
}

void HeartbeatDetector::on(Time now, NodeId from, const Heartbeat& m, Out& out) {
  const auto it = peers_.find(from);
  if (it == peers_.end()) return;
  const Freshness::News news = it->second.freshness.on_heartbeat(m);
  if (news == Freshness::News::kOutdated) return out.send(from, it->second.freshness.objection());
  if (news == Freshness::News::kRepeated) return;
  heard(now, from, it->second, news == Freshness::News::kRestarted, out);
}

void HeartbeatDetector::on(Time, NodeId, const Outdated& m, Out&) { pulse_.on_outdated(m); }

void HeartbeatDetector::on(Time, NodeId from, const Probe& m, Out& out) { out.send(from, ProbeAnswer{m.number}); }

void HeartbeatDetector::on(Time now, NodeId from, const ProbeAnswer& m, Out& out) {
  const auto it = peers_.find(from);
  if (it == peers_.end()) return;
  // An answer counts once, and only to a question of this life.
  const uint64_t newest_answered = std::max(it->second.answered, first_probe_);
  if (m.number <= newest_answered || m.number > last_probe_) return;
  it->second.answered = m.number;
  heard(now, from, it->second, false, out);
}

bool HeartbeatDetector::trusts(NodeId node) const {
  if (node == config_.self) return true;
  const auto it = peers_.find(node);
  return it != peers_.end() && !it->second.suspected;
}

Duration HeartbeatDetector::timeout_of(NodeId node) const {
  const auto it = peers_.find(node);
  return it == peers_.end() ? Duration() : it->second.timeout;
}

void HeartbeatDetector::check_invariants() const {
  ensure(peers_.count(config_.self) == 0, "a detector does not watch its own process");
  for (const auto& [node, peer] : peers_) {
    ensure(peer.timeout >= config_.first_timeout, "a timeout never shrinks");
    ensure(peer.timeout <= std::max(config_.max_timeout, config_.first_timeout), "a timeout is bounded");
    ensure(peer.suspected || next_check_ <= peer.heard + peer.timeout, "every trusted peer is judged in time");
  }
}

}  // namespace holdfast::detect
