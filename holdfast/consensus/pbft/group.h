// A configuration, and what follows from it: how many may be faulty, how many decide, who leads.
#pragma once

#include "holdfast/base/status.h"
#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

class Group {
 public:
  Group() = default;
  explicit Group(Configuration configuration) : configuration_(std::move(configuration)) {}

  // kInvalidArgument: fewer than four members (or none), unsorted, repeated or impossible identities.
  static Status valid(const Configuration& configuration);

  // The configuration behind this one. None: the change names who cannot be added or removed, or nobody; or what is
  // left would not be valid.
  std::optional<Configuration> after(const Change& change) const;

  const Configuration& configuration() const { return configuration_; }
  uint64_t epoch() const { return configuration_.epoch; }
  const std::vector<Peer>& members() const { return configuration_.members; }
  size_t size() const { return members().size(); }
  // How many members may be faulty: the greatest f with n >= 3f + 1.
  size_t faulty() const { return (size() - 1) / 3; }
  // How many members decide: any two such sets share a correct member, and the correct ones alone are enough.
  // ceil((n + f + 1) / 2), which is 2f + 1 for n = 3f + 1.
  size_t quorum() const { return (size() + faulty() + 2) / 2; }
  NodeId primary(View view) const { return members()[view.value() % size()].id; }

  bool is_member(NodeId id) const { return find(configuration_.members, id) != nullptr; }
  // The key of a member; none if it is not one.
  const PublicKey* member_key(NodeId id) const { return find(configuration_.members, id); }
  // The key of a member or client.
  const PublicKey* key(NodeId id) const;
  // The place of a member among the members.
  size_t place(NodeId id) const;

 private:
  static const PublicKey* find(const std::vector<Peer>& peers, NodeId id);
  Configuration configuration_;
};

}  // namespace holdfast::pbft
