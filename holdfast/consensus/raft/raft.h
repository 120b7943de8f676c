// Raft: one member's protocol core (docs/protocols/raft.md).
//
// Guarantees, under crash-recovery faults of any minority, with stable storage that keeps what it reported stable, and
// a network that loses, repeats, delays and reorders: election safety, leader append-only, log matching, leader
// completeness, state machine safety (paper, figure 3). Reads that were answered are linearizable; in ReadMode::kLease
// only while clocks drift less than configured. Progress needs a majority that hears each other for a few election
// timeouts. Not Byzantine.
//
// Thread rule: none of its own; one thread at a time. Contract: docs/architecture.md, "The core contract".
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/engine.h"
#include "holdfast/consensus/raft/types.h"

namespace holdfast::raft {

using consensus::FoundSnapshot;

class Raft {
 public:
  using Out = Outbox<Message, Record, Event>;

  // `bootstrap`: the membership of a new cluster, used only when no record is replayed. Empty: this member joins an
  // existing cluster and waits to be contacted.
  Raft(const Config& config, Membership bootstrap);
  ~Raft();

  // Recovery: every sealed blob of the node, in any order; every record, in order. Then recovered(), which says whether
  // the records fit together (kDataLoss: the member must not start), then start(). Committed events begin behind the
  // latest snapshot mark that was replayed; the owner drops sealed blobs that nobody names.
  void recover_blob(BlobId id, uint64_t size);
  void replay(StableSeq seq, const Record& record);
  Status recovered() const;
  void start(Time now, Out& out);
  // What the records say of snapshots (consensus/engine.h).
  static std::vector<FoundSnapshot> survey(const std::vector<std::pair<StableSeq, const Record*>>& records);
  static std::optional<Index> marks_snapshot(const Record& record);

  void on_message(Time now, NodeId from, const Message& message, Out& out);
  void on_stable(Time now, StableSeq upto, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // Leader only: appends commands and replicates them. kUnavailable: not the leader (see leader()); kResourceExhausted:
  // too much is uncommitted. On success the index of the first; they were not committed yet, and may never be if
  // leadership is lost.
  StatusOr<Index> propose(Time now, std::vector<Slice> commands, Out& out);

  // Leader only, one at a time, and only once an entry of its own term is committed (dissertation, 4.1; the bug of
  // 2015): more than one voter changes through joint consensus, left automatically. kUnavailable: not the leader, or
  // not yet, for one of these two reasons. kFailedPrecondition, kInvalidArgument: why not. Promotion needs a learner
  // that has caught up.
  StatusOr<Index> change_membership(Time now, const std::vector<Change>& changes, Slice context, Out& out);

  // Leader only: hands leadership to a voter, or to the most advanced one when `to` is none (dissertation, 3.10).
  // Proposals are refused until it has happened or an election timeout has passed.
  Status transfer_leadership(Time now, NodeId to, Out& out);

  // A linearizable read, from any member: answered by ReadReady or ReadFailed with this token. Tokens are the caller's,
  // unique while unanswered. Reads asked for within one step share their round.
  void read_index(Time now, uint64_t token, Out& out);

  // A name for a blob of the owner's, which no other blob of this node has had (Raft names the snapshots it receives).
  BlobId name_blob();
  // Whether a recovery or a transfer may need the blob: the owner drops an old snapshot only when not. A snapshot just
  // taken does not free the one before it until its mark is stable.
  bool uses_blob(BlobId id) const;

  // The owner has sealed a snapshot of its state at meta.index (<= the last entry given to it as committed): entries
  // up to there may go, except config.catch_up_entries. meta.term and meta.membership are filled in. An index at or
  // below that of snapshot() is ignored.
  void snapshot_taken(Time now, const SnapshotMeta& meta, Out& out);
  // Answers to SnapshotReceived, whose `meta.blob` names the sealed blob on this node. Nothing is committed to the
  // owner in between. Once loaded the blob is the owner's to drop, when a later one has replaced it; a refused one is
  // dropped.
  void snapshot_loaded(Time now, const SnapshotMeta& meta, Out& out);
  void snapshot_refused(Time now, Index index, Out& out);

  Role role() const;
  Term term() const;
  NodeId promised_to() const;  // whom it voted for in this term; none
  NodeId leader() const;
  Index commit_index() const;
  Index last_index() const;
  Index first_index() const;  // of the entries in memory
  // Of an entry in memory, and of the one before them.
  std::optional<Term> term_at(Index index) const;
  const Membership& membership() const;  // the latest in the log, in force
  Index membership_index() const;        // where it was appended; or, at most, that of the snapshot that holds it
  const SnapshotMeta& snapshot() const;  // the latest
  // Below which number no stable record of Raft's is needed by a recovery from the snapshot at `index`, or from a later
  // one. Zero: nothing may be released yet (no snapshot mark is stable, or entries behind `index` are not in memory).
  StableSeq first_needed_behind(Index index) const;
  // Leader only: how far each member's log is known to match.
  std::optional<Index> match_of(NodeId member) const;
  // Leader only: whether it has heard the member within an election timeout, as this term's leader. Itself always.
  bool hears(NodeId member, Time now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::raft
