// What a seed stands for: sizes, workload and faults. Half of the seeds are drawn from everything; the others have one
// of the mixes in which a whole class of mistakes shows.
#include <algorithm>

#include "holdfast/consensus/raft/tolerance.h"
#include "holdfast/sim/store_run.h"

namespace holdfast::sim {
namespace {

using enum FaultKind;

constexpr Time kFirstFault = Time::at_millis(400);

void add(Random& random, RunSpec& spec, FaultKind kind, uint64_t count, Duration at_most) {
  for (uint64_t i = 0; i < count; ++i) {
    Fault f;
    f.kind = kind;
    f.start = kFirstFault + Duration::nanos(random.between(0, (spec.plan.end - kFirstFault).nanos()));
    f.duration = std::min(Duration::nanos(random.between(1'000'000, at_most.nanos())), spec.plan.end - f.start);
    f.strength = static_cast<uint32_t>(1 + random.below(1000));
    f.seed = random.next();
    spec.plan.faults.push_back(std::move(f));
  }
}
void add_throughout(Random& random, RunSpec& spec, FaultKind kind) {
  spec.plan.faults.push_back({kind, kFirstFault, spec.plan.end - kFirstFault, {}, 500, random.next()});
}

// Few keys, much written and read.
void hurry(Random& random, WorkloadConfig& w) {
  w.clients = 4 + random.below(4);
  w.keys = 1 + random.below(2);
  w.think = Duration::millis(static_cast<int64_t>(5 + random.below(20)));
  w.value_bytes = 16;
}
void slow_links(StoreConfig& s) {
  s.min_delay = Duration::millis(5);
  s.max_delay = Duration::millis(25);
}
void slow_disks(Random& random, StoreConfig& s) {
  if (random.chance(1, 2)) s.pace.max_sync = Duration::millis(20);
}
void slow_down(Random& random, StoreConfig& s) {
  if (random.chance(1, 2)) slow_links(s);
  slow_disks(random, s);
}

// Many terms in little time.
void quicken(StoreConfig& s) {
  s.heartbeat = Duration::millis(20);
  s.election_timeout = Duration::millis(100);
}

// Terms end before their leaders have committed anything, and logs differ (Raft paper, figure 8).
void short_reigns(Random& random, RunSpec& spec) {
  spec.store.members = random.chance(3, 4) ? 3 : 5;
  spec.store.max_append_bytes = random.chance(5, 6) ? 1 : 4096;
  spec.store.snapshot_count = 10'000;
  if (random.chance(3, 4)) slow_links(spec.store);
  if (random.chance(3, 4)) quicken(spec.store);
  slow_disks(random, spec.store);
  hurry(random, spec.workload);
  spec.workload.change_members = false;
  if (random.chance(3, 4)) spec.plan.faults.clear();
  add_throughout(random, spec, kShortReigns);
}

// Voters come and go while leaders fall and the network parts in halves: where quorums can get disjoint.
void churn(Random& random, RunSpec& spec) {
  spec.store.members = random.chance(1, 2) ? 4 : 3;
  slow_down(random, spec.store);
  spec.workload.change_members = spec.workload.eager_operator = true;
  spec.plan.faults.clear();
  if (random.chance(2, 3)) quicken(spec.store);
  add_throughout(random, spec, kShortReigns);
  add(random, spec, kPartition, random.below(8), Duration::millis(900));
}

// What a member said and what its disk kept part, while rivals ask for the same votes.
void brittle_disks(Random& random, RunSpec& spec) {
  spec.store.members = random.chance(1, 4) ? 1 : 3;
  spec.store.power_failures = 1000;
  slow_down(random, spec.store);
  hurry(random, spec.workload);
  spec.workload.change_members = false;
  spec.plan.faults.clear();
  if (random.chance(1, 2)) add_throughout(random, spec, kShortReigns);
  if (random.chance(2, 3)) add_throughout(random, spec, kEdgeCrashes);
  add(random, spec, kTornWrites, random.below(20), Duration::millis(100));
  add(random, spec, kPowerLoss, random.below(20), Duration::millis(100));
  add(random, spec, kCrashPoint, random.below(10), Duration::millis(100));
  if (random.chance(1, 3)) add(random, spec, kSyncFails, 1 + random.below(10), Duration::millis(100));
}

// Snapshots all the time, and never the time to finish one.
void interrupted_snapshots(Random& random, RunSpec& spec) {
  spec.store.snapshot_count = 5;
  spec.store.snapshot_chunk_bytes = 200;
  spec.store.power_failures = 1000;
  spec.plan.faults.clear();
  add_throughout(random, spec, kSlowDisk);
  add(random, spec, kPowerLoss, 1 + random.below(20), Duration::millis(100));
  add(random, spec, kCrashPoint, random.below(10), Duration::millis(100));
  add(random, spec, kLongCut, random.below(4), Duration::millis(1500));
}

void focus(Random& random, RunSpec& spec) {
  const uint64_t on = random.below(16);
  if (on < 3) short_reigns(random, spec);
  if (on == 3 || on == 4) churn(random, spec);
  if (on == 5 || on == 6) brittle_disks(random, spec);
  if (on == 7) interrupted_snapshots(random, spec);
  std::stable_sort(spec.plan.faults.begin(), spec.plan.faults.end(),
                   [](const Fault& a, const Fault& b) { return a.start < b.start; });
}

}  // namespace

RunSpec swarm_spec(uint64_t seed) {
  RunSpec spec;
  spec.seed = seed;
  Random random(hash_combine(seed, hash64("swarm")));
  StoreConfig& s = spec.store;
  const uint64_t size = random.below(20);
  s.members = size < 2 ? 1 : size < 15 ? 3 : size < 19 ? 5 : 2;
  s.read_mode = random.chance(1, 3) ? consensus::ReadMode::kLease : consensus::ReadMode::kQuorum;
  const uint64_t counts[] = {5, 20, 60, 10'000};
  s.snapshot_count = counts[random.below(4)];
  s.catch_up_entries = random.below(3) * 10;
  s.snapshot_chunk_bytes = random.chance(1, 2) ? 200 : 4096;
  s.max_append_bytes = random.chance(1, 3) ? 100 : 4096;
  s.segment_bytes = random.chance(1, 2) ? 8 << 10 : 64 << 10;
  s.power_failures = random.chance(1, 4) ? 0 : random.chance(1, 2) ? 1000 : 500;
  if (random.chance(1, 5)) s.min_delay = Duration::millis(5), s.max_delay = Duration::millis(25);
  if (random.chance(1, 4)) s.pace.max_sync = Duration::millis(20);
  spec.workload = WorkloadConfig::from_swarm(random);
  if (s.members < 3) spec.workload.change_members = false;
  spec.plan = swarm_plan(random, s.members, kFirstFault, Time() + spec.faults, raft::tolerance(s.read_mode));
  if (spec.workload.change_members) {
    std::erase_if(spec.plan.faults,
                  [](const Fault& f) { return info(f.kind).failure.persistence == Persistence::kPermanent; });
  }
  focus(random, spec);
  return spec;
}

}  // namespace holdfast::sim
