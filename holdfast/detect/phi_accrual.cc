#include "holdfast/detect/phi_accrual.h"

#include <algorithm>

#include "holdfast/base/assert.h"

namespace holdfast::detect {

void PhiDetector::start(Time now, Out& out) {
  for (const NodeId node : config_.peers) add(node, now);
  beat(pace_.observed(now), out);
}

void PhiDetector::add(NodeId node, Time now) {
  if (node == config_.self || peers_.count(node) > 0) return;
  Peer peer{.window = ArrivalWindow(config_.window, config_.period, config_.min_deviation),
            .heard = pace_.observed(now),
            .heard_local = now,
            .threshold = config_.threshold};
  schedule(node, peers_.emplace(node, std::move(peer)).first->second);
}

void PhiDetector::set_peers(Time now, const std::vector<NodeId>& peers) {
  attend(now);
  for (auto it = peers_.begin(); it != peers_.end();) {
    if (std::find(peers.begin(), peers.end(), it->first) != peers.end()) {
      ++it;
    } else {
      forget(it->first, it->second);
      it = peers_.erase(it);
    }
  }
  for (const NodeId node : peers) add(node, now);
}

void PhiDetector::schedule(NodeId node, Peer& peer) {
  // Before the first word there is nothing to measure: it gets the time of several heartbeats to say it.
  const Duration silence = peer.ever_heard ? peer.window.silence_at(peer.threshold) : config_.period * 5;
  peer.due = peer.heard + silence;
  due_.emplace(peer.due, node);
}

Time PhiDetector::attend(Time now) {
  pace_.attend(now, deadline());
  return pace_.observed(now);
}

Time PhiDetector::deadline() const {
  const Time next = due_.empty() ? next_beat_ : std::min(next_beat_, due_.begin()->first);
  return next == Time::never() ? next : pace_.local(next);
}

void PhiDetector::on_message(Time now, NodeId from, const PhiWire& wire, Out& out) {
  attend(now);
  std::visit([&](const auto& m) { on(now, from, m, out); }, wire);
}

void PhiDetector::on_time(Time now, Out& out) {
  const Time t = attend(now);
  if (t >= next_beat_) beat(t, out);
  while (!due_.empty() && due_.begin()->first <= t) {
    const NodeId node = due_.begin()->second;
    due_.erase(due_.begin());
    Peer& peer = peers_.at(node);
    peer.suspected = true;
    out.raise(Suspected{node, peer.heard_local, config_.self});
  }
}

void PhiDetector::beat(Time t, Out& out) {
  next_beat_ = t + config_.period;
  const Heartbeat m = pulse_.next();
  for (const auto& [node, peer] : peers_) out.send(node, m);
}

void PhiDetector::on(Time now, NodeId from, const Heartbeat& m, Out& out) {
  const auto it = peers_.find(from);
  if (it == peers_.end()) return;
  Peer& peer = it->second;
  const Freshness::News news = peer.freshness.on_heartbeat(m);
  if (news == Freshness::News::kOutdated) return out.send(from, peer.freshness.objection());
  if (news == Freshness::News::kRepeated) return;
  const Time t = pace_.observed(now);
  const bool restarted = news == Freshness::News::kRestarted;
  if (!peer.suspected) forget(from, peer);
  // The time that a restart took says nothing about the rhythm of heartbeats; and a silence counts as at most twice the
  // time after which it was suspected. As a whole, one outage would widen the window so far that the next crash goes
  // unseen for minutes; left out, loss and a rhythm that has slowed down would never be learned.
  if (peer.ever_heard && !restarted) peer.window.add(std::min(t - peer.heard, (peer.due - peer.heard) * 2));
  peer.heard = t;
  peer.heard_local = now;
  peer.ever_heard = true;
  if (peer.suspected) {
    peer.suspected = false;
    if (!restarted) {
      mark<"detect.phi.false_suspicion">();
      peer.threshold = std::min(peer.threshold + config_.growth, std::max(config_.max_threshold, config_.threshold));
    }
    out.raise(Restored{from});
  }
  schedule(from, peer);
}

bool PhiDetector::trusts(NodeId node) const {
  if (node == config_.self) return true;
  const auto it = peers_.find(node);
  return it != peers_.end() && !it->second.suspected;
}

MicroPhi PhiDetector::phi(Time now, NodeId node) const {
  const auto it = peers_.find(node);
  return it == peers_.end() ? 0 : it->second.window.phi(pace_.observed(now) - it->second.heard);
}

Time PhiDetector::when_reaches(NodeId node, MicroPhi level) const {
  const auto it = peers_.find(node);
  return it == peers_.end() ? Time::never() : pace_.local(it->second.heard + it->second.window.silence_at(level));
}

MicroPhi PhiDetector::threshold_of(NodeId node) const {
  const auto it = peers_.find(node);
  return it == peers_.end() ? 0 : it->second.threshold;
}

void PhiDetector::check_invariants() const {
  ensure(peers_.count(config_.self) == 0, "a detector does not watch its own process");
  size_t scheduled = 0;
  for (const auto& [node, peer] : peers_) {
    if (peer.suspected) continue;
    ++scheduled;
    ensure(due_.count({peer.due, node}) == 1, "every trusted peer is judged in time");
  }
  ensure(scheduled == due_.size(), "a suspected peer is judged no more");
}

}  // namespace holdfast::detect
