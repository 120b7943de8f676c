#include "holdfast/consensus/raft/types.h"

#include <algorithm>

namespace holdfast::raft {
namespace {

bool has(const std::vector<NodeId>& sorted, NodeId id) { return std::binary_search(sorted.begin(), sorted.end(), id); }

}  // namespace

bool Membership::is_voter(NodeId id) const { return has(voters, id) || has(outgoing, id); }

bool Membership::is_learner(NodeId id) const { return has(learners, id); }

bool Membership::contains(NodeId id) const { return is_voter(id) || is_learner(id); }

std::vector<NodeId> Membership::everyone() const {
  std::vector<NodeId> all = voters;
  all.insert(all.end(), outgoing.begin(), outgoing.end());
  all.insert(all.end(), learners.begin(), learners.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace holdfast::raft
