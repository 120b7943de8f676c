// The ways in which a part of a distributed system fails: one vocabulary for protocols, simulator, nemesis and docs
// (Cristian, "Understanding fault-tolerant distributed systems", 1991; Hadzilacos and Toueg, "A modular approach to
// fault-tolerant broadcasts and related problems", 1994; lectures 002 and 003, "Failure models").
//
// A class of failures is the set of things that a failing component may do. Sets give the order for free: a protocol
// that tolerates a class tolerates every class whose set lies in it, so union and intersection make a lattice.
//
//   fail-stop < fail-noisy < crash < send omission, receive omission < omission < late < timing   < arbitrary
//                            crash < fail-resume                                                  < arbitrary
//                                            omission < fail-safe                                 < arbitrary
//   value, state transition < response                                                            < arbitrary
//   early < timing                                                    arbitrary < fail-arbitrary, the greatest
//
// A crash is an omission of everything from some moment on, and an omission is an answer that is infinitely late; what
// comes back after a crash has lost its volatile memory, which no omission explains.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// What fails. The lectures' system model has processes, channels between them, and with each process a stable storage
// and a clock.
enum class Component : uint8_t { kProcess, kChannel, kStorage, kClock };
constexpr Component last_value(Component) { return Component::kClock; }

enum class FailureClass : uint8_t {
  // Halting: correct until it halts. The kinds differ in what others can know of it.
  kFailStop,    // others find out reliably
  kFailNoisy,   // others find out eventually, and may be wrong until then
  kCrash,       // nothing is promised about who notices
  kFailResume,  // halts, and goes on later with what it had in stable storage
  // Omission.
  kSendOmission,     // something is not sent
  kReceiveOmission,  // something that arrived is not received
  kOmission,         // either
  kFailSilent,       // crash or omission, and clients cannot tell which: the same set as omission
  // Timing: right, but outside of the specified interval.
  kLate,
  kEarly,
  kTiming,  // either
  // Response: in time, but incorrect.
  kValue,            // a wrong value
  kStateTransition,  // a step that the protocol does not have: done twice, or out of turn
  kResponse,         // either
  // Arbitrary.
  kFailSafe,       // omission, or garbage that everybody recognises as such: no harm is done
  kArbitrary,      // any answer at any time
  kFailArbitrary,  // the same with malice: failing components conspire (Byzantine)
};
constexpr FailureClass last_value(FailureClass) { return FailureClass::kFailArbitrary; }
inline constexpr size_t kFailureClasses = static_cast<size_t>(last_value(FailureClass())) + 1;

// How long the cause lasts.
enum class Persistence : uint8_t {
  kTransient,     // it is over once, and does not come back
  kIntermittent,  // it comes and goes by itself
  kPermanent,     // it lasts until the faulty part is replaced
};
constexpr Persistence last_value(Persistence) { return Persistence::kPermanent; }

// A set of things that a failing component may do: a class, or any union of classes.
class FailureSet {
 public:
  constexpr FailureSet() = default;
  constexpr FailureSet(FailureClass c);  // NOLINT: a class is the set it stands for

  // Every thing of `other` is one of this: who tolerates this tolerates that.
  constexpr bool includes(FailureSet other) const { return (other.deeds_ & ~deeds_) == 0; }
  constexpr bool meets(FailureSet other) const { return (other.deeds_ & deeds_) != 0; }
  constexpr bool empty() const { return deeds_ == 0; }
  friend constexpr FailureSet operator|(FailureSet a, FailureSet b) { return FailureSet(a.deeds_ | b.deeds_, 0); }
  friend constexpr FailureSet operator&(FailureSet a, FailureSet b) { return FailureSet(a.deeds_ & b.deeds_, 0); }
  friend constexpr bool operator==(FailureSet, FailureSet) = default;

 private:
  constexpr FailureSet(unsigned deeds, int) : deeds_(static_cast<uint16_t>(deeds)) {}
  uint16_t deeds_ = 0;
};
constexpr FailureSet operator|(FailureClass a, FailureClass b) { return FailureSet(a) | FailureSet(b); }

// Who tolerates `x` tolerates `y`.
constexpr bool tolerates(FailureClass x, FailureClass y) { return FailureSet(x).includes(y); }

// A component does what it should not, instead of not doing what it should (lecture 003, "Dependability versus
// security"): early or incorrect answers, and anything beyond.
constexpr bool is_commission(FailureSet failures);

// One failure: what fails, how, and how long.
struct Failure {
  Component component = Component::kProcess;
  FailureSet what;
  Persistence persistence = Persistence::kTransient;
};

// The words of the docs: "fail-stop", "send omission".
std::string_view name(Component component);
std::string_view name(FailureClass c);
std::string_view name(Persistence persistence);
// The greatest classes that a set includes, joined by " or "; a smaller name is used before a greater with equal set.
std::string to_text(FailureSet failures);
// "storage: value, permanent".
std::string to_text(const Failure& failure);

// --- ---

namespace failure_internal {
// The deeds that tell the classes apart.
enum Deed : unsigned {
  kHaltSeen = 1 << 0,
  kHaltSeenLater = 1 << 1,
  kHaltUnseen = 1 << 2,
  kResume = 1 << 3,
  kNotSend = 1 << 4,
  kNotReceive = 1 << 5,
  kAnswerLate = 1 << 6,
  kAnswerEarly = 1 << 7,
  kWrongValue = 1 << 8,
  kWrongStep = 1 << 9,
  kGarbage = 1 << 10,
  kAnything = 1 << 11,
  kConspire = 1 << 12,
};
constexpr unsigned deeds_of(FailureClass c) {
  using enum FailureClass;
  switch (c) {
    case kFailStop:
      return kHaltSeen;
    case kFailNoisy:
      return kHaltSeen | kHaltSeenLater;
    case kCrash:
      return kHaltSeen | kHaltSeenLater | kHaltUnseen;
    case kFailResume:
      return deeds_of(kCrash) | kResume;
    case kSendOmission:
      return deeds_of(kCrash) | kNotSend;
    case kReceiveOmission:
      return deeds_of(kCrash) | kNotReceive;
    case kOmission:
    case kFailSilent:
      return deeds_of(kSendOmission) | deeds_of(kReceiveOmission);
    case kLate:
      return deeds_of(kOmission) | kAnswerLate;
    case kEarly:
      return kAnswerEarly;
    case kTiming:
      return deeds_of(kLate) | deeds_of(kEarly);
    case kValue:
      return kWrongValue;
    case kStateTransition:
      return kWrongStep;
    case kResponse:
      return deeds_of(kValue) | deeds_of(kStateTransition);
    case kFailSafe:
      return deeds_of(kOmission) | kGarbage;
    case kArbitrary:
      return deeds_of(kFailResume) | deeds_of(kTiming) | deeds_of(kResponse) | deeds_of(kFailSafe) | kAnything;
    case kFailArbitrary:
      return deeds_of(kArbitrary) | kConspire;
  }
  return 0;
}
}  // namespace failure_internal

constexpr FailureSet::FailureSet(FailureClass c) : FailureSet(failure_internal::deeds_of(c), 0) {}

constexpr bool is_commission(FailureSet failures) {
  // Arbitrary failures are made of these and of what is no commission.
  return failures.meets(FailureClass::kEarly | FailureClass::kResponse);
}

}  // namespace holdfast
