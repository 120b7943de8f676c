// Time redundancy: when a failed operation is tried again, and when no more. A policy as a pure value; whoever waits does
// so with a clock of its own (lecture 002, "Failure Masking"; lecture 003, "Types of
// redundancy"; Brooker, "Exponential backoff and jitter", 2015; Finagle's retry budgets).
//
//   constexpr RetryPolicy kJoining =
//       RetryPolicy(Repeatable::kIdempotent).growing(Duration::millis(200),
//       Duration::seconds(2)).spread(Jitter::kHalf).tries(5);
//   Retry retry(kJoining, seed, now);
//   for (;;) {
//     if (ask().ok()) break;
//     const StatusOr<Duration> pause = retry.failed(now());
//     if (!pause.ok()) return pause.status();               // says what was used up
//     wait(*pause);
//   }
//
// 1. There is no policy without the reason why a repetition does no harm: it does not compile.
// 2. Pauses never shrink before jitter and never exceed `most`, unless the other side asks for longer: that is kept. The
//    same seed gives the same pauses.
// 3. No try begins after the deadline, and no pause is begun that would end behind it.
// 4. With a budget, repetitions are at most a fixed part of all operations, plus what is in reserve: when everything
//    fails, the load grows by that part and not by a multiple.
#pragma once

#include <algorithm>
#include <cstdint>

#include "holdfast/base/random.h"
#include "holdfast/base/status.h"
#include "holdfast/model/types.h"

namespace holdfast {

// Why an operation may be done twice.
enum class Repeatable : uint8_t {
  kIdempotent,   // twice is as good as once: reads, connecting, asking for what may be granted already
  kExactlyOnce,  // it carries an identity by which whoever does it drops repetitions
  kNoEffect,     // it is repeated only after a failure that proves that nothing was done
};
constexpr Repeatable last_value(Repeatable) { return Repeatable::kNoEffect; }

// Keeps those that failed together from trying together.
enum class Jitter : uint8_t {
  kNone,
  kHalf,          // from half of the pause to all of it
  kFull,          // from nothing to all of it
  kDecorrelated,  // from the first pause to three times the last one that was drawn
};
constexpr Jitter last_value(Jitter) { return Jitter::kDecorrelated; }

class RetryPolicy {
 public:
  constexpr explicit RetryPolicy(Repeatable why) : why_(why) {}

  // The same pause every time.
  constexpr RetryPolicy every(Duration pause) const { return growing(pause, pause); }
  // Pauses that double from `first` on, up to `most`. Negative ones count as none, and `most` is at least `first`.
  constexpr RetryPolicy growing(Duration first, Duration most) const {
    RetryPolicy p = *this;
    p.first_ = std::max(first, Duration());
    p.most_ = std::max(most, p.first_);
    return p;
  }
  constexpr RetryPolicy spread(Jitter jitter) const {
    RetryPolicy p = *this;
    p.jitter_ = jitter;
    return p;
  }
  // So many tries in all, the first one included; zero: any number.
  constexpr RetryPolicy tries(uint32_t tries) const {
    RetryPolicy p = *this;
    p.tries_ = tries;
    return p;
  }
  // So long from the first try on; zero: for ever.
  constexpr RetryPolicy within(Duration time) const {
    RetryPolicy p = *this;
    p.within_ = time;
    return p;
  }

  constexpr Repeatable why() const { return why_; }
  constexpr Duration first() const { return first_; }
  constexpr Duration most() const { return most_; }
  constexpr Jitter jitter() const { return jitter_; }
  constexpr uint32_t tries() const { return tries_; }
  constexpr Duration within() const { return within_; }
  // After the n-th failure in a row (from 1), before jitter. For those who keep the count themselves and need no
  // jitter.
  constexpr Duration pause(uint32_t failures) const {
    Duration pause = first_;
    for (uint32_t i = 1; i < failures && pause < most_ && pause > Duration(); ++i) {
      pause = pause > most_ / 2 ? most_ : pause * 2;
    }
    return pause;
  }

 private:
  Repeatable why_;
  Jitter jitter_ = Jitter::kNone;
  uint32_t tries_ = 0;
  Duration first_, most_, within_;
};

// A token bucket that many operations share: every operation pays in, every repetition takes a whole token out.
// Guarantee: repetitions <= reserve + operations * thousandths / 1000. Not thread-safe.
class RetryBudget {
 public:
  constexpr RetryBudget(uint32_t thousandths, uint32_t reserve)
      : pays_in_(thousandths), full_(uint64_t{reserve} * 1000), tokens_(full_) {}

  void operation() { tokens_ = std::min(tokens_ + pays_in_, full_); }
  // False: there is none left, and nothing may be repeated now.
  bool take() {
    if (tokens_ < 1000) return false;
    tokens_ -= 1000;
    return true;
  }

 private:
  uint64_t pays_in_, full_, tokens_;  // in thousandths of a token
};

// The tries of one operation, one after the other.
class Retry {
 public:
  Retry(const RetryPolicy& policy, uint64_t seed, Time now = Time()) : policy_(policy), random_(seed) { begin(now); }

  // The first try of the operation, or of the next one.
  void begin(Time now) {
    failures_ = 0;
    last_ = policy_.first();
    deadline_ = policy_.within() == Duration() ? Time::never() : now + policy_.within();
  }
  // It has succeeded: if it should fail again, that is a first failure. The deadline stays.
  void succeeded() { failures_ = 0, last_ = policy_.first(); }

  // The try has failed: how long to pause before the next one, at least as long as the other side asked for. Else why
  // there is none: kDeadlineExceeded, or kResourceExhausted (tries, budget).
  StatusOr<Duration> failed(Time now, Duration at_least = {}, RetryBudget* budget = nullptr);

  // The pauses alone, for those who go on for ever.
  Duration next_pause(Duration at_least = {});
  uint32_t failures() const { return failures_; }
  const RetryPolicy& policy() const { return policy_; }

 private:
  RetryPolicy policy_;
  Random random_;
  uint32_t failures_ = 0;
  Duration last_;
  Time deadline_;
};

}  // namespace holdfast
