// The other members as a leader knows them, and what a quorum of them has reached. P is an engine's Peer, with match():
// up to where the member is known to hold the log.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "holdfast/consensus/membership.h"
#include "holdfast/consensus/peer.h"

namespace holdfast::consensus {

template <class P>
class Peers {
 public:
  // Follows the membership: those who left are forgotten, `make(node)` makes those who are new.
  template <class Make>
  void adopt(const Membership& m, NodeId self, Make&& make) {
    std::erase_if(all_, [&](const P& p) { return !m.contains(p.node()); });
    for (NodeId node : m.everyone()) {
      if (node == self || find(node) != nullptr) continue;
      const auto at =
          std::lower_bound(all_.begin(), all_.end(), node, [](const P& p, NodeId id) { return p.node() < id; });
      all_.insert(at, make(node));
    }
  }

  P* find(NodeId node) {
    for (P& p : all_) {
      if (p.node() == node) return &p;
    }
    return nullptr;
  }
  const P* find(NodeId node) const { return const_cast<Peers*>(this)->find(node); }
  std::vector<P>& all() { return all_; }  // sorted by node
  const std::vector<P>& all() const { return all_; }

  // Up to where `member` is known to hold the log, this member counting as `own`; none: nothing is known of it.
  std::optional<Index> match_of(NodeId member, NodeId self, Index own) const {
    if (member == self) return own;
    const P* p = find(member);
    return p == nullptr ? std::nullopt : std::optional<Index>(p->match());
  }
  // Whether it has answered at all, and last at `since` or later.
  bool hears(NodeId member, NodeId self, Time since) const {
    if (member == self) return true;
    const P* p = find(member);
    return p != nullptr && p->answered() && p->heard_at() >= since;
  }

  // What a quorum of `m` has reached, when this member counts as `own`.
  Index quorum_match(const Membership& m, NodeId self, Index own) const {
    return joint_value(m, Index{}, [&](NodeId id) {
      if (id == self) return own;
      const P* p = find(id);
      return p == nullptr ? Index{} : p->match();
    });
  }
  Time quorum_heard(const Membership& m, NodeId self) const {
    return joint_value(m, Time{}, [&](NodeId id) {
      if (id == self) return Time::never();
      const P* p = find(id);
      return p == nullptr ? Time{} : p->heard_at();
    });
  }
  uint64_t quorum_round(const Membership& m, NodeId self, uint64_t own) const {
    return joint_value(m, uint64_t{0}, [&](NodeId id) {
      if (id == self) return own;
      const P* p = find(id);
      return p == nullptr ? uint64_t{0} : p->round();
    });
  }
  // The voter with the longest log that was heard since `since`; none: nobody.
  NodeId most_advanced(const Membership& m, Time since) const {
    const P* best = nullptr;
    for (const P& p : all_) {
      if (!m.is_voter(p.node()) || p.heard_at() < since) continue;
      if (best == nullptr || p.match() > best->match()) best = &p;
    }
    return best == nullptr ? NodeId{} : best->node();
  }

 private:
  std::vector<P> all_;
};

}  // namespace holdfast::consensus
