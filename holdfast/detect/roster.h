// Who belongs to the group, for the detectors that have no membership of their own (heartbeat, phi): every member knows
// every other one, learned from those it met first.
//
// A member introduces itself to its seeds until each has answered or is known, and to each member it learns of; whoever
// hears a new name, or a new description of an old one, answers with all it knows and trusts.
//  1. Whoever has been gone, or distrusted by the detector, for reclaim_after is forgotten. Nobody tells others of whom
//     it distrusts, so that those that have crashed are not handed round for ever.
//  2. At most max_members are known, this one included. A newcomer takes the place of whoever has been gone longest; is
//     nobody gone, it is refused, and Full says so.
//  3. Two that have forgotten each other, after a partition that lasted, meet again through the seeds, or through a
//     member that both know.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/detect/types.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/retry.h"

namespace holdfast::detect {

struct Acquaintance {
  NodeId node;
  uint64_t version = 0;  // of the description; raised by `node` alone
  bool gone = false;     // it left
  Slice meta;
};
// "I am, and I know." The first is the sender.
struct Introduce {
  bool answer = false;  // the receiver is to introduce itself, too
  std::vector<Acquaintance> known;
};
using RosterWire = std::variant<Introduce>;

// A member that is new, has come back, or describes itself differently.
struct Met {
  NodeId node;
  Slice meta;
  bool again = false;  // it was known
};
struct Parted {
  NodeId node;
};
using RosterEvent = std::variant<Met, Parted, Forgotten, Full, Unanswered>;

struct RosterConfig {
  NodeId self;
  uint64_t version = 1;  // a reading of the wall clock at the start
  Slice meta;
  std::vector<NodeId> seeds;
  Duration retry = Duration::seconds(1);     // to seeds that have not answered: at first, growing up to `refresh`
  Duration refresh = Duration::seconds(30);  // to somebody, so that what got lost is repaired
  Duration reclaim_after = Duration::seconds(600);
  uint64_t seed = 0;
  size_t max_members = 1000;  // known; more are refused
  size_t max_message_bytes = 1400;
  size_t max_meta_bytes = 256;
};

class Roster {
 public:
  using Out = Outbox<RosterWire, NoRecord, RosterEvent>;

  explicit Roster(const RosterConfig& config);

  void replay(StableSeq, const NoRecord&) {}
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const RosterWire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const { return next_; }
  void check_invariants() const;

  // What the detector says of `node`.
  void set_trust(Time now, NodeId node, bool trusted);

  // Says farewell to all.
  void leave(Out& out);

  // Those that have not left, without this member.
  std::vector<NodeId> peers() const;
  const Acquaintance* find(NodeId node) const;

 private:
  struct Known {
    Acquaintance is;
    Time lost = Time::never();  // since when it is gone or distrusted
  };

  bool learn(Time now, const Acquaintance& a, Out& out);
  bool take_in(const Acquaintance& a, Out& out);
  void reclaim(Time now, Out& out);
  void introduce(NodeId to, bool answer, Out& out) const;

  const RosterConfig config_;
  uint64_t turn_;
  Retry joining_;
  std::map<NodeId, Known> known_;  // this member included
  bool full_ = false;              // and it was said
  Time next_ = Time::never();
};

}  // namespace holdfast::detect
