// What a protocol promises under which failures, said in code by the protocol itself, and what may be demanded of a run
// in which given things fail.
//
//   Tolerance raft::tolerance(ReadMode);               // the protocol's room says it once
//   const Budget budget = judge(raft::tolerance(mode), members, strikes);
//   if (!budget.within) { /* only safety is checked */ }
//
// Two promises are told apart. *Safe*: nothing wrong is ever said, though perhaps nothing at all. *Live*: whoever is
// correct serves, once the failures that pass have passed.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/model/failure.h"

namespace holdfast {

// How many of n members may fail. The group size for k failures is the smallest n of which k may.
enum class Bound : uint8_t {
  kNone,
  kThird,      // k of 3k + 1: members that lie to each other, with unsigned messages or without synchrony
  kMinority,   // k of 2k + 1: a majority outvotes, or overlaps with every other one
  kAllButTwo,  // k of k + 2: traitors who cannot forge what others signed, in a synchronous system
  kAllButOne,  // k of k + 1: halting members, reliably noticed
  kAll,
};
constexpr Bound last_value(Bound) { return Bound::kAll; }

// How many of n members the bound lets fail.
constexpr size_t tolerated(Bound bound, size_t n) {
  switch (bound) {
    case Bound::kThird:
      return n == 0 ? 0 : (n - 1) / 3;
    case Bound::kMinority:
      return n == 0 ? 0 : (n - 1) / 2;
    case Bound::kAllButTwo:
      return n < 2 ? 0 : n - 2;
    case Bound::kAllButOne:
      return n == 0 ? 0 : n - 1;
    case Bound::kAll:
      return n;
    case Bound::kNone:
      break;
  }
  return 0;
}

// The smallest group of which k members may fail. kInvalidArgument for kNone with k > 0, and when the size does not
// fit.
StatusOr<size_t> group_size(Bound bound, size_t k);
// "k of 2k+1".
std::string_view name(Bound bound);

// One clause of a protocol's promise: members with a component that fails in this way, and in no other.
struct Clause {
  Component component = Component::kProcess;
  FailureSet failures;
  Bound safe = Bound::kNone;  // of so many members at once
  Bound live = Bound::kNone;  // of so many members for good
  bool passes = true;  // who has failed and does so no longer is correct again: only lasting failures count for `live`
};

struct Tolerance {
  std::string protocol;
  std::string assumes;  // what else must hold, in a few words; empty: nothing
  std::vector<Clause> clauses;

  // The first clause that covers this failure; none: nothing is promised under it.
  const Clause* covering(Component component, FailureSet failures) const;
};

// --- What the lectures' protocols promise; a protocol's room names one of these and adds what is its own.
// -------------

// k + 1: a synchronous group with a perfect failure detector (flooding consensus). Whoever crashes is out for good;
// channels and storage do what they should.
Tolerance fail_stop_group(std::string protocol);
// 2k + 1: an asynchronous group with stable storage in which majorities decide (Paxos, Raft). Members crash and come
// back, are slow or cut off; messages are lost, late, reordered, repeated, or damaged and recognised as such; storage
// refuses, is late, or finds that its content is damaged. Safe whatever the number of those, live while a majority
// works. Clocks may do anything but lie to a lease; see each protocol.
Tolerance majority_group(std::string protocol);
// 3k + 1: a partially synchronous group of which a third may lie (PBFT). Crashes of all are survived as above.
Tolerance byzantine_group(std::string protocol);
// 3k + 1: oral messages in a synchronous system, OM(k); channels are reliable and tell who sent.
Tolerance oral_group(std::string protocol);
// k + 2: signed messages in a synchronous system, SM(k).
Tolerance signed_group(std::string protocol);
// 2k + 1: modules whose outputs are voted on (N-modular redundancy); the voter is trusted or replicated.
Tolerance voting_group(std::string protocol);

// --- Judging a run.
// ----------------------------------------------------------------------------------------------------

// One fault of a plan, seen by the protocol.
struct Strike {
  std::string_view name;
  Failure failure;
  std::vector<size_t> members;  // positions that are known
  size_t others = 0;            // so many more, whoever they are
};

struct Budget {
  bool within = true;  // everything may be demanded
  bool safe = true;    // safety may be demanded
  std::string why;     // one sentence, for people
};

// What `tolerance` lets one demand of `members` members under these strikes, of which each counts at its worst: the
// members that are not known are different ones every time.
Budget judge(const Tolerance& tolerance, size_t members, std::span<const Strike> strikes);

}  // namespace holdfast
