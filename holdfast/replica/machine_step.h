// One step of the replica inside a step of the machine. Internal to replica/.
#pragma once

#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/replica/machine.h"

namespace holdfast::replica {

template <class Step>
void Machine::step(Time now, Out& out, Step&& run) {
  auto events = absorb(out, replica_out_, std::forward<Step>(run));
  for (auto& e : events) {
    if (dead_) return;
    ensure(e.after == StableSeq{}, "a replica's events are unconditional");
    handle(now, e.event, out);
  }
  while (!dead_ && replica_->answered()) {
    for (auto& e : absorb(out, replica_out_, [&](Replica::Out& o) { replica_->on_answers(now, o); })) {
      if (!dead_) handle(now, e.event, out);
    }
  }
}

}  // namespace holdfast::replica
