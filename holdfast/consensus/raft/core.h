// What outlives every role of a member: its ledger, the memberships along its log, how far it is committed and
// delivered.
#pragma once

#include "holdfast/base/random.h"
#include "holdfast/consensus/membership.h"
#include "holdfast/consensus/raft/ledger.h"

namespace holdfast::raft {

using Out = Raft::Out;
using consensus::Memberships;

class Core {
 public:
  // What the transfer of snapshots needs to know (consensus/snapshot_sender.h, snapshot_receiver.h).
  using Reign = Term;
  using Chunk = SnapshotChunk;
  Reign reign_of(const Chunk& chunk) const { return chunk.term; }
  bool plausible(const Chunk& chunk) const { return chunk.meta.term <= chunk.term; }
  Chunk chunk(const SnapshotMeta& meta, uint64_t offset, Slice bytes, uint32_t crc) const {
    return {term(), meta, offset, std::move(bytes), crc};
  }
  SnapshotReply snapshot_reply(Index index, uint64_t received, bool installed, bool refused) const {
    return {term(), index, received, installed, refused};
  }
  const SnapshotMeta& snapshot() const { return ledger.snapshot(); }
  StableSeq after_promise() const { return ledger.after_term(); }
  StableSeq after_holding(Index match) const { return ledger.after_holding(match); }

  Core(const Config& c, Membership bootstrap);

  NodeId self() const { return config.self; }
  Term term() const { return ledger.term(); }
  const Log& log() const { return ledger.log(); }
  const Membership& membership() const { return memberships.current(); }
  bool votes() const { return membership().is_voter(self()); }
  // Whether this member may have to lead: it votes, or did so before a change that is not known to be committed. A
  // member that appended its own removal may be the only one that can commit it (dissertation, 4.2.2).
  bool may_lead() const {
    return votes() || (memberships.changed_at() > commit && memberships.previous().is_voter(self()));
  }
  // This member alone is a quorum.
  bool sole_voter() const {
    const Membership& m = membership();
    return !m.joint() && m.voters.size() == 1 && m.voters[0] == self();
  }
  // Whether an entry of the current term is committed: only then does a leader know how far the log is committed
  // (dissertation, 6.4), and only then may it change the membership (4.1).
  bool committed_in_term() const { return log().term_at(commit) == term(); }
  // An election timeout, drawn anew: in [1, 2) times the configured one.
  Duration draw_timeout();

  // Ends recovery and writes the bootstrap membership of a new cluster.
  void start(Out& out);

  // Appends one entry of the current term behind the last.
  Index append(EntryKind kind, Slice data, Out& out);
  // Appends an entry received, replacing conflicting ones from its index on.
  void accept(const Entry& entry, Out& out);

  // The commit index never falls.
  void advance_commit(Index upto);
  // Hands what is newly committed to the owner, a bounded number of entries at a time: after a restart there may be
  // millions, and a member that is busy applying them all would neither answer its leader nor lead meanwhile.
  void deliver(Out& out);
  bool delivers_more() const { return !loading && delivered < commit; }

  // The owner's snapshot, or one from the leader, begins the log.
  void compact(const SnapshotMeta& meta, Out& out);
  void install(SnapshotMeta meta, Out& out);

  // A name for a blob that this node has not seen yet.
  BlobId name_blob();
  void see_blob(BlobId id) { last_blob_ = std::max(last_blob_, id); }

  void check_invariants() const;

  const Config config;
  Random random;
  Ledger ledger;
  Memberships memberships;
  Index commit;
  Index delivered;
  bool loading = false;  // the owner is replacing its state: nothing is delivered meanwhile

 private:
  Membership bootstrap_;
  BlobId last_blob_;
  bool belonged_ = false;  // a delivered membership contained this member
};

}  // namespace holdfast::raft
