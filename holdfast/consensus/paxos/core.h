// What outlives every role of a member: its ledger, who decides which slot, how far slots are chosen and delivered.
//
// The rule of membership. A membership entry takes force behind its own slot, once it is chosen: slot i is decided by a
// majority of the voters that the chosen membership entries below i name. So that everybody who proposes in slot i
// knows them, a membership entry is a barrier: a leader proposes nothing behind it until it is chosen and a majority of
// the new voters has promised the leader's ballot (leader.h). Any change is possible in one step: no slot is ever
// decided by two memberships, so old and new majorities need not overlap. ("Paxos Made Simple", section 3, with alpha =
// 1 behind a membership entry and unbounded elsewhere.)
//
// Who leaves does not leave too early. Until a majority of the new voters knows, on stable storage, that the entry is
// chosen, they may need those who leave to find out. So an acceptor accepts nothing behind a membership entry that it
// does not know to be chosen (its record of that comes before), the slot behind the entry is filled at once, and the
// entry is delivered only when that slot is chosen, too. Until then a member that the entry removes may still lead.
#pragma once

#include "holdfast/base/random.h"
#include "holdfast/consensus/membership.h"
#include "holdfast/consensus/paxos/ledger.h"

namespace holdfast::paxos {

using Out = Paxos::Out;
using consensus::Memberships;

// How far behind what it holds a member looks at what it is sent, and how many slots a leader has open at once.
inline constexpr uint64_t kMaxAhead = uint64_t{1} << 16;
// How many parts of a report answer one Collect.
inline constexpr uint64_t kReportBurst = 32;

class Core {
 public:
  // What the transfer of snapshots needs to know (consensus/snapshot_sender.h, snapshot_receiver.h).
  using Reign = Ballot;
  using Chunk = SnapshotChunk;
  Reign reign_of(const Chunk& chunk) const { return chunk.ballot; }
  bool plausible(const Chunk& chunk) const { return chunk.meta.term <= chunk.ballot.round; }
  Chunk chunk(const SnapshotMeta& meta, uint64_t offset, Slice bytes, uint32_t crc) const {
    return {ballot(), meta, offset, std::move(bytes), crc};
  }
  SnapshotReply snapshot_reply(Index index, uint64_t received, bool installed, bool refused) const {
    return {ballot(), index, received, installed, refused};
  }
  const SnapshotMeta& snapshot() const { return ledger.snapshot(); }
  StableSeq after_promise() const { return ledger.after_promise(); }
  StableSeq after_holding(Index) const { return ledger.after_holding(); }

  Core(const Config& c, Membership bootstrap);

  NodeId self() const { return config.self; }
  // The ballot that is promised: the greatest that this member takes part in.
  const Ballot& ballot() const { return ledger.promised(); }
  const Slots& slots() const { return ledger.slots(); }
  // Who decides the slots behind what is chosen.
  const Membership& membership() const { return memberships.current(); }
  bool votes() const { return membership().is_voter(self()); }
  // Whether the latest chosen slot holds a membership: it is not known whether a majority of its voters knows it.
  bool membership_is_last() const;
  // Whether this member may have to lead: it votes, or did so before a change of which the new voters may not know.
  bool may_lead() const { return votes() || (membership_is_last() && memberships.previous().is_voter(self())); }
  // This member alone is a quorum.
  bool sole_voter() const { return membership().voters.size() == 1 && membership().voters[0] == self(); }
  // Its next ballot, above all that it has heard of.
  Ballot next_ballot() const { return {std::max(ballot().round, seen_round) + 1, self()}; }
  // An election timeout, drawn anew: in [1, 2) times the configured one.
  Duration draw_timeout();

  // Ends recovery and writes the bootstrap membership of a new cluster.
  void start(Out& out);
  // Everything up to `upto` is chosen, and this member holds it.
  void choose(Index upto);
  // Hands what is newly chosen to the owner, a bounded number of entries at a time.
  void deliver(Out& out);
  bool delivers_more() const { return !loading && delivered < deliverable(); }

  // The owner's snapshot, or one from the leader, takes the place of slots.
  void compact(const SnapshotMeta& meta, Out& out);
  void install(SnapshotMeta meta, Out& out);

  // A name for a blob that this node has not seen yet.
  BlobId name_blob();
  void see_blob(BlobId id) { last_blob_ = std::max(last_blob_, id); }

  void check_invariants() const;

  const Config config;
  Random random;
  Ledger ledger;
  Memberships memberships;  // the chosen ones, along the slots
  Term seen_round;          // the greatest that members have told of
  Index commit;             // up to here everything is chosen
  Index delivered;
  bool loading = false;  // the owner is replacing its state: nothing is delivered meanwhile

 private:
  Index deliverable() const { return membership_is_last() ? commit - 1 : commit; }

  Membership bootstrap_;
  BlobId last_blob_;
  bool belonged_ = false;  // a delivered membership contained this member
};

// Whether `entry` can be what a correct leader of `ballot` proposes.
bool sound(const Entry& entry, const Ballot& ballot);

}  // namespace holdfast::paxos
