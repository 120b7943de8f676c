// Flooding consensus, one instance: the core of one process of a fail-stop group.
//
// Guarantees, under what flood.h relies on and any number of crashes but one less than the group:
//  1. Termination: if every process that does not crash proposes, each of them decides, in as many rounds as there were
//     crashes, and one or two more.
//  2. Validity: what is decided was proposed.
//  3. Integrity: a process decides at most once.
//  4. Agreement: as of Config::agreement.
// A process that could not decide does not: it waits for a message or a notice, never for a clock (a deadline is at
// once).
//
// Not promised: anything when the detector lies or a message is lost (docs/protocols/flooding.md).
#pragma once

#include "holdfast/base/status.h"
#include "holdfast/consensus/flooding/flood.h"

namespace holdfast::flooding {

class Flooding {
 public:
  using Out = Outbox<Message, Record, Event>;

  explicit Flooding(const Config& config);

  void replay(StableSeq seq, const Record& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const Message& message, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  // What the last step could not say because it had said something already: the next round, or the choice.
  void on_time(Time now, Out& out);
  Time deadline() const { return !halted_ && flood_.goes_on() ? Time() : Time::never(); }
  void check_invariants() const { flood_.check_invariants(); }

  // kFailedPrecondition: it has proposed already, or is halted.
  Status propose(Time now, Slice value, Out& out);
  // The perfect detector's notice that `node` has crashed.
  void on_crash(Time now, NodeId node, Out& out);

  bool halted() const { return halted_; }
  const FloodState& state() const { return flood_.state(); }

 private:
  template <class Step>
  void step(Out& out, Step&& step);

  Config config_;
  Flood flood_;
  StableSeq begun_;
  bool halted_ = false;
};

}  // namespace holdfast::flooding
