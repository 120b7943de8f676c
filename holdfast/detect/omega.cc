#include "holdfast/detect/omega.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"

namespace holdfast::detect {
namespace {

// No accusation is believed beyond: a penalty that no other can exceed would be for ever.
constexpr uint64_t kMaxPenalty = uint64_t{1} << 62;

}  // namespace

void Omega::start(Time now, Out&) {
  next_claim_ = now + config_.patience + Duration::nanos(random_.between(0, config_.patience.nanos()));
}

void Omega::set_trust(Time now, NodeId node, bool trusted, Out& out) {
  if (node == config_.self || retired_) return;
  const auto [it, is_new] = trusted_.emplace(node, trusted);
  if (!is_new && it->second == trusted) return;
  it->second = trusted;
  const auto claimant = claimants_.find(node);
  if (!trusted && claimant != claimants_.end()) {
    out.send(node, Accuse{claimant->second.penalty});
    claimants_.erase(claimant);
  }
  // A newcomer need not wait for the next period to learn whom to follow.
  if (trusted && claiming_) out.send(node, Claim{penalty_});
  decide(now, out);
}

void Omega::retire(Out& out) {
  if (claiming_) tell_all(Yield{}, out);
  retired_ = true;
  claiming_ = false;
  claimants_.clear();
  leader_ = NodeId();
  next_claim_ = next_query_ = Time::never();
}

std::optional<NodeId> Omega::best() const {
  std::optional<std::pair<uint64_t, NodeId>> least;
  for (const auto& [node, c] : claimants_) {
    if (!least || std::pair(c.penalty, node) < *least) least = {c.penalty, node};
  }
  if (claiming_ && (!least || std::pair(penalty_, config_.self) < *least)) return config_.self;
  return least ? std::optional(least->second) : std::nullopt;
}

void Omega::decide(Time now, Out& out) {
  const std::optional<NodeId> chosen = best();
  if (claiming_ && chosen != config_.self) {
    mark<"detect.omega.yielded">();
    claiming_ = false;
    next_claim_ = Time::never();
    tell_all(Yield{*chosen}, out);
  }
  if (!chosen && next_claim_ == Time::never()) {
    asked_all_ = false;
    next_claim_ = now + Duration::nanos(random_.between(0, config_.patience.nanos()));
  }
  if (chosen && !claiming_) next_claim_ = Time::never();
  next_query_ = chosen && *chosen != config_.self ? claimants_.at(*chosen).heard + config_.patience : Time::never();
  if (chosen && *chosen != config_.self) {
    next_query_ = std::max(next_query_, claimants_.at(*chosen).asked + config_.period);
  }
  const NodeId leader = chosen.value_or(NodeId());
  if (leader == leader_) return;
  leader_ = leader;
  out.raise(Leads{leader_});
}

void Omega::claim(Time now, Out& out) {
  claiming_ = true;
  next_claim_ = now + config_.period;
  tell_all(Claim{penalty_}, out);
}

void Omega::tell_all(const OmegaWire& wire, Out& out) const {
  for (const auto& [node, trusted] : trusted_) {
    if (trusted) out.send(node, wire);
  }
}

void Omega::on_time(Time now, Out& out) {
  if (now >= next_claim_) {
    if (claiming_ || asked_all_) {
      claim(now, out);
      decide(now, out);
    } else {
      asked_all_ = true;
      next_claim_ = now + config_.period;
      tell_all(Query{}, out);
    }
  }
  if (now >= next_query_) {
    mark<"detect.omega.asked">();
    out.send(leader_, Query{});
    claimants_.at(leader_).asked = now;
    decide(now, out);
  }
}

Time Omega::deadline() const { return std::min(next_claim_, next_query_); }

void Omega::on_message(Time now, NodeId from, const OmegaWire& wire, Out& out) {
  if (from == config_.self || retired_) return;
  std::visit([&](const auto& m) { on(now, from, m, out); }, wire);
}

void Omega::on(Time now, NodeId from, const Claim& m, Out& out) {
  const auto trusted = trusted_.find(from);
  if (trusted == trusted_.end() || !trusted->second || m.penalty > kMaxPenalty) return;
  claimants_[from] = {m.penalty, now, Time()};
  // Who claims in vain has not heard of this leader.
  if (claiming_ && std::pair(penalty_, config_.self) < std::pair(m.penalty, from)) out.send(from, Claim{penalty_});
  decide(now, out);
}

void Omega::on(Time, NodeId from, const Query&, Out& out) {
  if (claiming_) {
    out.send(from, Claim{penalty_});
  } else {
    out.send(from, Yield{leader_});
  }
}

void Omega::on(Time now, NodeId from, const Yield& m, Out& out) {
  if (claimants_.erase(from) > 0) decide(now, out);
  // Somebody follows one whose claims have not come through: no reason to claim yet.
  const auto leads = trusted_.find(m.follows);
  if (leader_ != NodeId() || claiming_ || leads == trusted_.end() || !leads->second || m.follows == from) return;
  mark<"detect.omega.waited_for_the_leader">();
  asked_all_ = false;
  next_claim_ = now + Duration::nanos(
                          random_.between(config_.period.nanos(), std::max(config_.period, config_.patience).nanos()));
  out.send(m.follows, Query{});
}

void Omega::on(Time now, NodeId, const Accuse& m, Out& out) {
  if (m.penalty != penalty_ || penalty_ >= kMaxPenalty) return;
  mark<"detect.omega.accused">();
  ++penalty_;
  if (claiming_) claim(now, out);
  decide(now, out);
}

void Omega::check_invariants() const {
  for (const auto& [node, claimant] : claimants_) {
    const auto it = trusted_.find(node);
    ensure(it != trusted_.end() && it->second, "only trusted members are followed");
  }
  ensure(leader_ == best().value_or(NodeId()), "the leader is the best claimant");
  ensure(leader_ != NodeId() || next_claim_ != Time::never() || retired_ || (trusted_.empty() && !claiming_),
         "a vacancy does not last");
  ensure(leader_ == NodeId() || leader_ == config_.self || next_query_ != Time::never(),
         "a leader that is silent is asked");
}

}  // namespace holdfast::detect
