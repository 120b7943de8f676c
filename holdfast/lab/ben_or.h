// Binary consensus in an asynchronous system with crashes (Ben-Or, "Another Advantage of Free Choice: Completely
// Asynchronous Agreement Protocols", PODC 1983): the smallest protocol that shows what Fischer, Lynch and Paterson
// proved
// ("Impossibility of Distributed Consensus with One Faulty Process", JACM 32(2), 1985), and two ways out of it.
//
// n processes, of which f < n/2 may crash. In each round a process
//   1. reports its bit to all, and waits for n - f reports; if more than n/2 hold one bit, it supports that bit, else
//   none;
//   2. says what it supports to all, and waits for n - f such; if more than f support a bit, it decides that bit; if
//   one
//      does, the bit becomes its own; if none does, its own bit is chosen by Rule.
//
// Guarantees, whatever the scheduler does: agreement and validity. Termination: with Rule::kKeep (deterministic) none,
// as for any deterministic protocol; with Rule::kCoin with probability 1; with a `patience` longer than messages and
// processes take (partial synchrony), if fewer than n/2 of the bits are equally split... in one round more than that.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/model/outbox.h"

namespace holdfast::lab::ben_or {

struct Report {
  uint64_t round = 0;
  uint64_t bit = 0;
};
struct Support {
  uint64_t round = 0;
  std::optional<uint64_t> bit;
};
std::string to_text(const Report& m);
std::string to_text(const Support& m);
// Whoever has decided tells the others, and takes no further part.
struct Decided {
  uint64_t bit = 0;
};
using Message = std::variant<Report, Support, Decided>;

struct Nothing {};
using Record = std::variant<Nothing>;  // who crashes stays away

struct Chosen {
  uint64_t bit = 0;
};
struct NextRound {
  uint64_t round = 0;
  uint64_t bit = 0;
};
using Event = std::variant<Chosen, NextRound>;

enum class Rule { kKeep, kCoin };

struct Config {
  NodeId self;
  std::vector<NodeId> all;
  size_t crashes = 1;  // that are tolerated: f
  Rule rule = Rule::kKeep;
  uint64_t seed = 0;  // of the coin
  Duration patience;  // how long to wait for the last f messages of a phase, beyond what is needed
  uint64_t max_rounds = 1000;
};

class Process {
 public:
  using Out = Outbox<Message, Record, Event>;

  explicit Process(const Config& config) : config_(config), coin_(config.seed) {}

  void replay(StableSeq, const Record&) {}
  void start(Time, Out&) {}
  void on_message(Time now, NodeId from, const Message& message, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out) { go_on(now, out); }
  Time deadline() const;
  void check_invariants() const;

  void propose(Time now, uint64_t bit, Out& out);

  const std::optional<uint64_t>& decided() const { return decided_; }
  uint64_t round() const { return round_; }
  uint64_t bit() const { return bit_; }

 private:
  using Heard = std::map<NodeId, std::optional<uint64_t>>;
  enum class Phase { kIdle, kReports, kSupports };

  size_t needed() const { return config_.all.size() - config_.crashes; }
  void begin_round(Time now, Out& out);
  void go_on(Time now, Out& out);
  bool heard_enough(Time now, const Heard& heard) const;
  void end_reports(Time now, Out& out);
  void end_supports(Time now, Out& out);
  void decide(uint64_t bit, Out& out);
  void tell(const Message& message, Out& out);
  // How many of `heard` hold `bit`.
  static size_t count(const Heard& heard, uint64_t bit);

  const Config config_;
  Random coin_;
  Phase phase_ = Phase::kIdle;
  uint64_t round_ = 0;
  uint64_t bit_ = 0;
  Time patient_until_;
  std::map<uint64_t, Heard> reports_, supports_;  // by round, from the present one on
  std::optional<uint64_t> decided_;
};

}  // namespace holdfast::lab::ben_or
