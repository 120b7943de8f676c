// PBFT: one replica's protocol core (docs/protocols/pbft.md).
//
// Guarantees, with n >= 4 members of which at most f = (n-1)/3 do whatever they like, crash-recovery of all others with
// stable storage that keeps what it reported stable, and a network that loses, repeats, delays, reorders and forges:
// all correct replicas execute the same batches in the same order; only requests that their clients have signed, and
// each at most once; what a client accepted on f + 1 equal answers is never undone. Reads answered by a quorum are
// linearizable with them. Progress needs a quorum of correct members that hear each other within the timeouts. A member
// whose disk was lost counts as faulty until it has gone silent long enough (Beginning::kLostDisk).
//
// Thread rule: none of its own; one thread at a time. Contract: docs/architecture.md, "The core contract".
#pragma once

#include <memory>
#include <optional>

#include "holdfast/base/status.h"
#include "holdfast/consensus/pbft/authority.h"

namespace holdfast::pbft {

class Replica {
 public:
  using Out = Outbox<Packet, Record, Event>;

  // `authority` speaks for config.self and outlives the replica.
  Replica(const Config& config, Authority& authority);
  ~Replica();

  // Recovery: every sealed blob of the node, in any order; every record, in order. Then recovered(), which says whether
  // the records fit together (kDataLoss: the replica must not start). The owner loads snapshot(), if it names a blob,
  // and then calls start(). Execute begins behind the snapshot.
  void recover_blob(BlobId id, uint64_t size);
  void replay(StableSeq seq, const Record& record);
  Status recovered() const;
  // What the digest of the owner's state in snapshot() must be; none without a snapshot.
  std::optional<Digest> snapshot_state() const;
  // Before start(): the snapshot is missing or damaged. The replica begins as one whose state has rotted.
  void distrust_state();
  void start(Time now, Out& out);

  void on_message(Time now, NodeId from, const Packet& packet, Out& out);
  void on_stable(Time now, StableSeq upto, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // Answers to Execute, one at a time: the results of each request, in order; and, when it asked for a checkpoint, the
  // digest of the owner's state. That digest is a function of the state alone, whatever its history.
  void executed(Time now, Seq seq, std::vector<std::vector<Slice>> results, const Digest& state, Out& out);
  // Answer to Read.
  void read_done(Time now, uint64_t token, Slice result, Out& out);

  // A name for a blob of the owner's, which no other blob of this node has had.
  BlobId name_blob();
  // Whether a recovery or a transfer may need the blob: the owner drops an old snapshot only when not.
  bool uses_blob(BlobId id) const;
  // The owner has sealed a snapshot of its state as it was at a checkpoint. kFailedPrecondition: the checkpoint is not
  // certified yet, or too old; the owner drops the blob.
  // What belongs to the checkpoint is kept for it if keep_checkpoint() was called when the checkpoint was executed.
  Status snapshot_taken(Time now, const SnapshotMeta& meta, Out& out);
  // A snapshot of this checkpoint, the latest one executed, is being written; no other is.
  void keep_checkpoint(Seq seq);
  // Answers to SnapshotReceived.
  void snapshot_loaded(Time now, Seq seq, const Digest& state, Out& out);
  void snapshot_refused(Time now, Seq seq, Out& out);
  // The owner has worked out the digest of its state at checkpoint `seq` from scratch. If it differs from what was
  // certified, the state has rotted: see Rotten.
  void audit(Time now, Seq seq, const Digest& state, Out& out);

  // The primary asks for the next view, and the others follow. No effect elsewhere.
  void step_down(Time now, Out& out);

  // What the group would say of this change now. Its answer to a reconfiguration is a ChangeVerdict, encoded.
  ChangeVerdict verdict(const SignedChange& change) const;

  uint64_t epoch() const;
  View view() const;
  bool changing() const;  // waits for view() to begin
  NodeId primary() const;
  Seq executed_upto() const;
  Seq stable_checkpoint() const;
  size_t places_kept() const;  // of which something is remembered that is not settled here
  bool rotten() const;
  bool silent() const;
  // Whether it has lately heard so many members that they could agree with it. False three seconds (thirty times
  // `resend_interval`) after too many have fallen silent; looked at with every report of its own.
  bool reaches_quorum() const;
  const Configuration& configuration() const;
  const SnapshotMeta& snapshot() const;
  // Below which number no stable record is needed by a recovery. Zero: none may be released yet.
  StableSeq first_needed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::pbft
