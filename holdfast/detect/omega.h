// The leader oracle Omega: in the end all correct members trust the same correct one (Chandra, Hadzilacos, Toueg, "The
// Weakest Failure Detector for Solving Consensus", JACM 43(4), 1996). It stands on any detector of this room; the owner
// tells it whom the detector trusts.
//
// Who leads says so (Claim) to all, every period; the others are silent. A member follows the claimant with the least
// (penalty, identity) that it trusts. One that has none asks all whom they follow (Query) and, if nobody names one,
// claims; after a random delay, so that not all do at once. Whoever stops trusting a claimant tells it (Accuse), and
// that raises the claimant's penalty: a leader whom some correct member cannot hear gives way in the end to one whom
// all hear (Aguilera, Delporte-Gallet, Fauconnier, Toueg, "Stable Leader Election", DISC 2001). A claimant that was not
// heard for a while is asked (Query), not deposed.
//
// Guarantees:
//  1. If the detector is eventually perfect and messages between correct members are lost only now and then, there is a
//     moment from which on every correct member names the same correct leader.
//  2. Stability: a leader that everybody trusts stays. Neither loss of its claims, nor members that come, come back or
//     have a smaller identity depose it.
//  3. In the end only the leader sends: n - 1 messages per period.
// Not promised: that there is at most one leader at any moment. What must have one decides by consensus.
#pragma once

#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/detect/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::detect {

struct Claim {
  uint64_t penalty = 0;
};
// "Do you lead, or whom do you follow?" Answered by Claim or Yield.
struct Query {};
struct Yield {
  NodeId follows;  // whom the sender follows; zero: nobody
};
// "I do not trust you any more, whose penalty is this."
struct Accuse {
  uint64_t penalty = 0;
};
using OmegaWire = std::variant<Claim, Query, Yield, Accuse>;

// Whom this member follows from now on; zero: nobody.
struct Leads {
  NodeId node;
};
using OmegaEvent = std::variant<Leads>;

struct OmegaConfig {
  NodeId self;
  uint64_t seed = 0;
  Duration period = Duration::seconds(1);
  // A start waits so long, and a vacancy for a random part of it, before this member asks, and a period later claims.
  Duration patience = Duration::seconds(3);
};

class Omega {
 public:
  using Out = Outbox<OmegaWire, NoRecord, OmegaEvent>;

  explicit Omega(const OmegaConfig& config) : config_(config), random_(config.seed) {}

  void replay(StableSeq, const NoRecord&) {}
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const OmegaWire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // What the detector says of `node` from now on. One that was never named is not trusted.
  void set_trust(Time now, NodeId node, bool trusted, Out& out);

  // Gives way for good, and says so if it led.
  void retire(Out& out);

  NodeId leader() const { return leader_; }
  uint64_t penalty() const { return penalty_; }

 private:
  struct Claimant {
    uint64_t penalty = 0;
    Time heard;
    Time asked;  // the last time it was asked whether it still leads
  };

  void on(Time now, NodeId from, const Claim& m, Out& out);
  void on(Time now, NodeId from, const Query& m, Out& out);
  void on(Time now, NodeId from, const Yield& m, Out& out);
  void on(Time now, NodeId from, const Accuse& m, Out& out);
  void decide(Time now, Out& out);
  std::optional<NodeId> best() const;
  void claim(Time now, Out& out);
  void tell_all(const OmegaWire& wire, Out& out) const;

  const OmegaConfig config_;
  Random random_;
  std::map<NodeId, bool> trusted_;
  std::map<NodeId, Claimant> claimants_;  // only trusted ones
  uint64_t penalty_ = 0;
  bool claiming_ = false;
  bool retired_ = false;
  bool asked_all_ = false;  // in this vacancy
  NodeId leader_;
  Time next_claim_ = Time::never();  // while claiming; or when to ask and to begin, while there is nobody to follow
  Time next_query_ = Time::never();
};

}  // namespace holdfast::detect
