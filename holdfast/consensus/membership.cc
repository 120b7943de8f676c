#include "holdfast/consensus/membership.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"

namespace holdfast::consensus {
namespace {

using Ids = std::vector<NodeId>;

bool has(const Ids& sorted, NodeId id) { return std::binary_search(sorted.begin(), sorted.end(), id); }

void insert(Ids& sorted, NodeId id) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
  if (at == sorted.end() || *at != id) sorted.insert(at, id);
}

void erase(Ids& sorted, NodeId id) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), id);
  if (at != sorted.end() && *at == id) sorted.erase(at);
}

bool is_set(const Ids& ids) {
  if (std::find(ids.begin(), ids.end(), NodeId{}) != ids.end()) return false;
  return std::adjacent_find(ids.begin(), ids.end(), [](NodeId a, NodeId b) { return a >= b; }) == ids.end();
}

bool disjoint(const Ids& a, const Ids& b) {
  return std::none_of(a.begin(), a.end(), [&](NodeId id) { return has(b, id); });
}

bool subset(const Ids& a, const Ids& b) {
  return std::all_of(a.begin(), a.end(), [&](NodeId id) { return has(b, id); });
}

// How many voters were added and removed.
size_t difference(const Ids& a, const Ids& b) {
  Ids diff;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(diff));
  return diff.size();
}

Status refuse(NodeId node, const char* why) {
  return absl::FailedPreconditionError(absl::StrCat("member ", node.value(), " ", why));
}

Status apply(const Change& change, Membership& m) {
  const NodeId id = change.node;
  if (!id) return absl::InvalidArgumentError("a membership change names member 0, which is nobody");
  const bool voter = has(m.voters, id), learner = has(m.learners, id);
  switch (change.kind) {
    case ChangeKind::kAddVoter:
      if (voter) return refuse(id, "votes already");
      if (learner) return refuse(id, "is a learner; promote it instead of adding it");
      insert(m.voters, id);
      break;
    case ChangeKind::kAddLearner:
      if (learner) return refuse(id, "is a learner already");
      erase(m.voters, id);
      insert(m.learners, id);
      break;
    case ChangeKind::kPromote:
      if (voter) return refuse(id, "votes already");
      if (!learner) return refuse(id, "is not a learner; add it as one first");
      erase(m.learners, id);
      insert(m.voters, id);
      break;
    case ChangeKind::kRemove:
      if (!voter && !learner) return refuse(id, "is not a member");
      erase(m.voters, id);
      erase(m.learners, id);
      break;
  }
  return absl::OkStatus();
}

}  // namespace

bool well_formed(const Membership& m) {
  if (m.voters.empty() && !(m == Membership{})) return false;
  for (const Ids* ids : {&m.voters, &m.outgoing, &m.learners, &m.learners_next}) {
    if (!is_set(*ids)) return false;
  }
  return disjoint(m.learners, m.voters) && disjoint(m.learners, m.outgoing) && subset(m.learners_next, m.outgoing) &&
         disjoint(m.learners_next, m.voters);
}

std::optional<Membership> membership_in(const Entry& entry) {
  if (entry.kind != EntryKind::kMembership) return std::nullopt;
  StatusOr<MembershipEntry> decoded = codec::decode<MembershipEntry>(entry.data);
  if (!decoded.ok() || !well_formed(decoded->membership)) return std::nullopt;
  return std::move(decoded->membership);
}

StatusOr<Membership> plan(const Membership& current, const std::vector<Change>& changes) {
  if (current.joint()) return absl::FailedPreconditionError("a membership change is still in its joint phase");
  if (changes.empty()) return absl::InvalidArgumentError("a membership change changes nothing");
  Membership next = current;
  Ids touched;
  for (const Change& change : changes) {
    if (has(touched, change.node)) return absl::InvalidArgumentError("a membership change names a member twice");
    insert(touched, change.node);
    if (Status s = apply(change, next); !s.ok()) return s;
  }
  if (next.voters.empty()) return absl::FailedPreconditionError("the last voter cannot be removed");
  if (difference(current.voters, next.voters) > 1) {
    next.outgoing = current.voters;
    for (NodeId id : current.voters) {
      if (!has(next.learners, id)) continue;
      erase(next.learners, id);
      insert(next.learners_next, id);
    }
  }
  ensure(well_formed(next), "a planned membership is well formed");
  return next;
}

Membership leave_joint(const Membership& m) {
  ensure(m.joint(), "only a joint membership is left");
  Membership next = m;
  for (NodeId id : m.learners_next) insert(next.learners, id);
  next.learners_next.clear();
  next.outgoing.clear();
  return next;
}

void Memberships::reset(Index index, Membership base) {
  history_.clear();
  history_.emplace_back(index, std::move(base));
}

void Memberships::append(Index index, Membership m) {
  ensure(index > history_.back().first, "memberships follow one another along the log");
  history_.emplace_back(index, std::move(m));
}

void Memberships::truncate_from(Index index) {
  ensure(index > history_.front().first, "the base membership is never truncated");
  while (history_.back().first >= index) history_.pop_back();
}

void Memberships::compact(Index index) {
  while (history_.size() > 1 && history_[1].first <= index) history_.pop_front();
}

const Membership& Memberships::at(Index index) const {
  for (auto it = history_.rbegin(); it != history_.rend(); ++it) {
    if (it->first <= index) return it->second;
  }
  ensure(false, "a membership is asked for at or behind the base");
  return history_.front().second;
}

}  // namespace holdfast::consensus
