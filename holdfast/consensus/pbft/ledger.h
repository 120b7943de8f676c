// The ledger: what one replica has promised in writing, and the one place that says what may be said after what is
// written. No other file of this room persists a record.
//
// What waits for what
//   says                                   waits for the record
//   PREPARE, and its own count of it       Accepted: it votes for no other batch in this view at this place
//   COMMIT, and its own count of it        Prepared: whatever view comes, it can prove what may have been committed
//   VIEW-CHANGE                            Standing: it votes in no earlier view any more
//   NEW-VIEW; anything in the new view     Standing: likewise
//   CHECKPOINT                             CheckpointSaid: it has vouched for this state and for no other
//   PRE-PREPARE                            nothing. It is no promise: the primary's own PREPARE is, and waits. A
//                                          restarted primary asks for the next view rather than propose in its old one
//   Execute, Reply                         nothing: a quorum holds what was committed, and a member counts itself only
//                                          when its own record is stable
//
// Records become stable in order, so each implies all before it. A SnapshotMark names the certified checkpoints behind
// the snapshot, and behind it the standing is written again, so that what lies before the mark can be released, but for
// the places of the order behind the snapshot that have records there.
#pragma once

#include <deque>
#include <map>

#include "holdfast/base/status.h"
#include "holdfast/consensus/pbft/content.h"
#include "holdfast/consensus/pbft/replica.h"

namespace holdfast::pbft {

class Ledger {
 public:
  using Out = Replica::Out;

  // What the records say of one place.
  struct Place {
    StableSeq first;  // record that is needed
    std::optional<Vote> accepted;
    std::optional<PreparedCert> prepared;
    std::optional<Digest> decided;
    std::map<Digest, ContentPtr> contents;
  };
  struct Recovered {
    std::optional<Founded> founded;
    std::optional<SnapshotMark> mark;
    bool stood = false;  // `standing` was written
    Standing standing;
    std::vector<CheckpointCert> stable;  // in the order of their records
    std::map<Seq, Place> places;
    std::map<Seq, Checkpoint> said;
  };

  // --- Recovery ---
  void replay(StableSeq seq, const Record& record);
  // kDataLoss: the records do not begin, or contradict one another.
  Status recovered() const;
  bool empty() const { return stable_ == StableSeq{}; }
  const Recovered& content() const { return recovered_; }
  void forget_recovered() { recovered_ = {}; }
  // The records stood in a later epoch than that of the snapshot: what they say of it is restored when it begins.
  bool recovers(uint64_t epoch) const { return recovered_.standing.epoch >= epoch && epoch > 0; }

  // --- Writing ---
  void found(const Config& config, Out& out) { out.persist(Founded{config.configuration, config.beginning}); }
  // `content`: null when an earlier record of the place has it.
  StableSeq accept(const Vote& vote, const Content* content, Out& out);
  StableSeq prepared(const PreparedCert& cert, Out& out);
  void decided(Seq seq, const Digest& digest, const Content* content, Out& out);
  StableSeq stand(Standing standing, Out& out);
  StableSeq said(const Checkpoint& checkpoint, Out& out) { return out.persist(CheckpointSaid{checkpoint}); }
  void became_stable(const CheckpointCert& cert, Out& out) { out.persist(BecameStable{cert}); }
  void mark(SnapshotMark snapshot, Out& out);
  void on_stable(StableSeq upto);

  StableSeq stable() const { return stable_; }
  const Standing& standing() const { return standing_; }
  StableSeq after_standing() const { return after_standing_; }
  const SnapshotMeta& snapshot() const { return snapshot_; }
  // Below which number no record is needed by a recovery. Zero: all are.
  StableSeq first_needed() const { return first_needed_; }
  // Whether a recovery may need the blob.
  bool names(BlobId id) const;

 private:
  struct Mark {
    StableSeq seq, complete;  // the mark itself, and the last of what is written again behind it
    SnapshotMeta meta;
  };
  void take(StableSeq seq, const Accepted& r);
  void take(StableSeq seq, const Prepared& r);
  void take(StableSeq seq, const Decided& r);
  void take(StableSeq seq, const SnapshotMark& r);
  void take(StableSeq, const Founded& r) { recovered_.founded = r; }
  void take(StableSeq, const Standing& r) {
    recovered_.stood = true;
    recovered_.standing = standing_ = r;
  }
  void take(StableSeq, const CheckpointSaid& r) { recovered_.said[r.checkpoint.seq] = r.checkpoint; }
  void take(StableSeq, const BecameStable& r) { recovered_.stable.push_back(r.cert); }
  Place& place(StableSeq seq, Seq at);
  void add_content(Place& place, const std::optional<Slice>& batch);
  void first_record(Seq at, StableSeq seq) { first_records_.try_emplace(at, seq); }

  Recovered recovered_;
  std::string damage_;
  Standing standing_;
  SnapshotMeta snapshot_;
  std::map<Seq, StableSeq> first_records_;  // of places behind the snapshot
  std::deque<Mark> marks_;                  // the front is complete and stable, if any is
  StableSeq stable_, first_needed_, after_standing_;
};

}  // namespace holdfast::pbft
