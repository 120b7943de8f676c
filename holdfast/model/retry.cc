#include "holdfast/model/retry.h"

#include <limits>
#include <string>

#include "holdfast/base/mark.h"

namespace holdfast {

Duration Retry::next_pause(Duration at_least) {
  if (failures_ < std::numeric_limits<uint32_t>::max()) ++failures_;
  const Duration whole = std::max(policy_.pause(failures_), at_least);
  switch (policy_.jitter()) {
    case Jitter::kHalf:
      // What the other side asked for is kept, whatever is drawn.
      return last_ = std::max(whole / 2 + Duration::nanos(random_.between(0, whole.nanos() / 2)), at_least);
    case Jitter::kFull:
      return last_ = std::max(Duration::nanos(random_.between(0, whole.nanos())), at_least);
    case Jitter::kDecorrelated: {
      const int64_t least = policy_.first().nanos(), cap = policy_.most().nanos();
      const int64_t upto = last_.nanos() > cap / 3 ? cap : std::max(last_.nanos() * 3, least);
      return last_ = std::max(Duration::nanos(random_.between(least, upto)), at_least);
    }
    case Jitter::kNone:
      break;
  }
  return last_ = whole;
}

StatusOr<Duration> Retry::failed(Time now, Duration at_least, RetryBudget* budget) {
  const Duration pause = next_pause(at_least);
  if (policy_.tries() != 0 && failures_ >= policy_.tries()) {
    return absl::ResourceExhaustedError("given up after " + std::to_string(failures_) + " tries");
  }
  if (deadline_ != Time::never() && pause > deadline_ - now) {
    mark<"retry.deadline">();
    return absl::DeadlineExceededError("given up after " + std::to_string(failures_) +
                                       " tries: the next one would begin after " + to_text(policy_.within()));
  }
  if (budget != nullptr && !budget->take()) {
    mark<"retry.budget_spent">();
    return absl::ResourceExhaustedError("not tried again: too much of what was asked lately is repetition");
  }
  return pause;
}

}  // namespace holdfast
