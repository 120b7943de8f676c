// Whom to ask, whom to ask for help, and when to give up (SWIM sections 3.1 and 4.3; Lifeguard section IV-A).
//
// One member is probed per protocol period, in rounds: every round is a fresh random order of all, so that each member
// is probed within two rounds' time whatever happens (time-bounded completeness). Without an answer after the timeout,
// k others are asked to try. Without any answer at the end of the period the probe has failed.
//
// Effects are returned as values, in order; the caller turns them into messages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "holdfast/detect/local_health.h"
#include "holdfast/detect/member_table.h"

namespace holdfast::detect {

struct ProbeAction {
  enum class Kind {
    kPing,         // to `to`
    kPingRequest,  // to the proxy `to`, about `target`
    kAck,          // to `to`, which had asked this process to be its proxy, or is answered for one
    kNack,         // to `to`, likewise
    kFailed,       // nobody could reach `target`
  } kind = Kind::kPing;
  NodeId to;
  NodeId target;
  uint64_t number = 0;
};

class Prober {
 public:
  using Actions = std::vector<ProbeAction>;

  // `members` and `health` are the caller's and outlive this.
  Prober(const SwimConfig& config, const MemberTable& members, LocalHealth& health);

  // All times observed. Begins with a period of its own, so that members that start together do not probe in step.
  void start(Time t);
  Actions on_time(Time t);
  Time deadline() const;
  Actions on_ack(uint64_t number);
  void on_nack(NodeId from, uint64_t number);
  // `requester` asks this process to be its proxy.
  Actions relay(Time t, NodeId requester, uint64_t number, NodeId target, bool nack);
  // A new member takes a random place in the present round.
  void add(NodeId node);
  // A number that no answer has named yet.
  uint64_t fresh_number() { return ++number_; }
  size_t relays() const { return relays_.size(); }

  void check_invariants() const;

 private:
  struct Current {
    NodeId target;
    uint64_t number = 0;
    Time ask_others;  // never once they are asked
    bool answered = false;
    std::vector<NodeId> may_nack;  // proxies that were asked and have said nothing
    size_t asked = 0;
  };
  struct Relay {
    NodeId requester;
    uint64_t number = 0;  // the requester's
    bool nack = false;
    Time nack_at;
    Time expires;
  };

  void end_period(Actions& actions);
  void begin_period(Time t, Actions& actions);
  void ask_others(Actions& actions);
  std::optional<NodeId> next_target();
  void expire_relays(Time t, Actions& actions);

  const SwimConfig& config_;
  const MemberTable& members_;
  LocalHealth& health_;
  Random random_;
  uint64_t number_;
  std::vector<NodeId> round_;
  size_t at_ = 0;
  std::optional<Current> current_;
  Time period_ends_ = Time::never();
  std::map<uint64_t, Relay> relays_;  // by this process's number
  Time next_relay_check_ = Time::never();
};

}  // namespace holdfast::detect
