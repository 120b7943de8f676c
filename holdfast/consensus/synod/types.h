// The vocabulary of single-decree Paxos: ballots, votes, messages, stable records, the event, configuration.
//
// Source: Lamport, "The Part-Time Parliament" (1998) and "Paxos Made Simple" (2001); the messages have the names of
// lecture 004. docs/protocols/single-decree-paxos.md has the whole protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/types.h"

namespace holdfast::synod {

// The name of an attempt: no two proposers share one, and all are ordered. Round zero: none.
struct Ballot {
  uint64_t round = 0;
  NodeId node;
  auto operator<=>(const Ballot&) const = default;
};
// "b3.n1"; none: "-".
std::string to_text(const Ballot& ballot);

// Rounds from the network beyond this are nonsense; below it, adding to one cannot overflow.
inline constexpr uint64_t kMaxRound = uint64_t{1} << 62;

// What an acceptor accepted, and when.
struct Vote {
  Ballot ballot;
  Slice value;
  bool operator==(const Vote&) const = default;
};

// --- Messages --------------------------------------------------------------------------------------------------------

// Proposer to acceptors, phase 1: which value may have been accepted? Accept nothing of a lower ballot from now on.
struct Collect {
  Ballot ballot;
};
// The acceptor promises, and tells what it accepted last.
struct Last {
  Ballot ballot;
  std::optional<Vote> vote;
};
// Proposer to acceptors, phase 2: accept this value.
struct Begin {
  Ballot ballot;
  Slice value;
};
// The acceptor has accepted: to the proposer, and to all learners when Config::accepts_to_all says so.
struct Accept {
  Ballot ballot;
  Slice value;
};
// A majority has accepted this value.
struct Success {
  Slice value;
};
// To a proposer whose ballot is lower than what the acceptor has promised.
struct Refuse {
  Ballot ballot;
  Ballot promised;
};
// From a learner that knows of no decision, to all others: whoever knows answers Success.
struct Ask {
  NodeId learner;
};
using Message = std::variant<Collect, Last, Begin, Accept, Success, Refuse, Ask>;

// --- Stable records --------------------------------------------------------------------------------------------------

// The proposer's: it will never try this ballot again.
struct Tried {
  Ballot ballot;
};
// The acceptor's.
struct Promised {
  Ballot ballot;
};
struct Accepted {
  Vote vote;
};
// The learner's. Nothing waits for it: what is decided stays so.
struct Learned {
  Slice value;
};
using Record = std::variant<Tried, Promised, Accepted, Learned>;

// --- The event -------------------------------------------------------------------------------------------------------

// Once for each life of the process, also after a restart.
struct Decided {
  Slice value;
};
using Event = std::variant<Decided>;

using Out = Outbox<Message, Record, Event>;

// --- Configuration ---------------------------------------------------------------------------------------------------

// Who starts ballots.
enum class Leadership {
  kAnyone,  // whoever has a value to propose; proposers may duel
  kOracle,  // whoever is trusted, as of trust(); with or without a value of its own
};
constexpr Leadership last_value(Leadership) { return Leadership::kOracle; }

struct Config {
  NodeId self;
  uint64_t seed = 0;              // of the backoff
  std::vector<NodeId> acceptors;  // sorted, each once; the same for everybody
  std::vector<NodeId> learners;   // likewise; who is told of a success
  Leadership leadership = Leadership::kOracle;
  bool accepts_to_all = false;  // learners need no Success: one message delay less, for n times the messages
  Duration resend = Duration::millis(200);  // what is not answered is repeated
  // After a refusal the proposer waits for a random time up to the first, then up to twice as long, up to the last.
  // Zero: it tries again at once.
  Duration backoff_first = Duration::millis(50);
  Duration backoff_last = Duration::seconds(2);
  Duration ask_interval = Duration::seconds(1);  // of a learner that knows of no decision; zero: it never asks
};

}  // namespace holdfast::synod
