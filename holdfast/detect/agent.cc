#include "holdfast/detect/agent.h"

#include <algorithm>
#include <utility>

namespace holdfast::detect {
namespace {

// Each child's messages are wrapped once more: tag and length.
constexpr size_t kWrapping = 6;

Duration reclaim_after(const AgentConfig& config) { return std::max(config.period * 600, Duration::seconds(60)); }

SwimConfig swim_config(const AgentConfig& config) {
  SwimConfig c;
  c.self = config.self;
  c.seed = config.seed;
  c.incarnation = config.boot;
  c.meta = config.meta;
  c.seeds = config.seeds;
  c.probe_interval = config.period;
  c.probe_timeout = config.period / 2;
  c.lifeguard = config.lifeguard;
  c.heed_own_pauses = config.lifeguard;
  c.sync_interval = config.period * 15;
  c.join_pause_first = config.period;
  c.join_pause_last = config.period * 15;
  c.reclaim_after = reclaim_after(config);
  c.max_message_bytes = config.max_message_bytes - kWrapping;
  c.max_meta_bytes = config.max_meta_bytes;
  return c;
}

HeartbeatConfig heartbeat_config(const AgentConfig& config) {
  HeartbeatConfig c;
  c.self = config.self;
  c.style = config.kind == DetectorKind::kProbe ? HeartbeatStyle::kProbe : HeartbeatStyle::kPush;
  c.boot = config.boot;
  c.seed = config.seed;
  c.period = config.period;
  c.first_timeout = config.period * 3;
  c.growth = config.period;
  c.max_timeout = config.period * 60;
  return c;
}

PhiConfig phi_config(const AgentConfig& config) {
  PhiConfig c;
  c.self = config.self;
  c.boot = config.boot;
  c.period = config.period;
  c.min_deviation = config.period / 10;
  c.threshold = config.phi_threshold;
  c.growth = whole_phi(1);  // so that Omega can rely on it
  return c;
}

RosterConfig roster_config(const AgentConfig& config) {
  RosterConfig c;
  c.self = config.self;
  c.version = config.boot;
  c.meta = config.meta;
  c.seeds = config.seeds;
  c.retry = config.period;
  c.refresh = config.period * 5;
  c.reclaim_after = reclaim_after(config);
  c.seed = config.seed;
  c.max_message_bytes = config.max_message_bytes - kWrapping;
  c.max_meta_bytes = config.max_meta_bytes;
  return c;
}

}  // namespace

Agent::Agent(const AgentConfig& config)
    : config_(config), omega_({config.self, config.seed, config.period, config.period * 3}) {
  if (config.kind == DetectorKind::kSwim) {
    swim_.emplace(swim_config(config));
    return;
  }
  roster_.emplace(roster_config(config));
  if (config.kind == DetectorKind::kPhi) {
    phi_.emplace(phi_config(config));
  } else {
    heartbeat_.emplace(heartbeat_config(config));
  }
}

// Runs a child's step, then acts on what it raised.
template <class Child, class ChildOut, class Step>
void Agent::run(Time now, Child& child, ChildOut& child_out, Out& out, Step&& step) {
  for (auto& raised : absorb(out, child_out, [&](auto& o) { step(child, o); })) on_event(now, raised.event, out);
}

void Agent::start(Time now, Out& out) {
  const auto begin = [&](auto& child, auto& o) { child.start(now, o); };
  run(now, omega_, omega_out_, out, begin);
  if (swim_) run(now, *swim_, swim_out_, out, begin);
  if (heartbeat_) run(now, *heartbeat_, heartbeat_out_, out, begin);
  if (phi_) run(now, *phi_, phi_out_, out, begin);
  if (roster_) run(now, *roster_, roster_out_, out, begin);
}

void Agent::on_message(Time now, NodeId from, const AgentWire& wire, Out& out) {
  if (departed_) return;
  // What belongs to a detector that this member does not run is passed over.
  if (const auto* swim = std::get_if<SwimWire>(&wire); swim != nullptr && swim_) {
    run(now, *swim_, swim_out_, out, [&](auto& c, auto& o) { c.on_message(now, from, *swim, o); });
  } else if (const auto* beat = std::get_if<HeartbeatWire>(&wire); beat != nullptr && heartbeat_) {
    run(now, *heartbeat_, heartbeat_out_, out, [&](auto& c, auto& o) { c.on_message(now, from, *beat, o); });
  } else if (const auto* phi = std::get_if<PhiWire>(&wire); phi != nullptr && phi_) {
    run(now, *phi_, phi_out_, out, [&](auto& c, auto& o) { c.on_message(now, from, *phi, o); });
  } else if (const auto* roster = std::get_if<RosterWire>(&wire); roster != nullptr && roster_) {
    run(now, *roster_, roster_out_, out, [&](auto& c, auto& o) { c.on_message(now, from, *roster, o); });
  } else if (const auto* omega = std::get_if<OmegaWire>(&wire)) {
    run(now, omega_, omega_out_, out, [&](auto& c, auto& o) { c.on_message(now, from, *omega, o); });
  }
}

void Agent::on_time(Time now, Out& out) {
  if (departed_) return;
  const auto tick = [&](auto& child, auto& o) {
    if (child.deadline() <= now) child.on_time(now, o);
  };
  if (swim_) run(now, *swim_, swim_out_, out, tick);
  if (heartbeat_) run(now, *heartbeat_, heartbeat_out_, out, tick);
  if (phi_) run(now, *phi_, phi_out_, out, tick);
  if (roster_) run(now, *roster_, roster_out_, out, tick);
  run(now, omega_, omega_out_, out, tick);
}

Time Agent::deadline() const {
  if (departed_) return Time::never();
  Time next = omega_.deadline();
  if (swim_) next = std::min(next, swim_->deadline());
  if (heartbeat_) next = std::min(next, heartbeat_->deadline());
  if (phi_) next = std::min(next, phi_->deadline());
  if (roster_) next = std::min(next, roster_->deadline());
  return next;
}

void Agent::leave(Time now, Out& out) {
  if (departed_) return;
  run(now, omega_, omega_out_, out, [](auto& c, auto& o) { c.retire(o); });
  if (swim_) return run(now, *swim_, swim_out_, out, [&](auto& c, auto& o) { c.leave(now, o); });
  run(now, *roster_, roster_out_, out, [](auto& c, auto& o) { c.leave(o); });
  departed_ = true;
  out.raise(Departed{});
}

void Agent::set_trust(Time now, NodeId node, bool trusted, Out& out) {
  run(now, omega_, omega_out_, out, [&](auto& c, auto& o) { c.set_trust(now, node, trusted, o); });
}

void Agent::on_event(Time now, const SwimEvent& event, Out& out) {
  std::visit([&](const auto& e) { out.raise(e); }, event);
  if (const auto* joined = std::get_if<Joined>(&event)) return set_trust(now, joined->node, true, out);
  if (const auto* restored = std::get_if<Restored>(&event)) return set_trust(now, restored->node, true, out);
  if (const auto* died = std::get_if<Died>(&event)) return set_trust(now, died->node, false, out);
  if (const auto* left = std::get_if<Left>(&event)) return set_trust(now, left->node, false, out);
  if (std::holds_alternative<Departed>(event)) departed_ = true;
}

void Agent::on_event(Time now, const HeartbeatEvent& event, Out& out) {
  std::visit(
      [&](const auto& e) {
        out.raise(e);
        const bool trusted = std::holds_alternative<Restored>(event);
        roster_->set_trust(now, e.node, trusted);
        set_trust(now, e.node, trusted, out);
      },
      event);
}

void Agent::on_event(Time now, const RosterEvent& event, Out& out) {
  if (heartbeat_) heartbeat_->set_peers(now, roster_->peers());
  if (phi_) phi_->set_peers(now, roster_->peers());
  if (const auto* met = std::get_if<Met>(&event)) {
    if (met->again && trusts(met->node)) {
      out.raise(Changed{met->node, met->meta});
    } else {
      out.raise(Joined{met->node, met->meta});
    }
    return set_trust(now, met->node, trusts(met->node), out);
  }
  if (const auto* full = std::get_if<Full>(&event)) return out.raise(*full);
  if (std::holds_alternative<Unanswered>(event)) return out.raise(Unanswered{});
  NodeId node;
  if (const auto* parted = std::get_if<Parted>(&event)) {
    node = parted->node;
    out.raise(Left{node});
  } else {
    node = std::get<Forgotten>(event).node;
    out.raise(Forgotten{node});
  }
  set_trust(now, node, false, out);
}

void Agent::on_event(Time, const OmegaEvent& event, Out& out) {
  std::visit([&](const auto& e) { out.raise(e); }, event);
}

bool Agent::trusts(NodeId node) const {
  if (swim_) return swim_->trusts(node);
  return phi_ ? phi_->trusts(node) : heartbeat_->trusts(node);
}

std::vector<Fellow> Agent::fellows(Time now) const {
  std::vector<Fellow> fellows;
  if (swim_) {
    for (const auto& [node, member] : swim_->members()) {
      if (node != config_.self) fellows.push_back({node, member.meta, member.state, 0, {}});
    }
    return fellows;
  }
  for (const NodeId node : roster_->peers()) {
    Fellow fellow{node, roster_->find(node)->meta, trusts(node) ? MemberState::kAlive : MemberState::kSuspect, 0, {}};
    if (phi_) fellow.phi = phi_->phi(now, node);
    if (heartbeat_) fellow.timeout = heartbeat_->timeout_of(node);
    fellows.push_back(std::move(fellow));
  }
  return fellows;
}

void Agent::check_invariants() const {
  if (swim_) swim_->check_invariants();
  if (heartbeat_) heartbeat_->check_invariants();
  if (phi_) phi_->check_invariants();
  if (roster_) roster_->check_invariants();
  if (!departed_) omega_.check_invariants();
}

}  // namespace holdfast::detect
