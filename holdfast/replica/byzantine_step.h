// Steps of the parts of a replica over PBFT. Internal to replica/.
#pragma once

#include <algorithm>
#include <iterator>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/replica/byzantine_replica.h"

namespace holdfast::replica {

// Of one bundle of a gateway's operations; a single operation is no larger, either.
inline constexpr uint64_t kMaxGroupRequestBytes = uint64_t{4} << 20;

// Every operation may be answered with so many, whatever the others were answered with: an error, or that it was done.
inline constexpr uint64_t kLeastAnswerBytes = 128;

// The gateway's tokens: proposals and reads side by side.
constexpr uint64_t command_token(uint64_t sequence) { return sequence * 2; }
constexpr uint64_t read_token(uint64_t number) { return number * 2 + 1; }
constexpr uint64_t sequence_of(uint64_t token) { return token % 2 == 0 ? token / 2 : 0; }

// Takes what the part says to this member itself out of its outbox.
template <class ChildOut>
void ByzantineReplica::keep_own(ChildOut& child) {
  const auto own = std::stable_partition(child.sent.begin(), child.sent.end(),
                                         [&](const auto& s) { return s.to != config_.consensus.self; });
  for (auto s = own; s != child.sent.end(); ++s) {
    ensure(s->after == StableSeq{}, "what a member says to itself waits for nothing");
    own_.push_back(std::move(s->wire));
  }
  child.sent.erase(own, child.sent.end());
}

template <class Step>
void ByzantineReplica::core_step(Time now, Out& out, Step&& step) {
  auto events = absorb(out, core_out_, [&](pbft::Replica::Out& o) {
    step(o);
    keep_own(o);
  });
  for (auto& e : events) {
    ensure(e.after == StableSeq{}, "events of PBFT wait for nothing");
    handle(now, e.event, out);
  }
  show_role(out);
  hear_oneself(now, out);
}

template <class Step>
void ByzantineReplica::client_step(Time now, Out& out, Step&& step) {
  step(client_out_);
  keep_own(client_out_);
  for (auto& s : client_out_.sent) out.send(s.to, std::move(s.wire));
  auto events = std::exchange(client_out_.raised, {});
  client_out_.clear();
  for (auto& e : events) group_answered(e.event, out);
  hear_oneself(now, out);
}

}  // namespace holdfast::replica
