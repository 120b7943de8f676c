// The vocabulary of flooding consensus: proposals, messages, the stable record, events, configuration.
//
// Source: lecture 003, "Flooding-based consensus"; Cachin, Guerraoui, Rodrigues, "Introduction to Reliable and Secure
// Distributed Programming", section 5.2. docs/protocols/flooding.md has the whole protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/types.h"

namespace holdfast::flooding {

// What one process wants. An empty value: nothing, chosen only when nobody wants anything.
struct Proposal {
  NodeId proposer;
  Slice value;
  bool operator==(const Proposal&) const = default;
};

// --- Messages, each for every other process of the group -------------------------------------------------------------

// Everything the sender knew when it entered `round` (from 1). Sorted by proposer, each once.
struct Proposals {
  uint64_t round = 0;
  std::vector<Proposal> known;
};
// The sender has chosen. Said once by everyone; nothing of this instance follows it.
struct Decided {
  Proposal choice;
};
using Message = std::variant<Proposals, Decided>;

// --- The stable record -----------------------------------------------------------------------------------------------

// This process has taken part. One that finds it when it starts has crashed, and stays silent for ever: the others go
// on without it (fail-stop).
struct Begun {
  NodeId self;
};
using Record = std::variant<Begun>;

// --- Events ----------------------------------------------------------------------------------------------------------

// The decision, once.
struct Chosen {
  Proposal choice;
};
// This process has no part in the group any more: it has crashed before, or the others were told that it had.
struct Halted {
  NodeId self;
};
using Event = std::variant<Chosen, Halted>;

// --- Configuration ---------------------------------------------------------------------------------------------------

// Among whom decisions are the same.
enum class Agreement {
  kCorrect,  // those that never crash; one that crashes may have decided something else just before
  kUniform,  // all that decide; costs one more message delay
};
constexpr Agreement last_value(Agreement) { return Agreement::kUniform; }

struct Config {
  NodeId self;
  std::vector<NodeId> group;  // sorted, each once, with self
  Agreement agreement = Agreement::kCorrect;
  NodeId first;  // select() prefers the proposal of this process, then of those behind it in a circle
};

}  // namespace holdfast::flooding
