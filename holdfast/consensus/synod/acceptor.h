// The acceptor: it promises and accepts, and forgets neither.
//
// Invariants (Part-Time Parliament, section 2.3): its promise never falls; what it accepts is never of a lower ballot
// than its promise; no promise and no acceptance leaves this node before its record is stable.
#pragma once

#include "holdfast/consensus/synod/types.h"

namespace holdfast::synod {

struct AcceptorState {
  Ballot promised;
  std::optional<Vote> accepted;
  StableSeq record;  // of the newest of both
};

class Acceptor {
 public:
  explicit Acceptor(const Config& config) : config_(config) {}

  void replay(StableSeq seq, const Promised& record);
  void replay(StableSeq seq, const Accepted& record);
  void on(NodeId from, const Collect& m, Out& out);
  void on(NodeId from, const Begin& m, Out& out);

  const AcceptorState& state() const { return state_; }
  void check_invariants() const;

 private:
  StableSeq after() const;
  Config config_;
  AcceptorState state_;
};

}  // namespace holdfast::synod
