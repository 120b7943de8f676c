// What is watched while the simulated store runs, after every step of every member:
//   ONE, MONO  what every engine of consensus promises (engine_oracle.h)
//   ONE   one entry per applied index
//   MONO  terms, commit points, applied positions and revisions of a process never go back; the newest applied position
//         of the cluster is not lost by all
//   DUR   a member does not start when a record that it must keep was destroyed in its log
//   REP   members that have applied the same position have the same state, by hash
// and the true log of events is collected for the checkers that run at the end.
#pragma once

#include <map>

#include "holdfast/sim/check/true_log.h"
#include "holdfast/sim/engine_oracle.h"
#include "holdfast/sim/store_member.h"

namespace holdfast::sim {

class StoreOracle {
 public:
  StoreOracle(World& world, replica::EngineKind engine) : world_(world), engine_(world, engine) {}

  // To be called after each step.
  void observe(const StoreMember& member);
  // A member sends this to another.
  void sends(NodeId from, NodeId to, const Slice& message) { engine_.sends(from, to, message); }

  const check::TrueLog& log() const { return log_; }
  consensus::Index highest_applied() const { return highest_applied_; }
  consensus::Term highest_term() const { return highest_term_; }

 private:
  struct Seen {
    uint64_t incarnation = 0;
    consensus::Term term;
    consensus::Index commit, applied;
    store::Revision revision;
  };
  struct Position {
    consensus::Term term;
    uint64_t state_hash = 0;
    NodeId by;
  };
  void check_steps(const StoreMember& member, Seen& seen);
  void check_position(NodeId id, consensus::Index index, consensus::Term term, uint64_t hash);
  void collect(const store::Store& store, NodeId id);

  World& world_;
  EngineOracle engine_;
  std::map<NodeId, Seen> seen_;
  std::map<consensus::Index, Position> positions_;
  check::TrueLog log_;
  consensus::Index highest_applied_;
  consensus::Term highest_term_;
};

}  // namespace holdfast::sim
