// The simulated world: virtual time, one seed, one thread.
//
//  1. Everything that happens is an event; events happen in the order of (time, when they were scheduled).
//  2. The same seed gives the same run, on every compiler and in every build type.
//  3. Nothing in a run reads a clock, a file or an address.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/model/types.h"
#include "holdfast/sim/trace.h"

namespace holdfast::sim {

// A promise that was broken, as a checker or an invariant saw it.
struct Violation {
  Time at;
  std::string oracle;       // who noticed: "LIN", "DUR", "ONE", ... (docs/simulator.md)
  std::string explanation;  // what, with the smallest relevant excerpt of the history
};

class World {
 public:
  using Action = std::function<void()>;

  explicit World(uint64_t seed) : seed_(seed) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  uint64_t seed() const { return seed_; }
  // The true time, which no process sees. Starts at zero.
  Time now() const { return now_; }

  // A generator for one purpose: what one draws does not disturb another. The same name gives the same draws.
  Random stream(std::string_view purpose, uint64_t number = 0) const;

  // Schedules an action; a time in the past means now, behind what is already due.
  void at(Time when, Action action);
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }

  // Runs the next event. False when there is none.
  bool step();
  // Runs every event up to and including `until`; afterwards now() == until, unless a violation stopped the run.
  void run_until(Time until);
  // Runs until `done()` holds, asked after every event; false when `until` came first.
  bool run_until(Time until, const std::function<bool()>& done);

  Trace& trace() { return trace_; }
  uint64_t events() const { return events_; }

  // The first violation ends the run.
  void violate(std::string oracle, std::string explanation);
  bool violated() const { return !violations_.empty(); }
  const std::vector<Violation>& violations() const { return violations_; }

 private:
  struct Due {
    Time when;
    uint64_t sequence;
    Action action;
  };
  static bool later(const Due& a, const Due& b) { return a.when != b.when ? a.when > b.when : a.sequence > b.sequence; }

  uint64_t seed_;
  Time now_;
  uint64_t next_sequence_ = 0;
  uint64_t events_ = 0;
  std::vector<Due> queue_;  // a heap, the next on top
  Trace trace_;
  std::vector<Violation> violations_;
};

}  // namespace holdfast::sim
