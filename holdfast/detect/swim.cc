#include "holdfast/detect/swim.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"

namespace holdfast::detect {
namespace {

// What a message takes beside its gossip: tag, length, number, target, count.
constexpr size_t kMessageHead = 40;

}  // namespace

Swim::Swim(const SwimConfig& config)
    : config_(config),
      pace_(config.probe_timeout / 10, config.heed_own_pauses),
      random_(config.seed + 1),
      health_(config.max_local_health, config.lifeguard),
      members_(config.self, config.max_members, config.max_meta_bytes),
      dissemination_(config.retransmit),
      suspicions_(config_),
      prober_(config_, members_, health_),
      joining_(RetryPolicy(Repeatable::kIdempotent)
                   .growing(config.join_pause_first, config.join_pause_last)
                   .spread(Jitter::kHalf),
               config.seed) {
  ensure(config.self != NodeId(), "a member has an identity");
  ensure(config.max_message_bytes >= 600 && config.max_message_bytes >= 2 * config.max_meta_bytes,
         "a message has room for an update");
  ensure(config.meta.size() <= config.max_meta_bytes, "a member's own description fits");
  const uint64_t incarnation = std::min(config.incarnation, kMaxIncarnation / 2);
  members_.apply(Time(), {config.self, incarnation, MemberState::kAlive, {}, config.meta});
}

void Swim::start(Time now, Out& out) {
  const Time t = pace_.observed(now);
  spread(members_.update_of(config_.self));
  prober_.start(t);
  sync_answers_renewed_ = t;
  sync_tick(t, out);
}

Time Swim::attend(Time now) {
  if (pace_.attend(now, deadline()) > Duration()) health_.worse();
  return pace_.observed(now);
}

Time Swim::deadline() const {
  if (stage_ == Stage::kDeparted) return Time::never();
  const Time next = std::min({prober_.deadline(), suspicions_.earliest(), next_sync_, leave_by_});
  return next == Time::never() ? next : pace_.local(next);
}

void Swim::on_message(Time now, NodeId from, const SwimWire& wire, Out& out) {
  if (from == config_.self || stage_ == Stage::kDeparted) return;
  const Time t = attend(now);
  std::visit([&](const auto& m) { on(t, from, m, out); }, wire);
}

void Swim::on_time(Time now, Out& out) {
  if (stage_ == Stage::kDeparted) return;
  const Time t = attend(now);
  if (t >= leave_by_) return depart(out);
  act(t, prober_.on_time(t), out);
  expire_suspicions(t, out);
  if (t >= next_sync_ && stage_ == Stage::kMember) sync_tick(t, out);
}

void Swim::act(Time t, const Prober::Actions& actions, Out& out) {
  for (const ProbeAction& a : actions) {
    switch (a.kind) {
      case ProbeAction::Kind::kPing:
        out.send(a.to, Ping{a.number, gossip_for(a.to)});
        break;
      case ProbeAction::Kind::kPingRequest:
        out.send(a.to, PingRequest{a.number, a.target, config_.lifeguard, gossip_for(a.to)});
        break;
      case ProbeAction::Kind::kAck:
        out.send(a.to, Ack{a.number, gossip_for(a.to)});
        break;
      case ProbeAction::Kind::kNack:
        out.send(a.to, Nack{a.number});
        break;
      case ProbeAction::Kind::kFailed:
        if (stage_ == Stage::kMember) probe_failed(t, a.target, out);
    }
  }
}

void Swim::probe_failed(Time t, NodeId target, Out& out) {
  const Member* member = members_.find(target);
  const Update doubt{target, member->incarnation, MemberState::kSuspect, config_.self, {}};
  learn(t, doubt, out);
}

void Swim::expire_suspicions(Time t, Out& out) {
  NodeId node;
  while (suspicions_.take_expired(t, node)) {
    const Member* member = members_.find(node);
    learn(t, {node, member->incarnation, MemberState::kDead, config_.self, {}}, out);
  }
}

std::vector<Update> Swim::gossip_for(NodeId to) {
  std::vector<Update> gossip;
  size_t room = config_.max_message_bytes - kMessageHead;
  // The buddy system (Lifeguard, section IV-C), and its like for the dead: who is doubted hears of it first, to refute.
  const Member* member = members_.find(to);
  if (member != nullptr && member->state != MemberState::kAlive && config_.lifeguard) {
    gossip.push_back({to, member->incarnation, member->state, config_.self, {}});
    room -= encoded_bytes(gossip.back());
  }
  dissemination_.fill(gossip, room, members_.up(), gossip.empty() ? NodeId() : to);
  return gossip;
}

void Swim::on(Time t, NodeId from, const Ping& m, Out& out) {
  learn(t, m.gossip, out);
  out.send(from, Ack{m.number, gossip_for(from)});
  if (members_.find(from) == nullptr && may_answer_sync(t)) {
    mark<"detect.swim.stranger_asked">();
    request_sync(from, out);
  }
}

void Swim::on(Time t, NodeId from, const PingRequest& m, Out& out) {
  learn(t, m.gossip, out);
  act(t, prober_.relay(t, from, m.number, m.target, m.nack), out);
}

void Swim::on(Time t, NodeId, const Ack& m, Out& out) {
  learn(t, m.gossip, out);
  act(t, prober_.on_ack(m.number), out);
  if (stage_ == Stage::kLeaving && ++heard_leave_ >= std::min<size_t>(3, members_.up())) depart(out);
}

void Swim::on(Time, NodeId from, const Nack& m, Out&) { prober_.on_nack(from, m.number); }

void Swim::check_invariants() const {
  members_.check_invariants();
  prober_.check_invariants();
  const Member* self = members_.find(config_.self);
  ensure(self != nullptr, "a member knows itself");
  ensure(self->state == (stage_ == Stage::kMember ? MemberState::kAlive : MemberState::kLeft),
         "a member does not doubt itself");
  size_t suspects = 0;
  for (const auto& [node, member] : members_.members()) {
    const bool suspect = member.state == MemberState::kSuspect;
    suspects += suspect ? 1 : 0;
    ensure(suspect == suspicions_.has(node), "exactly the suspects have a deadline");
  }
  ensure(suspects == suspicions_.size(), "only members are suspected");
  ensure(dissemination_.size() <= members_.members().size(), "there is at most one piece of news for each member");
}

}  // namespace holdfast::detect
