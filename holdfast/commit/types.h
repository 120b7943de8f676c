// The vocabulary of distributed commit: transactions, messages, stable records, events, configuration.
//
// Terms follow Bernstein, Hadzilacos, Goodman, "Concurrency Control and Recovery in Database Systems", chapter 7, and
// Mohan, Lindsay, Obermarck, "Transaction Management in the R* Distributed Database Management System" (presumed
// abort). docs/protocols/two_phase_commit.md has the whole protocol.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/retry.h"
#include "holdfast/model/types.h"

namespace holdfast::commit {

// A transaction, named for ever: the `number`th that its coordinator began in its `epoch`th life. Those of one
// coordinator are ordered by age.
struct TxnId {
  NodeId coordinator;
  uint64_t epoch = 0;
  uint64_t number = 0;
  auto operator<=>(const TxnId&) const = default;
};
std::string to_text(const TxnId& txn);

enum class Outcome { kAbort, kCommit };
constexpr Outcome last_value(Outcome) { return Outcome::kCommit; }

// --- Messages --------------------------------------------------------------------------------------------------------
// `horizon`: every older transaction of that coordinator is over: aborted, or committed and acknowledged by all.

// Coordinator to participant: can you commit? `work` is from owner to owner.
struct VoteRequest {
  TxnId txn;
  TxnId horizon;
  std::vector<NodeId> participants;  // all of them, so that one in doubt can ask its fellows
  Slice work;
};
struct Vote {
  TxnId txn;
  bool yes = false;
};
// From the coordinator, or from a fellow participant that knows.
struct Decision {
  TxnId txn;
  TxnId horizon;
  Outcome outcome = Outcome::kAbort;
};
// The participant has made the commit stable and will never ask about it. Aborts are not acknowledged.
struct Acknowledge {
  TxnId txn;
};
// From a participant in doubt, to the coordinator and to its fellows.
struct DecisionRequest {
  TxnId txn;
};
using Wire = std::variant<VoteRequest, Vote, Decision, Acknowledge, DecisionRequest>;

// --- Stable records --------------------------------------------------------------------------------------------------

// The coordinator's life. No transaction of an epoch leaves before its record is stable, so that no name is used twice.
struct Epoch {
  uint64_t epoch = 0;
};
// The decision to commit; this record is the moment of commitment.
struct Committed {
  TxnId txn;
  std::vector<NodeId> participants;
};
// Every participant has acknowledged.
struct Ended {
  TxnId txn;
};
// Stands for every earlier record of the coordinator.
struct CoordinatorState {
  uint64_t epoch = 0;
  std::vector<Committed> committed;
};
using CoordinatorRecord = std::variant<Epoch, Committed, Ended, CoordinatorState>;

// The promise to commit if told to, and what is needed for it.
struct Prepared {
  TxnId txn;
  std::vector<NodeId> participants;
  Slice workspace;
};
// The participant's decision. `done`: the owner need not hear of it (again).
struct Finished {
  TxnId txn;
  Outcome outcome = Outcome::kAbort;
  bool done = false;
};
// Stands for every earlier record of the participant. A `finished` one that is committed and not done is in `prepared`
// as well.
struct ParticipantState {
  std::vector<TxnId> horizons;
  std::vector<Prepared> prepared;
  std::vector<Finished> finished;
};
using ParticipantRecord = std::variant<Prepared, Finished, ParticipantState>;

// --- Events ----------------------------------------------------------------------------------------------------------

// To the coordinator's owner. Raised at least once for a commit; at most once for an abort (a crash of the coordinator
// aborts what it had not decided, and takes the memory of it along).
struct Decided {
  TxnId txn;
  Outcome outcome = Outcome::kAbort;
};
// The transaction is committed everywhere.
struct Concluded {
  TxnId txn;
};
using CoordinatorEvent = std::variant<Decided, Concluded>;

// To the participant's owner: answer by vote(). May be asked again after a crash that came before the vote was stable.
struct Prepare {
  TxnId txn;
  Slice work;
};
// After a restart: the transaction is prepared here and its outcome not yet known. The owner holds what it touches
// until Commit or Abort.
struct InDoubt {
  TxnId txn;
  Slice workspace;
};
// Make it so; answer by done() once it is stable. At least once, until done() and then the rest of the world has been
// heard of; never both Commit and Abort.
struct Commit {
  TxnId txn;
  Slice workspace;  // as given to vote()
};
struct Abort {
  TxnId txn;
};
using ParticipantEvent = std::variant<Prepare, InDoubt, Commit, Abort>;

// --- Configuration ---------------------------------------------------------------------------------------------------

struct Config {
  NodeId self;
  // Coordinator.
  Duration vote_timeout = Duration::seconds(5);  // then the transaction aborts
  size_t max_open = 10'000;                      // transactions at once; more are refused
  size_t max_window = 100'000;  // begun since the oldest that is not over; bounds what participants remember
  // Participant.
  Duration prepare_timeout = Duration::seconds(5);   // of its owner; then it votes no
  Duration decision_timeout = Duration::seconds(1);  // in doubt for so long, it begins to ask
  size_t max_transactions = 200'000;                 // remembered at once; with more it votes no
  // Both: pauses between repeated messages double from the first to the second.
  Duration resend_first = Duration::millis(200);
  Duration resend_last = Duration::seconds(10);
  // Every message says what is so, or asks: twice is as good as once.
  RetryPolicy resends() const { return RetryPolicy(Repeatable::kIdempotent).growing(resend_first, resend_last); }
  // Site: the records after which the state is written anew and older ones are released.
  uint64_t checkpoint_records = 10'000;
};

inline constexpr size_t kMaxParticipants = 1000;

}  // namespace holdfast::commit
