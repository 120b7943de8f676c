// The two generals (Gray, "Notes on Data Base Operating Systems", 1978, section 5.8.3.3.1; lecture 002, "the two-army
// problem"): two armies agree on an attack through messengers who may be caught, by exchanging a fixed number of
// messages of which each acknowledges the one before.
//
// A general attacks at dawn if every message that it was to receive has come. Whoever sends the last one cannot know
// whether it arrives, and attacks all the same: so the loss of that one message, however many there are, sends one army
// alone. (If it stayed at home without an answer, there would have to be an answer, which would be the last one.)
#pragma once

#include <variant>

#include "holdfast/base/slice.h"
#include "holdfast/model/outbox.h"

namespace holdfast::lab::two_generals {

// The first message.
struct Plan {
  Slice attack;
};
// The `number`th, from the second on: the one before it has arrived.
struct Acknowledge {
  uint64_t number = 0;
};
using Message = std::variant<Plan, Acknowledge>;

struct Nothing {};
using Record = std::variant<Nothing>;  // nobody crashes here

struct Attacks {};
struct StaysHome {};
using Event = std::variant<Attacks, StaysHome>;

struct Config {
  NodeId other;
  uint64_t messages = 1;  // that the two have agreed to exchange, both counted
  Duration dawn;          // after the start
};

class General {
 public:
  using Out = Outbox<Message, Record, Event>;

  explicit General(const Config& config) : config_(config) {}

  void replay(StableSeq, const Record&) {}
  void start(Time now, Out&) { dawn_ = now + config_.dawn; }
  void on_message(Time now, NodeId from, const Message& message, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const { return over_ ? Time::never() : dawn_; }
  void check_invariants() const {}

  // The first general has a plan.
  void plan(Slice attack, Out& out);
  bool knows_enough() const { return began_ && received_ == expected(); }

 private:
  // How many of the messages are for this general: the first one gets the even ones.
  uint64_t expected() const { return leads_ ? config_.messages / 2 : (config_.messages + 1) / 2; }

  const Config config_;
  Time dawn_;
  bool began_ = false;
  bool leads_ = false;  // the first general
  uint64_t received_ = 0;
  bool over_ = false;
};

}  // namespace holdfast::lab::two_generals
