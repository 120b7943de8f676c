// Who belongs to the group, for the detectors that have no membership of their own (heartbeat, phi): every member knows
// every other one, learned from those it met first.
//
// A member introduces itself to its seeds until each has answered or is known, and to each member it learns of; whoever
// hears a new name, or a new description of an old one, answers with all it knows. Names are never forgotten, but for
// those that leave; at most max_members are kept.
#pragma once

#include <cstdint>
#include <map>
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
using RosterEvent = std::variant<Met, Parted>;

struct RosterConfig {
  NodeId self;
  uint64_t version = 1;  // a reading of the wall clock at the start
  Slice meta;
  std::vector<NodeId> seeds;
  Duration retry = Duration::seconds(1);     // to seeds that have not answered: at first, growing up to `refresh`
  Duration refresh = Duration::seconds(30);  // to somebody, so that what got lost is repaired
  uint64_t seed = 0;
  size_t max_members = 1000;
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

  // Says farewell to all.
  void leave(Out& out);

  // Those that have not left, without this member.
  std::vector<NodeId> peers() const;
  const Acquaintance* find(NodeId node) const;

 private:
  bool learn(const Acquaintance& a, Out& out);
  void introduce(NodeId to, bool answer, Out& out) const;

  const RosterConfig config_;
  uint64_t turn_;
  Retry joining_;
  std::map<NodeId, Acquaintance> known_;  // this member included
  Time next_ = Time::never();
};

}  // namespace holdfast::detect
