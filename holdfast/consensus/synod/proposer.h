// The proposer: it runs ballots, one at a time, each under a new name, until a decision is known.
//
// Invariants (Part-Time Parliament, section 2.2; Paxos Made Simple, P2c): no ballot is used twice, over restarts too;
// it proposes only after a majority has promised; the value is that of the highest vote among the promises, and its own
// only when there is none; one ballot has one value.
//
// A leader (Leadership::kOracle) collects at once when it is trusted, whether or not it has a value: what may have been
// chosen under its predecessors is finished before anything new (lecture 003, "explicit leadership takeover").
#pragma once

#include "holdfast/consensus/synod/types.h"
#include "holdfast/model/retry.h"

namespace holdfast::synod {

enum class Phase {
  kIdle,
  kCollecting,  // Collect is sent, less than a majority has answered
  kFree,        // a majority has promised and nothing was accepted; it has no value to propose yet
  kBeginning,   // Begin is sent
};
constexpr Phase last_value(Phase) { return Phase::kBeginning; }

struct ProposerState {
  Phase phase = Phase::kIdle;
  Ballot ballot;                 // the latest tried
  Ballot seen;                   // the highest heard of
  std::vector<NodeId> answered;  // in this phase, sorted
  std::optional<Vote> highest;   // among the answers to Collect
  Slice value;                   // of Begin
  std::optional<Slice> wanted;   // by the owner
  bool trusted = false;
  StableSeq record;  // of `ballot`
};

class Proposer {
 public:
  explicit Proposer(const Config& config)
      : config_(config),
        backoff_(RetryPolicy(Repeatable::kIdempotent)  // a ballot of a new name
                     .growing(config.backoff_first, config.backoff_last)
                     .spread(Jitter::kFull),
                 config.seed) {}

  void replay(StableSeq seq, const Tried& record);
  // The owner's value; the first one stays.
  void want(Time now, Slice value, Out& out);
  // The oracle says whom it trusts.
  void trust(Time now, NodeId leader, Out& out);
  void on(Time now, NodeId from, const Last& m, Out& out);
  void on(NodeId from, const Accept& m);
  void on(Time now, const Refuse& m);
  // Another's ballot was heard of.
  void see(Ballot ballot) { state_.seen = std::max(state_.seen, ballot); }
  void on_time(Time now, Out& out);
  Time deadline() const { return deadline_; }
  // A decision is known: there is nothing left to do.
  void stop();

  const ProposerState& state() const { return state_; }
  void check_invariants() const;

 private:
  bool active() const;
  void try_ballot(Time now, Out& out);
  void propose(Time now, Out& out);
  void begin(Time now, Slice value, Out& out);
  void tell_unanswered(Time now, Out& out);
  bool majority_answered() const;

  Config config_;
  Retry backoff_;
  Time deadline_ = Time::never();
  ProposerState state_;
};

}  // namespace holdfast::synod
