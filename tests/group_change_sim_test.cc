// The store over PBFT in the simulated world, while its administrator adds members and removes them, between four and
// seven, under the swarm's faults: every promise is kept, and newcomers serve.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "holdfast/base/mark.h"
#include "holdfast/sim/engine_choice.h"
#include "holdfast/sim/store_run.h"

namespace holdfast::sim {
namespace {

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

RunSpec spec_of(uint64_t seed) {
  RunSpec spec = swarm_spec(seed);
  run_on(spec, replica::EngineKind::kPbft);
  spec.store.members = 4;
  spec.workload.change_members = spec.workload.eager_operator = true;
  // Who is down for good, or has lost its disk, counts among those who may fail, and so does whoever is just joining.
  std::erase_if(spec.plan.faults,
                [](const Fault& f) { return info(f.kind).failure.persistence == Persistence::kPermanent; });
  return spec;
}

// GROUP_FIRST=N GROUP_SEEDS=M runs others than the suite does, and replays one.
TEST(GroupChangeInTheSimulator, MembersComeAndGoUnderFaults) {
  const uint64_t first = number("GROUP_FIRST", 1), seeds = number("GROUP_SEEDS", 40);
  uint64_t answered = 0, terms = 0;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const RunResult result = run_store(spec_of(seed));
    for (const Violation& v : result.violations)
      ADD_FAILURE() << "seed " << seed << " " << v.oracle << "\n" << v.explanation;
    answered += result.answered;
    terms = std::max(terms, result.terms);
  }
  if (seeds < 40) return;
  EXPECT_GT(answered, 1000u);
  EXPECT_GT(terms >> 32, 6u) << "a run has many epochs";
  std::map<std::string_view, uint64_t> hits;
  for (const Mark* m : all_marks()) hits[m->name] += m->hits.load();
  for (const char* important :
       {"pbft.change_refused", "pbft.epoch", "pbft.segment_taken", "pbft.snapshot_installed",
        "service.group_change_refused", "sim.store.member_added", "sim.store.member_stopped_itself"}) {
    EXPECT_GT(hits[important], 0u) << important << " was never reached";
  }
}

}  // namespace
}  // namespace holdfast::sim
