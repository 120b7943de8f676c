// One step of the engine inside a step of its replica. Internal to replica/.
#pragma once

#include <utility>

#include "holdfast/base/codec.h"
#include "holdfast/replica/log_replica.h"

namespace holdfast::replica {

inline constexpr const char* kRemoved =
    "this member was removed from the cluster; its data directory is of no further use";

template <class Step>
void LogReplica::engine_step(Time now, Out& out, Step&& step) {
  auto events = absorb(out, engine_out_, std::forward<Step>(step));
  // Not by the event, which waits for the record of the term: commands may be stamped before.
  if (leads() && engine_->term() != clock_term_) {
    clock_term_ = engine_->term();
    clock_.lead(now);
  }
  for (auto& e : events) {
    if (e.after > stable_) {
      held_.emplace(e.after, std::move(e.event));
    } else {
      handle(now, e.event, out);
    }
  }
}

}  // namespace holdfast::replica
