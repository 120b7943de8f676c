#include "holdfast/sim/engine_choice.h"

#include <algorithm>
#include <numeric>

#include "holdfast/consensus/paxos/tolerance.h"
#include "holdfast/consensus/pbft/tolerance.h"
#include "holdfast/consensus/raft/tolerance.h"

namespace holdfast::sim {

using replica::EngineKind;

Tolerance tolerance_of(EngineKind engine, consensus::ReadMode reads) {
  if (engine == EngineKind::kPaxos) return paxos::tolerance(reads);
  return engine == EngineKind::kPbft ? pbft::tolerance() : raft::tolerance(reads);
}

void run_on(RunSpec& spec, EngineKind engine) {
  spec.store.engine = engine;
  // Most batches of a run are small: in one run of three they go by the names of their requests all the same.
  if (spec.seed % 3 == 0) spec.store.whole_proposal_bytes = 0;
  if (engine == EngineKind::kPbft) spec.store.members = spec.store.members > 4 ? 7 : 4;
}

void draw_byzantine(RunSpec& spec, std::optional<size_t> liars) {
  const auto lasts = [](const Fault& f) { return info(f.kind).failure.persistence == Persistence::kPermanent; };
  const size_t members = spec.store.members, most = tolerated(Bound::kThird, members);
  Random random(hash_combine(spec.seed, hash64("byzantine")));
  // Whoever joins counts among those who may fail.
  spec.workload.change_members = false;
  if (liars) {
    if (*liars > 0) std::erase_if(spec.plan.faults, lasts);
  } else {
    const auto lost = static_cast<size_t>(std::count_if(spec.plan.faults.begin(), spec.plan.faults.end(), lasts));
    const size_t left = most > lost ? most - lost : 0;
    if (left > 0 && random.chance(1, 2)) {
      liars = 1 + random.below(left);
    } else if (lost == 0 && random.chance(1, 2)) {
      spec.store.members = 4;
      spec.workload.change_members = spec.workload.eager_operator = true;
    }
  }
  const size_t count = std::min(liars.value_or(0), members);
  std::vector<size_t> places(members);
  std::iota(places.begin(), places.end(), size_t{0});
  for (size_t i = 0; i < count; ++i) {
    Fault f;
    const uint64_t lie = random.below(kFaultKinds - static_cast<size_t>(FaultKind::kEquivocate));
    f.kind = static_cast<FaultKind>(static_cast<uint64_t>(FaultKind::kEquivocate) + lie);
    if (count > most) f.kind = FaultKind::kEquivocate;
    const size_t pick = random.below(places.size());
    f.members = {places[pick]};
    places.erase(places.begin() + static_cast<std::ptrdiff_t>(pick));
    f.duration = spec.faults;
    f.seed = random.next();
    spec.plan.faults.insert(spec.plan.faults.begin(), std::move(f));
  }
}

Status check_liars(const RunSpec& spec) {
  if (spec.store.engine == EngineKind::kPbft) return absl::OkStatus();
  for (const Fault& f : spec.plan.faults) {
    if (!is_lie(f.kind)) continue;
    return absl::InvalidArgumentError("fault " + std::string(info(f.kind).name) +
                                      ": members lie over PBFT only; give --engine pbft, or engine = \"pbft\"");
  }
  return absl::OkStatus();
}

}  // namespace holdfast::sim
