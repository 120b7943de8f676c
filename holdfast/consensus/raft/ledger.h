// The ledger: what one member has promised in writing, and the one place that says what may be said after what is
// written. No other file of this room persists a record or computes an `after`.
//
// Records
//   HardState{term, vote}      when the term or the vote changes (always both, in one record); at every start; and
//   again
//                              behind every snapshot mark, so that what lies before the mark can be released
//   Appended{entry}            for every entry, in log order
//   SnapshotMark{meta, reset}  when a snapshot begins the log: the owner's own, the leader's, or, first of all records
//                              of a new cluster, the empty state of index 0 with the bootstrap membership
//
// What waits for what
//   says                                    waits for
//   anything that names our term            after_term(): the record of that term
//   RequestVote, a granted VoteReply        after_vote(): the record of that vote; a candidate counts its own vote then
//   AppendReply and SnapshotReply accepted  after_holding(match): the records of all entries up to there, or the mark
//   the leader's own vote for an entry      held(): it counts itself only that far, while it sends at once
//   Committed                               nothing: a quorum holds it
//   the release of old records              first_needed_behind(): a mark that is itself stable
//
// Records become stable in order, so a record implies all before it. A message may therefore never wait for less than
// the newest term, and a crash keeps a prefix of what was promised.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/raft/log.h"
#include "holdfast/consensus/raft/raft.h"
#include "holdfast/consensus/raft/types.h"

namespace holdfast::raft {

class Ledger {
 public:
  using Out = Raft::Out;

  // --- Recovery ---
  void replay(StableSeq seq, const Record& record);
  // Ends recovery. kDataLoss: the records contradict one another, or their beginning is missing.
  Status recovered() const;
  // The snapshots that records speak of, and where the log began when each was recorded.
  static std::vector<FoundSnapshot> survey(const std::vector<std::pair<StableSeq, const Record*>>& records);
  bool empty() const { return stable_ == StableSeq{}; }

  // --- Writing ---
  void enter_term(Term term, NodeId vote, Out& out);
  void append(Entry entry, Out& out);
  void truncate_from(Index index) { log_.truncate_from(index); }
  // The log begins behind `meta`. With `keep_tail`, entries behind it stay, and so do `catch_up` entries before it.
  void write_mark(const SnapshotMeta& meta, bool keep_tail, uint64_t catch_up, Out& out);
  // Writes the term and vote down once more.
  void reaffirm(Out& out);
  void on_stable(StableSeq upto);

  // --- What may be said ---
  StableSeq after_term() const { return term_seq_; }
  StableSeq after_vote() const { return vote_seq_; }
  StableSeq after_holding(Index match) const;
  bool vote_is_stable() const { return vote_seq_ <= stable_; }
  Index held() const { return log_.stable(); }
  StableSeq first_needed_behind(Index index) const;

  // Whether a recovery may need the blob: it is named by the latest mark that is stable, or by one behind that.
  bool names(BlobId id) const;

  Term term() const { return term_; }
  NodeId vote() const { return vote_; }
  const Log& log() const { return log_; }
  const SnapshotMeta& snapshot() const { return snapshot_; }
  bool has_snapshot() const { return has_snapshot_; }

  void check_invariants() const;

 private:
  struct Mark {
    Index index;
    StableSeq seq;
    BlobId blob;
  };
  void replay_record(StableSeq seq, const HardState& state);
  void replay_record(StableSeq seq, const Appended& appended);
  void replay_record(StableSeq seq, const SnapshotMark& mark);
  void damaged(std::string what);

  Term term_;
  NodeId vote_;
  StableSeq term_seq_;
  StableSeq vote_seq_;
  Log log_;
  SnapshotMeta snapshot_;
  bool has_snapshot_ = false;
  StableSeq stable_;
  std::deque<Mark> marks_;             // the front is the latest stable one, those behind it are not stable yet
  std::deque<StableSeq> hard_states_;  // likewise
  bool base_known_ = true;             // recovery: the term of the log's base is known
  std::string damage_;
};

}  // namespace holdfast::raft
