#include "holdfast/detect/member_table.h"

#include <tuple>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"
#include "holdfast/base/mark.h"

namespace holdfast::detect {

uint64_t MemberTable::fingerprint(NodeId node, const Member& member) {
  return hash_combine(hash_combine(node.value(), member.incarnation), static_cast<uint64_t>(member.state));
}

void MemberTable::count(NodeId node, const Member& member, int by) {
  if (!is_up(member.state)) return;
  up_ += static_cast<size_t>(by);
  digest_ ^= fingerprint(node, member);
}

MemberTable::Outcome MemberTable::apply(Time t, const Update& update) {
  if (!update.node || update.incarnation >= kMaxIncarnation || update.meta.size() > max_meta_bytes_) return {};
  const auto it = members_.find(update.node);
  if (it == members_.end()) {
    if (!is_up(update.state)) return {};
    if (members_.size() >= max_members_) {
      mark<"detect.swim.member_refused">();
      return {Outcome::Kind::kNoRoom};
    }
    const Member member{update.state, update.incarnation, update.meta, t};
    members_.emplace(update.node, member);
    count(update.node, member, 1);
    return {Outcome::Kind::kNew};
  }
  Member& member = it->second;
  if (std::tie(update.incarnation, update.state) <= std::tie(member.incarnation, member.state)) return {};
  Outcome outcome{Outcome::Kind::kChanged, member.state};
  count(update.node, member, -1);
  if (update.state == MemberState::kAlive) {
    outcome.other_meta = !(update.meta == member.meta);
    member.meta = update.meta;
  }
  if (update.state != member.state) member.since = t;
  member.state = update.state;
  member.incarnation = update.incarnation;
  count(update.node, member, 1);
  return outcome;
}

std::vector<NodeId> MemberTable::reclaim(Time t, Duration age) {
  std::vector<NodeId> forgotten;
  for (auto it = members_.begin(); it != members_.end();) {
    if (is_up(it->second.state) || it->second.since + age > t || it->first == self_) {
      ++it;
    } else {
      forgotten.push_back(it->first);
      it = members_.erase(it);
    }
  }
  return forgotten;
}

const Member* MemberTable::find(NodeId node) const {
  const auto it = members_.find(node);
  return it == members_.end() ? nullptr : &it->second;
}

Update MemberTable::update_of(NodeId node) const {
  const Member& member = members_.at(node);
  return {node, member.incarnation, member.state, {}, member.meta};
}

void MemberTable::check_invariants() const {
  size_t up = 0;
  uint64_t digest = 0;
  for (const auto& [node, member] : members_) {
    if (!is_up(member.state)) continue;
    ++up;
    digest ^= fingerprint(node, member);
  }
  ensure(up == up_, "the count of members that are up is theirs");
  ensure(digest == digest_, "the digest is that of the members");
  ensure(members_.size() <= max_members_, "the table of members is bounded");
}

}  // namespace holdfast::detect
