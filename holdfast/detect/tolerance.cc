#include "holdfast/detect/tolerance.h"

namespace holdfast::detect {
namespace {

using enum FailureClass;

constexpr FailureSet kHalting = kFailResume | FailureSet(kOmission) | kTiming;
// A channel as UDP has it; damage is found by a checksum or a code, and is a loss.
constexpr FailureSet kUnreliable = kTiming | FailureSet(kStateTransition) | kFailSafe;
// Set to anything, fast, slow; but it goes on.
constexpr FailureSet kRunningClock = kTiming | FailureSet(kValue);

Clause clause(Component component, FailureSet failures, Bound for_good) {
  return {component, failures, Bound::kAll, for_good};
}
// Detectors keep nothing in stable storage, so that it cannot fail them.
Clause no_storage() { return clause(Component::kStorage, kFailArbitrary, Bound::kAll); }

std::string named(DetectorKind kind, std::string_view promise) {
  constexpr std::string_view kNames[] = {"SWIM", "heartbeats", "probes", "phi-accrual"};
  return std::string(kNames[static_cast<size_t>(kind)]) + ", " + std::string(promise);
}

}  // namespace

Tolerance soundness(DetectorKind kind) {
  return {named(kind, "soundness"),
          "",
          {clause(Component::kProcess, kHalting, Bound::kAll), clause(Component::kChannel, kUnreliable, Bound::kAll),
           no_storage(), clause(Component::kClock, kRunningClock | FailureSet(kFailResume), Bound::kAll)}};
}

Tolerance completeness(DetectorKind kind) {
  return {
      named(kind, "completeness"),
      "",
      {clause(Component::kProcess, kHalting, Bound::kAllButOne), clause(Component::kChannel, kUnreliable, Bound::kAll),
       no_storage(), clause(Component::kClock, kRunningClock, Bound::kAll),
       clause(Component::kClock, kRunningClock | FailureSet(kFailResume), Bound::kNone)}};
}

Tolerance accuracy(DetectorKind kind) {
  const Bound odd_clocks = kind == DetectorKind::kSwim ? Bound::kNone : Bound::kAll;
  return {
      named(kind, "accuracy"),
      "partial synchrony",
      {clause(Component::kProcess, kFailResume, Bound::kAllButOne), clause(Component::kProcess, kHalting, Bound::kNone),
       clause(Component::kChannel, kUnreliable, Bound::kNone), no_storage(),
       clause(Component::kClock, kValue, Bound::kAll), clause(Component::kClock, kRunningClock, odd_clocks),
       clause(Component::kClock, kRunningClock | FailureSet(kFailResume), Bound::kNone)}};
}

Tolerance accuracy_without_growth() {
  return {named(DetectorKind::kPhi, "accuracy without growth"),
          "arrivals go on as those in the window",
          {clause(Component::kProcess, kFailResume, Bound::kAllButOne), no_storage(),
           clause(Component::kClock, kValue, Bound::kAll)}};
}

Tolerance leadership(DetectorKind kind) {
  Tolerance t = accuracy(kind);
  t.protocol = named(kind, "Omega upon it");
  t.assumes = "partial synchrony";
  return t;
}

Tolerance tolerance(DetectorKind kind, Promise promise) {
  switch (promise) {
    case Promise::kSound:
      return soundness(kind);
    case Promise::kComplete:
      return completeness(kind);
    case Promise::kAccurate:
      return accuracy(kind);
    case Promise::kOneLeader:
      return leadership(kind);
  }
  return {};
}

}  // namespace holdfast::detect
