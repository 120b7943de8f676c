#include "holdfast/consensus/flooding/flooding_log.h"

#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"

namespace holdfast::flooding {

FloodingLog::FloodingLog(const LogConfig& config) : config_(config), group_(config.group), flood_(make_flood()) {
  ensure(std::is_sorted(config.group.begin(), config.group.end()), "a group is sorted");
  ensure(std::binary_search(config.group.begin(), config.group.end(), config.self), "a process belongs to its group");
}

Flood FloodingLog::make_flood() const {
  ensure(!group_.empty(), "a group is not empty");
  return Flood(Config{config_.self, group_, config_.agreement, group_[slot_ % group_.size()]});
}

// As long as something is under way, the step in which it was said is not over.
void FloodingLog::begin_step() {
  if (acknowledged_) flood_.begin_step();
}

void FloodingLog::replay(StableSeq, const Record&) { halted_ = true; }

void FloodingLog::start(Time, Out& out) {
  if (halted_) return out.raise(Halted{config_.self});
  begun_ = out.persist(Begun{config_.self});
}

Time FloodingLog::deadline() const {
  const bool proposes = !waiting_.empty() && !flood_.proposed();
  return !halted_ && (proposes || (acknowledged_ && flood_.goes_on())) ? Time() : Time::never();
}

Status FloodingLog::submit(Time, Slice command, Out&) {
  if (halted_) return absl::FailedPreconditionError("this process has no part in the group any more");
  if (waiting_.size() >= config_.max_waiting) {
    return absl::ResourceExhaustedError("too many commands wait for their slots; try again later");
  }
  waiting_.push_back(std::move(command));
  return absl::OkStatus();
}

void FloodingLog::on_time(Time, Out& out) {
  if (deadline() == Time::never()) return;
  begin_step();
  if (flood_.proposed()) {
    Flood::Say say;
    flood_.go_on(say);
    tell(say, out);
  } else {
    propose(out);
  }
  deliver_decided(out);
}

void FloodingLog::on_crash(Time, NodeId node, Out& out) {
  if (halted_ || node == config_.self || !std::binary_search(group_.begin(), group_.end(), node)) return;
  const auto at = std::lower_bound(crashed_.begin(), crashed_.end(), node);
  if (at != crashed_.end() && *at == node) return;
  crashed_.insert(at, node);
  begin_step();
  Flood::Say say;
  flood_.on_crash(node, say);
  tell(say, out);
  deliver_decided(out);
}

void FloodingLog::on_message(Time, NodeId from, const LogMessage& message, Out& out) {
  if (halted_) return;
  const auto& [slot, inner] = std::get<InSlot>(message);
  if (slot == slot_ + 1) {
    // Nobody finishes a slot without this process, so there is at most one message of each for the next.
    const bool known = std::any_of(ahead_.begin(), ahead_.end(), [&](const auto& a) { return a.first == from; });
    const bool member = std::binary_search(group_.begin(), group_.end(), from);
    if (known || !member) return mark<"flooding.too_far_ahead">();
    mark<"flooding.ahead_of_the_slot">();
    return ahead_.emplace_back(from, inner), void();
  }
  if (slot != slot_ || !std::binary_search(group_.begin(), group_.end(), from)) return;
  begin_step();
  if (!flood_.proposed()) propose(out);
  Flood::Say say;
  flood_.on_message(from, inner, say);
  tell(say, out);
  deliver_decided(out);
}

void FloodingLog::propose(Out& out) {
  proposed_ = std::min(waiting_.size(), config_.max_batch);
  const Batch batch{{waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(proposed_)}, crashed_};
  const bool nothing = batch.commands.empty() && batch.gone.empty();
  Flood::Say say;
  flood_.propose(nothing ? Slice() : codec::encode_flat(batch), say);
  tell(say, out);
}

void FloodingLog::tell(const Flood::Say& say, Out& out) {
  for (const Message& m : say) {
    for (const NodeId to : group_) {
      const bool hears = to != config_.self && !std::binary_search(crashed_.begin(), crashed_.end(), to);
      if (hears) out.send(to, InSlot{slot_, m}, /*after=*/begun_);
    }
  }
}

void FloodingLog::deliver_decided(Out& out) {
  while (!halted_ && flood_.decision() != nullptr) {
    deliver(Proposal(*flood_.decision()), out);
    proposed_ = 0;
    if (halted_) return;
    ++slot_;
    flood_ = make_flood();
    for (const NodeId node : crashed_) {
      Flood::Say none;
      flood_.on_crash(node, none);
    }
    if (ahead_.empty()) continue;
    propose(out);
    for (const auto& [from, message] : std::exchange(ahead_, {})) {
      Flood::Say say;
      flood_.on_message(from, message, say);
      tell(say, out);
    }
  }
}

void FloodingLog::deliver(const Proposal& choice, Out& out) {
  Batch batch;
  if (!choice.value.empty()) {
    StatusOr<Batch> decoded = codec::decode<Batch>(choice.value);
    if (!decoded.ok()) return mark<"flooding.no_batch">();  // the same bytes at everybody: nobody delivers anything
    batch = *std::move(decoded);
  }
  if (choice.proposer == config_.self) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(proposed_));
  }
  if (!batch.commands.empty()) out.raise(Delivered{slot_, choice.proposer, batch.commands}, /*after=*/begun_);
  for (const NodeId gone : batch.gone) {
    mark<"flooding.removed">();
    std::erase(group_, gone);
    std::erase(crashed_, gone);
  }
  if (!std::binary_search(group_.begin(), group_.end(), config_.self)) {
    // A false notice about this very process. The others have gone on: make it true.
    mark<"flooding.halted_by_the_others">();
    halted_ = true;
    group_ = {config_.self};
    crashed_.clear();
    ahead_.clear();
    out.raise(Halted{config_.self});
  }
}

void FloodingLog::check_invariants() const {
  flood_.check_invariants();
  ensure(proposed_ <= waiting_.size(), "what was proposed waits");
  ensure(ahead_.size() < config_.group.size(), "one message ahead of each other process");
  ensure(waiting_.size() <= config_.max_waiting, "the queue is bounded");
  ensure(std::binary_search(group_.begin(), group_.end(), config_.self), "a process belongs to its group");
  for (const NodeId c : crashed_) {
    ensure(std::binary_search(group_.begin(), group_.end(), c), "only members of the group are noted as crashed");
  }
}

}  // namespace holdfast::flooding
