#include "holdfast/model/tolerance.h"

#include <algorithm>
#include <limits>
#include <set>

namespace holdfast {
namespace {

using enum FailureClass;

// Members that come back, are slow or deaf; what channels and disks may do to those who check what they read.
constexpr FailureSet kHalting = kFailResume | FailureSet(kOmission) | kTiming;
constexpr FailureSet kUnreliable = kTiming | FailureSet(kStateTransition) | kFailSafe;
constexpr FailureSet kHonestStorage = kLate | FailureSet(kFailSafe);
constexpr FailureSet kAnyClock = kFailResume | FailureSet(kTiming) | kValue;

std::vector<Clause> asynchronous(Bound live) {
  return {{Component::kProcess, kHalting, Bound::kAll, live},
          {Component::kChannel, kUnreliable, Bound::kAll, live},
          {Component::kStorage, kHonestStorage, Bound::kAll, live},
          {Component::kClock, kAnyClock, Bound::kAll, Bound::kAll}};
}

// Who they are at the worst, as a number.
class Victims {
 public:
  void add(const Strike& s) {
    known_.insert(s.members.begin(), s.members.end());
    others_ += s.others;
  }
  size_t count(size_t members) const { return std::min(members, known_.size() + others_); }

 private:
  std::set<size_t> known_;
  size_t others_ = 0;
};

std::string of(size_t count, size_t members) { return std::to_string(count) + " of " + std::to_string(members); }

}  // namespace

StatusOr<size_t> group_size(Bound bound, size_t k) {
  constexpr size_t kMost = std::numeric_limits<size_t>::max() / 4;
  if (k > kMost) return absl::InvalidArgumentError("a group for " + std::to_string(k) + " failures is too large");
  switch (bound) {
    case Bound::kThird:
      return 3 * k + 1;
    case Bound::kMinority:
      return 2 * k + 1;
    case Bound::kAllButTwo:
      return k + 2;
    case Bound::kAllButOne:
      return k + 1;
    case Bound::kAll:
      return std::max<size_t>(k, 1);
    case Bound::kNone:
      break;
  }
  if (k == 0) return 1;
  return absl::InvalidArgumentError("no group survives failures under which nothing is promised");
}

std::string_view name(Bound bound) {
  constexpr std::string_view kNames[] = {"none", "k of 3k+1", "k of 2k+1", "k of k+2", "k of k+1", "all"};
  return kNames[static_cast<size_t>(bound)];
}

const Clause* Tolerance::covering(Component component, FailureSet failures) const {
  for (const Clause& clause : clauses) {
    if (clause.component == component && clause.failures.includes(failures)) return &clause;
  }
  return nullptr;
}

Tolerance fail_stop_group(std::string protocol) {
  return {std::move(protocol),
          "synchronous, with a perfect failure detector",
          {{Component::kProcess, kFailStop, Bound::kAllButOne, Bound::kAllButOne, /*passes=*/false}}};
}

Tolerance majority_group(std::string protocol) {
  return {std::move(protocol), "stable storage keeps what it reported stable", asynchronous(Bound::kMinority)};
}

Tolerance byzantine_group(std::string protocol) {
  Tolerance t{std::move(protocol), "partially synchronous; keys are not stolen", asynchronous(Bound::kThird)};
  t.clauses.push_back({Component::kProcess, kFailArbitrary, Bound::kThird, Bound::kThird, /*passes=*/false});
  t.clauses.push_back({Component::kStorage, kFailArbitrary, Bound::kThird, Bound::kThird, /*passes=*/false});
  t.clauses.push_back({Component::kChannel, kFailArbitrary, Bound::kAll, Bound::kThird, /*passes=*/true});
  return t;
}

Tolerance oral_group(std::string protocol) {
  return {std::move(protocol),
          "synchronous; channels are reliable and tell who sent",
          {{Component::kProcess, kFailArbitrary, Bound::kThird, Bound::kThird, /*passes=*/false}}};
}

Tolerance signed_group(std::string protocol) {
  return {std::move(protocol),
          "synchronous; channels are reliable; signatures cannot be forged",
          {{Component::kProcess, kFailArbitrary, Bound::kAllButTwo, Bound::kAllButTwo, /*passes=*/false}}};
}

Tolerance voting_group(std::string protocol) {
  return {std::move(protocol),
          "modules fail independently and get the same input",
          {{Component::kProcess, kFailArbitrary, Bound::kMinority, Bound::kMinority, /*passes=*/true}}};
}

Budget judge(const Tolerance& tolerance, size_t members, std::span<const Strike> strikes) {
  Victims lasting;
  bool any_lasting = false;
  Budget budget;
  Victims at_once;  // by what may not strike everybody, whatever it is
  for (const Strike& s : strikes) {
    const Clause* clause = tolerance.covering(s.failure.component, s.failure.what);
    if (clause == nullptr) {
      return {
          false, false,
          std::string(s.name) + " (" + to_text(s.failure) + "): " + tolerance.protocol + " promises nothing under it"};
    }
    if (clause->safe != Bound::kAll) at_once.add(s);
    if (clause->safe != Bound::kAll && at_once.count(members) > tolerated(clause->safe, members)) {
      return {false, false,
              std::string(s.name) + " (" + to_text(s.failure) + "): " + of(at_once.count(members), members) +
                  " members may be struck: " + tolerance.protocol + " is safe with " +
                  std::to_string(tolerated(clause->safe, members)) + " (" + std::string(name(clause->safe)) + ")"};
    }
    if (!clause->passes || s.failure.persistence == Persistence::kPermanent) {
      any_lasting = true;
      lasting.add(s);
    }
  }
  if (!any_lasting) {
    budget.why = "every failure passes, and " + tolerance.protocol + " survives any number of those";
    return budget;
  }
  const size_t lost = lasting.count(members);
  for (const Strike& s : strikes) {
    const Clause* clause = tolerance.covering(s.failure.component, s.failure.what);
    const bool lasts = !clause->passes || s.failure.persistence == Persistence::kPermanent;
    if (!lasts || lost <= tolerated(clause->live, members)) continue;
    budget.within = false;
    budget.why = std::string(s.name) + " (" + to_text(s.failure) + ") lasts, and " + of(lost, members) +
                 " members may be lost: " + tolerance.protocol + " is live without " +
                 std::to_string(tolerated(clause->live, members)) + " (" + std::string(name(clause->live)) + ")";
    return budget;
  }
  budget.why = of(lost, members) + " members may be lost for good, and " + tolerance.protocol + " is live without them";
  return budget;
}

}  // namespace holdfast
