// Linearizability of registers (Herlihy and Wing, 1990), decided by search: Wing and Gong's algorithm with Lowe's
// memoisation ("Testing for linearizability", 2016). One key at a time: linearizability is local, so a history is
// linearizable when each key's part is.
//
// The revisions that the store reports are not used here: this checker believes values only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "holdfast/sim/check/history.h"

namespace holdfast::sim::check {

// A register operation. Values are numbers; 0 is "absent".
struct RegisterOp {
  enum class Kind {
    kRead,   // saw `value`
    kWrite,  // wrote `value`
    // Compared with `expected`: when equal wrote `value` (succeeded), else did nothing.
    kCompareAndSet,
  };
  Kind kind = Kind::kRead;
  uint64_t value = 0;
  uint64_t expected = 0;
  bool succeeded = false;
  bool open = false;  // no answer: it may have happened at any time after `called`, or never
  Time called;
  Time returned;    // never for open ones
  uint64_t id = 0;  // of the operation in the history
};

enum class Verdict { kLinearizable, kNotLinearizable, kGaveUp };
constexpr Verdict last_value(Verdict) { return Verdict::kGaveUp; }

// The register is absent at the beginning. Gives up after `max_states` search states.
Verdict check_register(std::vector<RegisterOp> ops, size_t max_states = 2'000'000);

// The same by trying every order: for at most about nine operations.
bool brute_force_register(const std::vector<RegisterOp>& ops);

// The smallest part of a history that is not linearizable, by leaving out what does not matter.
std::vector<RegisterOp> shrink_register(std::vector<RegisterOp> ops);

// All single-key operations of a history (gets, puts, deletes, compare-and-set transactions), key by key.
// Serializable and historical reads are left out. `gave_up` counts keys whose search was too long.
Finding check_linearizability(const History& history, size_t* gave_up = nullptr);

}  // namespace holdfast::sim::check
