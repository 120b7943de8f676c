// The members that this process knows, and which of two things said about one of them holds.
//
// Knowledge only grows: of each member the greatest (incarnation, state) ever heard is kept, so the order, repetition
// and route of updates do not matter (a join semilattice; SWIM section 4.2 as a total order).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/detect/swim_types.h"

namespace holdfast::detect {

struct Member {
  MemberState state = MemberState::kAlive;
  uint64_t incarnation = 0;
  Slice meta;
  Time since;  // observed: of the state
};
constexpr bool is_up(MemberState s) { return s == MemberState::kAlive || s == MemberState::kSuspect; }

class MemberTable {
 public:
  MemberTable(NodeId self, size_t max_members, size_t max_meta_bytes)
      : self_(self), max_members_(max_members), max_meta_bytes_(max_meta_bytes) {}

  // What came of an update.
  struct Outcome {
    enum class Kind {
      kNothingNew,  // known, or older than what is known, or not believed
      kNew,         // a member that was unknown
      kChanged,     // of a known one
      kNoRoom,      // a member that is unknown, and remains so
    } kind = Kind::kNothingNew;
    MemberState before = MemberState::kAlive;  // kChanged
    bool other_meta = false;                   // kChanged: it describes itself differently
  };
  // Merges what is said about a member (this process included). An unknown member is taken in only as alive or suspect,
  // and only while there is room.
  Outcome apply(Time t, const Update& update);
  // Forgets those that have been dead or gone for `age`.
  std::vector<NodeId> reclaim(Time t, Duration age);

  const Member* find(NodeId node) const;
  const std::map<NodeId, Member>& members() const { return members_; }
  // Alive or suspect, this process included.
  size_t up() const { return up_; }
  // The same for equal knowledge of who is up.
  uint64_t digest() const { return digest_; }
  Update update_of(NodeId node) const;

  // At most k others, drawn from those that are `eligible(node, member)`.
  template <class Eligible>
  std::vector<NodeId> draw(Random& random, size_t k, Eligible&& eligible) const {
    std::vector<NodeId> drawn;
    uint64_t seen = 0;
    for (const auto& [node, member] : members_) {
      if (node == self_ || !eligible(node, member)) continue;
      ++seen;
      if (drawn.size() < k) {
        drawn.push_back(node);
      } else if (const uint64_t place = random.below(seen); place < k) {
        drawn[place] = node;
      }
    }
    return drawn;
  }

  void check_invariants() const;

 private:
  static uint64_t fingerprint(NodeId node, const Member& member);
  void count(NodeId node, const Member& member, int by);

  const NodeId self_;
  const size_t max_members_, max_meta_bytes_;
  std::map<NodeId, Member> members_;
  size_t up_ = 0;
  uint64_t digest_ = 0;
};

}  // namespace holdfast::detect
