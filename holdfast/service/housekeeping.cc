// What members propose by themselves: the founding table, their addresses, log time, renewals, alarms.

#include <algorithm>

#include "holdfast/service/impl.h"

namespace holdfast::service {

void Service::Impl::propose_own(uint64_t& sequence, store::Command command) {
  sequence = replica->propose(codec::encode_flat(command));
}

// Whether `sequence` was a proposal of the member's own, which is over now.
bool Service::Impl::own_done(uint64_t sequence) {
  for (uint64_t* own : {&bootstrap_sequence, &publish_sequence, &tick_sequence, &alarm_sequence, &promote_sequence,
                        &up_to_date_sequence}) {
    if (*own == sequence) {
      *own = 0;
      return true;
    }
  }
  return false;
}

bool Service::Impl::wants_promotion() const {
  const store::Member* me = store.member(config.replica.consensus.self);
  return me != nullptr && me->becomes_voter && !me->name.empty() && promote_sequence == 0 &&
         replica->leader() != NodeId{};
}

void Service::Impl::housekeep(Time t, Out&) {
  if (!replica->started() || stopping) return;
  if (!serializable_asked) {
    serializable_asked = true;
    // What a quorum of the group reads says nothing about how far this member is.
    if (byzantine()) {
      propose_own(up_to_date_sequence, store::Tick{});
    } else {
      replica->read(kOwnReadToken, Slice());
    }
  }
  const NodeId self = config.replica.consensus.self;
  if (replica->leads() && store.members().empty() && !config.bootstrap.empty() && bootstrap_sequence == 0) {
    propose_own(bootstrap_sequence, store::SetMembers{config.bootstrap, NodeId{}});
  }
  const store::Member* me = store.member(self);
  const bool known = me != nullptr && me->name == config.name && me->client_urls == config.client_urls;
  if (me != nullptr && !known && publish_sequence == 0 && replica->leader() != NodeId{}) {
    propose_own(publish_sequence, store::Publish{self, config.name, config.client_urls});
  }
  if (wants_promotion() && t >= promote_at) {
    promote_sequence = replica->change_membership({{consensus::ChangeKind::kPromote, self}},
                                                  codec::encode_flat(MemberDelta(MemberPromoted{self})));
  }
  if (const std::optional<Time> due = tick_due(); due && *due <= t) propose_own(tick_sequence, store::Tick{});
  if (no_room && alarm_sequence == 0) {
    no_room = false;
    const store::Response alarms = store.alarms(store::AlarmType::kNoSpace);
    const auto& raised = std::get<store::AlarmResponse>(alarms).alarms;
    const store::AlarmMember mine{self, store::AlarmType::kNoSpace};
    if (std::find(raised.begin(), raised.end(), mine) == raised.end()) {
      propose_own(alarm_sequence, store::AlarmRequest{store::AlarmAction::kActivate, self, store::AlarmType::kNoSpace});
    }
  }
}

Time Service::Impl::housekeeping_deadline() const {
  if (!replica->started() || stopping) return Time::never();
  if (!serializable_asked || (no_room && alarm_sequence == 0)) return Time();
  if (replica->leads() && store.members().empty() && !config.bootstrap.empty() && bootstrap_sequence == 0)
    return Time();
  const store::Member* me = store.member(config.replica.consensus.self);
  const bool known = me == nullptr || (me->name == config.name && me->client_urls == config.client_urls);
  if (!known && publish_sequence == 0 && replica->leader() != NodeId{}) return Time();
  if (wants_promotion()) return promote_at;
  return tick_due().value_or(Time::never());
}

// Leases need log time to move when nothing else moves it. The leader sees to that; over PBFT a leader may be faulty,
// and the others take their turns, one after the other, when it does not.
std::optional<Time> Service::Impl::tick_due() const {
  if (tick_sequence != 0 || !store.has_leases()) return std::nullopt;
  if (!byzantine() && !replica->leads()) return std::nullopt;
  const int64_t clock = replica->log_clock_ms(now);
  const int64_t idle_at = store.clock_ms() + kTickInterval.millis();
  int64_t due_ms = std::min(idle_at, store.next_expiry_ms().value_or(idle_at));
  if (byzantine()) {
    const std::vector<NodeId>& members = replica->membership().voters;
    const auto place = [&](NodeId id) { return std::find(members.begin(), members.end(), id) - members.begin(); };
    const auto n = static_cast<int64_t>(members.size());
    const int64_t turn = (place(config.replica.consensus.self) - place(replica->leader()) + n) % n;
    due_ms += turn * kTickInterval.millis();
  }
  return now + Duration::millis(std::max<int64_t>(0, due_ms - clock));
}

// One renewal entry for all keep-alives that have gathered.
void Service::Impl::send_keep_alives(Out&) {
  std::erase_if(keep_alives, [this](const KeepAlive& k) { return calls.count(k.call) == 0; });
  if (keep_alives.empty()) return;
  store::LeaseRenew renew;
  for (const KeepAlive& k : keep_alives) renew.ids.push_back(k.lease);
  const uint64_t sequence = replica->propose(codec::encode_flat(store::Command(std::move(renew))));
  for (const KeepAlive& k : keep_alives) calls.at(k.call).sequence = sequence;
  const size_t waiting = keep_alives.size();
  keep_alive_batches[sequence] = {std::exchange(keep_alives, {}), waiting};
}

}  // namespace holdfast::service
