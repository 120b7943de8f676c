// What the engines of consensus promise, watched from outside while the simulated store runs:
//   ONE   Raft (paper, figure 3): a member votes once per term, and remembers it whatever happens; one leader per term.
//         Paxos: a member keeps its promises, whatever happens; one value per ballot and slot.
//         Both: one entry committed per index, and every leader of a later term has it
//   MONO  what a leader knows of a follower's log does not go back
#pragma once

#include <map>
#include <set>
#include <utility>

#include "holdfast/sim/store_member.h"

namespace holdfast::sim {

class EngineOracle {
 public:
  EngineOracle(World& world, replica::EngineKind engine)
      : world_(world), raft_only_(engine == replica::EngineKind::kRaft) {}

  // A member sends this to another.
  void sends(NodeId from, NodeId to, const Slice& message);
  // After each step of a member that has been started.
  void observe(const StoreMember& member);

 private:
  void sends(NodeId from, NodeId to, const raft::Message& message);
  void sends(NodeId from, NodeId to, const paxos::Message& message);
  void proposes(NodeId from, const paxos::Begin& begin);
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
  bool raft_only_;
  std::set<NodeId> trusted_;  // whose disks keep what they promise
  std::map<std::pair<NodeId, consensus::Term>, NodeId> votes_;
  std::map<std::pair<NodeId, consensus::Term>, NodeId>
      answered_;  // of them, those that a candidate asked for and was told
  std::map<consensus::Term, NodeId> leaders_;
  std::map<NodeId, paxos::Ballot> promised_;                                 // what each has told others
  std::map<std::pair<consensus::Index, paxos::Ballot>, uint64_t> proposed_;  // hashes of values
  std::map<consensus::Index, Committed> committed_;  // every commit position that some member stopped at
  std::map<NodeId, Reign> reigns_;
};

}  // namespace holdfast::sim
