// Updates on their way through the group, carried by the messages that are sent anyway (SWIM section 4.1).
//
// Each update is sent at most lambda * ceil(log10(n + 1)) times by this process; those sent least often go first, and
// among them the latest. Of one member only the latest update is kept, so there are never more than members.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "holdfast/detect/swim_types.h"

namespace holdfast::detect {

class Dissemination {
 public:
  explicit Dissemination(uint32_t lambda) : lambda_(lambda) {}

  // An update that is news here; it displaces an earlier one about the same member.
  void add(Update update);
  void drop(NodeId node);
  // Appends to `gossip` what fits into `bytes`, for a group of `n`, without what concerns `except` (it is told
  // otherwise). Counts as sent.
  void fill(std::vector<Update>& gossip, size_t bytes, size_t n, NodeId except);

  size_t size() const { return entries_.size(); }
  // How often an update is sent in a group of n.
  uint32_t limit(size_t n) const;

 private:
  struct Entry {
    Update update;
    size_t bytes = 0;
    uint32_t sent = 0;
    uint64_t age = 0;  // smaller: later
  };
  using Key = std::tuple<uint32_t, uint64_t, NodeId>;  // sent, age, node
  static Key key_of(const Entry& e) { return {e.sent, e.age, e.update.node}; }

  uint32_t lambda_;
  uint64_t next_age_ = ~uint64_t{0};
  std::map<NodeId, Entry> entries_;
  std::set<Key> order_;
};

// The bytes that an update takes in a message.
size_t encoded_bytes(const Update& update);

}  // namespace holdfast::detect
