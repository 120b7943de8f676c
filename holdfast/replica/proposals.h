// The proposals of this process that are not known to be applied: to whom they went, when, and when they go again.
//
// A proposal stays until it is settled (applied, refused) or abandoned (its caller gave up). While somebody leads, each
// is handed over once per term; a follower hands over again what has had no effect for a while, because the message or
// its entry may be lost. Handing over twice is harmless (applied_table.h).
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/model/retry.h"
#include "holdfast/replica/types.h"

namespace holdfast::replica {

class Proposals {
 public:
  struct MembershipChange {
    consensus::Index based_on;
    std::vector<consensus::Change> changes;
    Slice context;
  };
  struct Item {
    uint64_t sequence = 0;
    Slice command;
    std::optional<MembershipChange> membership;  // instead of a command
  };

  // A proposal is offered again after `retry`. It carries an origin by which the replicas drop repetitions.
  explicit Proposals(Duration retry) : retry_(RetryPolicy(Repeatable::kExactlyOnce).every(retry)) {}

  uint64_t add(Slice command) { return push({std::move(command), std::nullopt}); }
  uint64_t add_membership(MembershipChange change) { return push({Slice(), std::move(change)}); }
  // Forgets a proposal. False when it was not waiting.
  bool settle(uint64_t sequence);

  // The lowest sequence still waited for; the next one when nothing is.
  uint64_t floor() const { return base_; }
  uint64_t next() const { return base_ + waiting_.size(); }
  size_t waiting() const { return queue_.size(); }
  // The waiting sequences, ascending.
  std::vector<uint64_t> sequences() const;

  // What is to be handed to `leader` now, in order, at most about `max_bytes` (one at least). It counts as sent.
  // `to_self`: this node leads, and what it took in this term needs no second try.
  std::vector<Item> take_due(Time now, consensus::Term term, NodeId leader, bool to_self, size_t max_bytes);
  // Whether leaders were offered `sequence` more than once: what the last one says of it is not the whole truth then.
  bool offered_again(uint64_t sequence) const;
  // The leader, which is this node, did not take `sequence` now: that offer does not count, and it is due again at
  // `when`.
  void postpone(uint64_t sequence, Time when);
  // When something is due next, given that leader. never() when nothing waits or nobody leads.
  Time deadline(consensus::Term term, NodeId leader) const;

 private:
  struct Waiting {
    Slice command;
    std::optional<MembershipChange> membership;
    bool settled = false;
    uint32_t offers = 0;  // that a leader may have taken
    Time due;             // when to hand it over (again); zero: at once
  };
  uint64_t push(Waiting w);
  void set_due(uint64_t sequence, Time due);

  RetryPolicy retry_;
  uint64_t base_ = 1;  // the sequence of waiting_.front()
  std::deque<Waiting> waiting_;
  std::set<std::pair<Time, uint64_t>> queue_;  // what is not settled, by when it is due
  // Whom the due times speak of. For anybody else everything is due at once.
  consensus::Term term_;
  NodeId leader_;
};

}  // namespace holdfast::replica
