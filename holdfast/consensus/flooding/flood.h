// The rules of one instance of flooding consensus, without stable storage: what a process knows, when its round ends,
// when it may choose. Flooding (flooding.h) makes a core of one instance, FloodingLog one of a sequence of them.
//
// A round ends when everybody who is not known to have crashed has been heard in it. Whoever heard the same processes
// as in the round before knows what every process that is still alive can ever know, and chooses; anybody else floods
// what it knows once more. Who was missing in one round is not heard in a later one: it has crashed, and what it said
// then might be known here only. So every further round has lost a process, and there is an end to them.
//
// Relies on (fail-stop in a synchronous system):
//  1. Channels between processes that do not crash lose nothing. A crash may cut one step's messages off: any of them.
//  2. The notice of a crash is true, reaches everybody else, and comes last: no message of that process follows it.
// Without 1 it may wait for ever, without 2 processes may decide differently.
#pragma once

#include <optional>
#include <vector>

#include "holdfast/consensus/flooding/types.h"

namespace holdfast::flooding {

// The choice among `known` (sorted, not empty): the same for everybody who knows the same.
const Proposal& select(const std::vector<Proposal>& known, NodeId first);

// All that an instance remembers, as a value.
struct FloodState {
  struct Round {
    std::vector<NodeId> heard;    // sorted
    std::vector<Proposal> known;  // sorted by proposer
  };
  struct Ahead {
    NodeId from;
    Proposals said;
  };
  std::vector<Round> rounds;    // [r - 1]: what has come for round r
  std::vector<Ahead> ahead;     // what has come for rounds that have not begun; sorted by round, then by process
  uint64_t round = 0;           // zero: has not proposed
  std::vector<NodeId> crashed;  // sorted
  std::optional<Proposal> told;  // the choice of another, which this process makes, too, when it may speak again
  std::optional<Proposal> choice;
  std::vector<NodeId> agreed;  // sorted: who is known to have made this choice
  bool final = false;          // the choice is the decision
};

class Flood {
 public:
  using Say = std::vector<Message>;  // for every other process of the group, in order

  explicit Flood(const Config& config) : config_(config) {}

  // The owner's next step begins. In each a process says one thing at most, a round or its choice. Otherwise a crash
  // could cut off two: who misses both could choose in the round in which another learns from the second what only the
  // crashed process knew.
  void begin_step() { said_ = false; }
  // Whether there is something to say that waits for the next step; and that step.
  bool goes_on() const { return !state_.choice && (state_.told || (proposed() && heard_all())); }
  void go_on(Say& say) { end_rounds(say); }
  // Once; later calls do nothing.
  void propose(Slice value, Say& say);
  void on_message(NodeId from, const Message& message, Say& say);
  // The notice of the perfect detector.
  void on_crash(NodeId node, Say& say);

  bool proposed() const { return state_.round > 0; }
  // The decision, from the moment at which it is one.
  const Proposal* decision() const { return state_.final ? &*state_.choice : nullptr; }
  const FloodState& state() const { return state_; }
  void check_invariants() const;

 private:
  void on(NodeId from, const Proposals& m, Say& say);
  void on(NodeId from, const Decided& m, Say& say);
  bool plausible(const Proposals& m) const;
  bool member(NodeId node) const;
  FloodState::Round& at(uint64_t round);
  void keep_ahead(NodeId from, const Proposals& m);
  void hear(NodeId from, const Proposals& m);
  bool heard_all() const;
  bool knows_all() const;
  void end_rounds(Say& say);
  void begin_round(Say& say);
  void choose(Proposal choice, Say& say);
  void conclude();

  Config config_;
  FloodState state_;
  bool said_ = false;  // something, in this step
};

}  // namespace holdfast::flooding
