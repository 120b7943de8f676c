// OM(m): the Byzantine generals with oral messages (paper, section 3).
//
// Guarantees, with at most m traitors among at least 3m + 1 generals, if every message between loyal generals arrives
// within its round and bears its sender's name (assumptions A1 to A3):
//   IC1  all loyal lieutenants obey the same order;
//   IC2  if the commander is loyal, every loyal lieutenant obeys the order it sends.
// With 3m generals or fewer no protocol of oral messages can promise that (paper, section 2).
//
// In round k everybody hears what was told over k - 1 others, and tells it on; after m + 1 rounds a lieutenant takes
// the majority of what it was told directly and of what each other lieutenant seems to have been told, found in the
// same way one level deeper.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "holdfast/consensus/generals/rounds.h"

namespace holdfast::generals {

struct OralState {
  uint32_t round = 0;                                       // under way; zero: not begun
  std::vector<std::pair<std::vector<NodeId>, Order>> told;  // sorted by path: what came over it
  std::vector<Order> obeyed;                                // empty: not decided
};

class OralGeneral {
 public:
  using Wire = std::variant<Oral>;
  using Out = Outbox<Wire, Record, Event>;

  explicit OralGeneral(const Config& config);

  void replay(StableSeq, const Record&) {}
  void start(Time, Out&) {}
  void on_message(Time now, NodeId from, const Wire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const { return rounds_.deadline(); }
  void check_invariants() const;

  // The first round begins, at everybody at the same time (as exactly as Config::round allows for). The commander says
  // its order; a lieutenant's is not used. Once.
  void begin(Time now, Order order, Out& out);

  bool commander() const { return config_.self == config_.generals.front(); }
  OralState state() const;
  // How many messages one battle takes when nobody is silent: (n-1) + (n-1)(n-2) + ... + (n-1)(n-2)...(n-1-m).
  static uint64_t messages(uint64_t generals, uint64_t traitors);

 private:
  using Path = std::vector<NodeId>;
  bool plausible(NodeId from, const Oral& m) const;
  Order told(const Path& path) const;
  Order majority(Path& path) const;
  template <class Each>
  void each_lieutenant_beyond(const Path& path, Each&& each) const;
  void relay(Path& path, Out& out) const;

  Config config_;
  Rounds rounds_;
  std::map<Path, Order> told_;
  std::vector<Order> obeyed_;
};

}  // namespace holdfast::generals
