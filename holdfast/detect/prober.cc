#include "holdfast/detect/prober.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"

namespace holdfast::detect {

Prober::Prober(const SwimConfig& config, const MemberTable& members, LocalHealth& health)
    : config_(config), members_(members), health_(health), random_(config.seed), number_(random_.next() >> 8) {}

void Prober::start(Time t) { period_ends_ = t + Duration::nanos(random_.between(0, config_.probe_interval.nanos())); }

Time Prober::deadline() const {
  const Time others = current_ && !current_->answered ? current_->ask_others : Time::never();
  return std::min({period_ends_, others, next_relay_check_});
}

Prober::Actions Prober::on_time(Time t) {
  Actions actions;
  expire_relays(t, actions);
  if (current_ && !current_->answered && t >= current_->ask_others && t < period_ends_) ask_others(actions);
  if (t >= period_ends_) {
    end_period(actions);
    begin_period(t, actions);
  }
  return actions;
}

void Prober::end_period(Actions& actions) {
  if (!current_) return;
  const Current last = *std::exchange(current_, std::nullopt);
  if (last.answered) return;
  const Member* member = members_.find(last.target);
  if (member == nullptr || !is_up(member->state)) return;
  // Whether it is the target or this process that is cut off, the proxies tell: one that heard us would have said so.
  if (last.asked > 0 && config_.lifeguard) {
    health_.worse(static_cast<uint32_t>(last.may_nack.size()));
  } else {
    health_.worse();
  }
  actions.push_back({ProbeAction::Kind::kFailed, {}, last.target});
}

void Prober::begin_period(Time t, Actions& actions) {
  period_ends_ = t + health_.scaled(config_.probe_interval);
  const std::optional<NodeId> target = next_target();
  if (!target) return;
  current_ = Current{*target, fresh_number(), t + health_.scaled(config_.probe_timeout)};
  actions.push_back({ProbeAction::Kind::kPing, *target, *target, current_->number});
}

void Prober::ask_others(Actions& actions) {
  current_->ask_others = Time::never();
  const std::vector<NodeId> proxies = members_.draw(random_, config_.proxies, [&](NodeId node, const Member& member) {
    return node != current_->target && member.state == MemberState::kAlive;
  });
  current_->asked = proxies.size();
  current_->may_nack = proxies;
  for (const NodeId proxy : proxies) {
    actions.push_back({ProbeAction::Kind::kPingRequest, proxy, current_->target, current_->number});
  }
}

std::optional<NodeId> Prober::next_target() {
  for (int rounds = 0; rounds < 2; ++rounds) {
    while (at_ < round_.size()) {
      const NodeId node = round_[at_++];
      const Member* member = members_.find(node);
      if (member != nullptr && is_up(member->state)) return node;
    }
    round_.clear();
    at_ = 0;
    for (const auto& [node, member] : members_.members()) {
      if (node != config_.self && is_up(member.state)) round_.push_back(node);
    }
    for (size_t i = round_.size(); i > 1; --i) std::swap(round_[i - 1], round_[random_.below(i)]);
  }
  return std::nullopt;
}

void Prober::add(NodeId node) {
  if (round_.empty()) return;
  const size_t place = at_ + random_.below(round_.size() - at_ + 1);
  round_.insert(round_.begin() + static_cast<std::ptrdiff_t>(place), node);
}

Prober::Actions Prober::on_ack(uint64_t number) {
  Actions actions;
  if (current_ && current_->number == number && !current_->answered) {
    current_->answered = true;
    health_.better();
  }
  if (const auto it = relays_.find(number); it != relays_.end()) {
    mark<"detect.swim.relayed_ack">();
    actions.push_back({ProbeAction::Kind::kAck, it->second.requester, {}, it->second.number});
    relays_.erase(it);
  }
  return actions;
}

void Prober::on_nack(NodeId from, uint64_t number) {
  if (!current_ || current_->number != number) return;
  auto& waiting = current_->may_nack;
  waiting.erase(std::remove(waiting.begin(), waiting.end(), from), waiting.end());
}

Prober::Actions Prober::relay(Time t, NodeId requester, uint64_t number, NodeId target, bool nack) {
  if (target == config_.self) return {{ProbeAction::Kind::kAck, requester, {}, number}};
  if (relays_.size() >= config_.max_relays || members_.find(target) == nullptr) return {};
  const uint64_t mine = fresh_number();
  // The nack has to arrive before the requester's period is over.
  const Time nack_at = t + config_.probe_timeout * 4 / 5;
  relays_[mine] = {requester, number, nack, nack ? nack_at : Time::never(), t + config_.probe_interval * 2};
  next_relay_check_ = std::min(next_relay_check_, nack ? nack_at : relays_[mine].expires);
  return {{ProbeAction::Kind::kPing, target, target, mine}};
}

void Prober::expire_relays(Time t, Actions& actions) {
  if (t < next_relay_check_) return;
  next_relay_check_ = Time::never();
  for (auto it = relays_.begin(); it != relays_.end();) {
    Relay& relay = it->second;
    if (t >= relay.nack_at) {
      actions.push_back({ProbeAction::Kind::kNack, relay.requester, {}, relay.number});
      relay.nack_at = Time::never();
    }
    if (t >= relay.expires) {
      it = relays_.erase(it);
      continue;
    }
    next_relay_check_ = std::min({next_relay_check_, relay.nack_at, relay.expires});
    ++it;
  }
}

void Prober::check_invariants() const {
  ensure(at_ <= round_.size(), "the round has a place");
  ensure(relays_.size() <= config_.max_relays, "relays are bounded");
  ensure(relays_.empty() || next_relay_check_ != Time::never(), "every relay ends");
  ensure(!current_ || period_ends_ != Time::never(), "every probe ends");
  ensure(!current_ || current_->may_nack.size() <= current_->asked, "only those that were asked are awaited");
}

}  // namespace holdfast::detect
