// What Raft promises (paper, figure 3), watched from outside while the simulated store runs:
//   ONE   a member votes once per term, and remembers it whatever happens; one leader per term; one entry committed per
//         index, and every leader elected later has it
//   MONO  what a leader knows of a follower's log does not go back
#pragma once

#include <map>
#include <utility>

#include "holdfast/sim/store_member.h"

namespace holdfast::sim {

class RaftOracle {
 public:
  explicit RaftOracle(World& world) : world_(world) {}

  // A member sends this to another.
  void sends(NodeId from, NodeId to, const Slice& message);
  // After each step of a member that has been started.
  void observe(const StoreMember& member);

 private:
  struct Committed {
    consensus::Term term;      // of the entry
    consensus::Term known_in;  // the term of the member that had it committed first
    NodeId by;
  };
  // What a leader knows in its present term.
  struct Reign {
    consensus::Term term;
    uint64_t incarnation = 0;
    std::map<NodeId, consensus::Index> match;
  };
  void votes(NodeId voter, consensus::Term term, NodeId candidate);
  void commits(NodeId id, const replica::Engine& engine);
  void leads(const StoreMember& member, const replica::Engine& engine);
  void has_all_committed(NodeId id, const replica::Engine& engine);

  World& world_;
  std::map<std::pair<NodeId, consensus::Term>, NodeId> votes_;
  std::map<std::pair<NodeId, consensus::Term>, NodeId>
      answered_;  // of them, those that a candidate asked for and was told
  std::map<consensus::Term, NodeId> leaders_;
  std::map<consensus::Index, Committed> committed_;  // every commit position that some member stopped at
  std::map<NodeId, Reign> reigns_;
};

}  // namespace holdfast::sim
