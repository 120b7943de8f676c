// SM(m): the Byzantine generals with signed messages (paper, section 4).
//
// Guarantees, with at most m traitors among any number of generals, under OM's assumptions and if a loyal general's
// signature cannot be forged and everybody can check it (A4): IC1 and IC2, as of OM.
//
// An order counts in round k only with k signatures: the commander's, and those of everybody it has passed through
// since. A lieutenant that sees a new order signs it too and passes it on. After m + 1 rounds it obeys the order it has
// seen, if that is exactly one; a commander whose signature stands under two is a traitor, and all loyal ones know.
#pragma once

#include <map>
#include <vector>

#include "holdfast/consensus/generals/rounds.h"

namespace holdfast::generals {

struct WrittenState {
  uint32_t round = 0;
  std::vector<Order> seen;    // sorted: the commander's orders
  std::vector<Order> obeyed;  // empty: not decided
};

class WrittenGeneral {
 public:
  using Wire = std::variant<Written>;
  using Out = Outbox<Wire, Record, Event>;

  // `keys`: of every general.
  WrittenGeneral(const Config& config, crypto::Identity identity, std::map<NodeId, crypto::PublicKey> keys);

  void replay(StableSeq, const Record&) {}
  void start(Time, Out&) {}
  void on_message(Time now, NodeId from, const Wire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const { return rounds_.deadline(); }
  void check_invariants() const;

  // As of OralGeneral.
  void begin(Time now, Order order, Out& out);

  bool commander() const { return config_.self == config_.generals.front(); }
  WrittenState state() const { return {rounds_.current(), seen_, obeyed_}; }
  // The most messages that loyal generals send in one battle: the commander's, and two orders of each lieutenant.
  static uint64_t most_messages(uint64_t generals) { return (generals - 1) + 2 * (generals - 1) * (generals - 2); }

 private:
  bool plausible(NodeId from, const Written& m) const;
  void pass_on(const Written& m, Out& out);

  Config config_;
  crypto::Identity identity_;
  std::map<NodeId, crypto::PublicKey> keys_;
  Rounds rounds_;
  std::vector<Order> seen_;
  std::vector<Order> obeyed_;
};

// What `signers.back()` signs under an order that has come through the signers before it. Public, so that anybody can
// check a chain.
std::string statement(uint64_t battle, Order order, const std::vector<NodeId>& signers);

}  // namespace holdfast::generals
