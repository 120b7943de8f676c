#include "holdfast/consensus/types.h"

#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"

namespace holdfast::consensus {
namespace {

bool has(const std::vector<NodeId>& sorted, NodeId id) { return std::binary_search(sorted.begin(), sorted.end(), id); }

std::string list(const std::vector<NodeId>& ids) {
  std::string text = "{";
  for (NodeId id : ids) text += (text.size() > 1 ? " " : "") + to_text(id);
  return text + "}";
}

}  // namespace

std::string to_text(const Membership& m) {
  std::string text = list(m.voters);
  if (m.joint()) text += "&" + list(m.outgoing);
  if (!m.learners.empty()) text += " learners " + list(m.learners);
  if (!m.learners_next.empty()) text += " later learners " + list(m.learners_next);
  return text;
}

std::string to_text(const Entry& entry) {
  const std::string place = to_text(entry.index) + "@" + to_text(entry.term) + " ";
  if (entry.kind == EntryKind::kNoop) return place + "noop";
  if (entry.kind == EntryKind::kCommand) return place + print_bytes(entry.data.view());
  const StatusOr<MembershipEntry> members = codec::decode<MembershipEntry>(entry.data);
  return place + (members.ok() ? "members " + to_text(members->membership) : "members unreadable");
}

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

}  // namespace holdfast::consensus
