// Which proposals have been applied: the memory that makes forwarding and retrying harmless.
//
// Per origin the table keeps the latest incarnation, a floor below which nothing is awaited any more, and the applied
// sequences above it. It is part of the replicated state: a function of the log alone, and part of every snapshot.
// (The idea is that of RIFL: Lee et al., "Implementing Linearizability at Large Scale and Low Latency", 2015.)
//
// Invariant: every sequence in `applied` is >= floor. Its size is bounded by what an origin has outstanding.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "holdfast/replica/types.h"

namespace holdfast::replica {

// One origin's row, as it lies in a snapshot.
struct AppliedRow {
  NodeId node;
  uint64_t incarnation = 0;
  uint64_t floor = 0;
  std::vector<uint64_t> applied;  // ascending, all >= floor
};

class AppliedTable {
 public:
  // True exactly once per (node, incarnation, sequence): then the command is to be applied. False also for an earlier
  // incarnation, for what the origin has given up (below its floor), and when the node is banned.
  bool claim(const Origin& origin);
  // Whether claim() would say no.
  bool contains(const Origin& origin) const;
  // Nothing of the nodes in the table that do not `stay` counts from now on, for good: what was applied already of a
  // removed member may lie in the log a second time, behind its removal.
  void ban_all_but(const std::function<bool(NodeId)>& stay);

  std::vector<AppliedRow> rows() const;
  // kDataLoss when rows are unordered or contradict the invariant.
  static StatusOr<AppliedTable> from_rows(const std::vector<AppliedRow>& rows);

 private:
  // Behind every incarnation: the row of a banned node.
  static constexpr uint64_t kBanned = UINT64_MAX;
  struct Row {
    uint64_t incarnation = 0;
    uint64_t floor = 0;
    std::set<uint64_t> applied;
  };
  std::map<NodeId, Row> rows_;
};

}  // namespace holdfast::replica
