#include "holdfast/consensus/flooding/flooding.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"

namespace holdfast::flooding {

Flooding::Flooding(const Config& config) : config_(config), flood_(config) {
  ensure(std::is_sorted(config.group.begin(), config.group.end()), "a group is sorted");
  ensure(std::binary_search(config.group.begin(), config.group.end(), config.self), "a process belongs to its group");
}

void Flooding::replay(StableSeq, const Record&) { halted_ = true; }

void Flooding::start(Time, Out& out) {
  if (halted_) {
    mark<"flooding.halted_at_its_restart">();
    return out.raise(Halted{config_.self});
  }
  begun_ = out.persist(Begun{config_.self});
}

// One step of the rules: what they say goes to everybody else, in order; a decision reached in it is raised.
template <class Step>
void Flooding::step(Out& out, Step&& step) {
  if (halted_) return;
  const bool decided = flood_.decision() != nullptr;
  flood_.begin_step();
  Flood::Say say;
  step(say);
  for (const Message& m : say) {
    for (const NodeId to : config_.group) {
      const auto& crashed = flood_.state().crashed;
      const bool hears = to != config_.self && !std::binary_search(crashed.begin(), crashed.end(), to);
      if (hears) out.send(to, m, /*after=*/begun_);
    }
  }
  if (!decided && flood_.decision() != nullptr) out.raise(Chosen{*flood_.decision()}, /*after=*/begun_);
}

Status Flooding::propose(Time, Slice value, Out& out) {
  if (halted_) return absl::FailedPreconditionError("this process has crashed before and has no part in the group");
  if (flood_.proposed()) return absl::FailedPreconditionError("this process has proposed already");
  step(out, [&](Flood::Say& say) { flood_.propose(std::move(value), say); });
  return absl::OkStatus();
}

void Flooding::on_message(Time, NodeId from, const Message& message, Out& out) {
  step(out, [&](Flood::Say& say) { flood_.on_message(from, message, say); });
}

void Flooding::on_time(Time, Out& out) {
  step(out, [&](Flood::Say& say) { flood_.go_on(say); });
}

void Flooding::on_crash(Time, NodeId node, Out& out) {
  step(out, [&](Flood::Say& say) { flood_.on_crash(node, say); });
}

}  // namespace holdfast::flooding
