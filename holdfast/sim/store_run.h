// One simulated run of the store: a seed (or a scenario) becomes a cluster, a workload and a fault plan; the run goes
// through its phases; the checkers judge it.
//
//   faults     clients call while the plan strikes
//   healing    every fault is over, everybody is up: within ten election timeouts every member must serve a write and a
//              read, if no more than the tolerated number of disks was damaged
//   settling   clients stop; members must agree, watchers must have everything, leases must end
//   judgement  all checkers over the whole history
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/sim/plan.h"
#include "holdfast/sim/store_member.h"
#include "holdfast/sim/workload.h"
#include "holdfast/sim/world.h"

namespace holdfast::sim {

struct RunSpec {
  uint64_t seed = 1;
  StoreConfig store;
  WorkloadConfig workload;
  Plan plan;
  Duration faults = Duration::millis(5000);  // how long the first phase lasts
};

// Everything drawn from the seed.
RunSpec swarm_spec(uint64_t seed);

struct RunResult {
  uint64_t seed = 0;
  std::vector<Violation> violations;  // none: the run is good
  uint64_t trace_hash = 0;
  uint64_t events = 0;
  uint64_t calls = 0;
  uint64_t answered = 0;
  int64_t revisions = 0;
  uint64_t terms = 0;
  uint64_t lies = 0;  // what liars said that their replicas would not have said
  Time ended;
  Budget budget;                               // what was demanded, and why
  std::array<uint32_t, kFaultKinds> struck{};  // how often each kind of fault was begun
};

// How messages are told to `sink`: with every field, or in the words of a picture.
enum class Telling { kFull, kWords };
RunResult run_store(const RunSpec& spec, const Trace::Sink& sink = {}, Telling telling = Telling::kFull);

// What may be demanded of the run: everything, or safety only, as the protocol's tolerance says of the plan's faults.
Budget budget_of(const RunSpec& spec);

// What the spec says, in one line per matter.
std::string describe(const RunSpec& spec);

}  // namespace holdfast::sim
