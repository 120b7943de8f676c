// The ledger: what one member has promised and accepted in writing, and the one place that says what may be said after
// what is written. No other file of this room persists a record or computes an `after`.
//
// Records
//   Promised{ballot}         when the promise changes; at every start; and again behind every snapshot mark, so that
//                            what lies before the mark can be released
//   Accepted{ballot, entry}  for every value accepted, the leader's own included
//   Chosen{upto}             before an Accepted and behind a mark, when more is known to be chosen than was written:
//                            never for its own sake, so it costs no write of the disk. After a restart it says which
//                            accepted values are chosen ones
//   SnapshotMark{meta}       when a snapshot takes the place of slots: the owner's own, the leader's, or, first of all
//                            records of a new cluster, the empty state of index 0 with the bootstrap membership
//
// What waits for what
//   says                                   waits for
//   anything in the name of a ballot       after_promise(): the record of the promise. So a node's ballot is never used
//   (Collect, Last, Begin, Success, ...)   twice, and a promise given in Last is kept
//   Accept, Echo, a snapshot acknowledged  after_holding(): also the newest Accepted or mark
//   the leader's own vote for a slot       held_stable(): it counts itself only that far, while it sends at once
//   Committed                              nothing: a quorum holds it
//   the release of old records             first_needed_behind(): a mark that is itself stable
//
// Records become stable in order, so a record implies all before it, and a crash keeps a prefix of what was written.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/engine.h"
#include "holdfast/consensus/paxos/paxos.h"
#include "holdfast/consensus/paxos/slots.h"

namespace holdfast::paxos {

class Ledger {
 public:
  using Out = Paxos::Out;

  // --- Recovery (ledger_recovery.cc) ---
  void replay(StableSeq seq, const Record& record);
  // Ends recovery. kDataLoss: the records contradict one another, or some are missing.
  Status recovered() const;
  static std::vector<consensus::FoundSnapshot> survey(const std::vector<std::pair<StableSeq, const Record*>>& records);
  // After recovered(), before anything is written.
  void finish_recovery();
  bool empty() const { return stable_ == StableSeq{}; }

  // --- Writing ---
  void promise(Ballot ballot, Out& out);
  void accept(Ballot ballot, Entry entry, Out& out);
  // Everything up to `upto` is chosen: what this member holds there is it.
  void learn_chosen(Index upto);
  // The snapshot takes the place of slots; `catch_up` of them stay in memory. `reset`: what is there is void.
  void write_mark(const SnapshotMeta& meta, bool reset, uint64_t catch_up, Out& out);
  // Writes the promise down once more, and how much is chosen.
  void reaffirm(Out& out);
  void on_stable(StableSeq upto);

  // --- What may be said ---
  StableSeq after_promise() const { return promise_seq_; }
  StableSeq after_holding() const;
  bool promise_is_stable() const { return promise_seq_ <= stable_; }
  // Up to here everything is chosen, or accepted in the ballot that is promised: in memory, and on stable storage.
  Index held() const { return held_; }
  Index held_stable() const { return held_stable_; }
  StableSeq first_needed_behind(Index index) const;
  // Whether a recovery may need the blob: it is named by the latest mark that is stable, or by one behind that.
  bool names(BlobId id) const;

  const Ballot& promised() const { return promised_; }
  const Slots& slots() const { return slots_; }
  Index chosen() const { return chosen_; }
  const SnapshotMeta& snapshot() const { return snapshot_; }

  void check_invariants() const;

 private:
  struct Mark {
    Index index;
    StableSeq seq;
    BlobId blob;
  };
  void replay_record(StableSeq seq, const Promised& promised);
  void replay_record(StableSeq seq, const Accepted& accepted);
  void replay_record(StableSeq seq, const Chosen& chosen);
  void replay_record(StableSeq seq, const SnapshotMark& mark);
  void damaged(std::string what);
  void write_chosen(Out& out);
  void advance_held();

  Ballot promised_;
  StableSeq promise_seq_;
  Slots slots_;
  Index chosen_;
  Index chosen_written_;
  StableSeq accepted_seq_;  // the newest Accepted or mark
  Index held_;
  Index held_stable_;
  SnapshotMeta snapshot_;
  bool has_snapshot_ = false;
  StableSeq stable_;
  std::deque<Mark> marks_;          // the front is the latest stable one, those behind it are not stable yet
  std::deque<StableSeq> promises_;  // likewise
  // Of slots that were accepted again in a record that is not stable yet: that record, and the one before it.
  std::deque<std::pair<StableSeq, StableSeq>> replaced_;
  std::map<Index, Slots::Slot> replayed_;  // until recovery is finished
  std::string damage_;
};

}  // namespace holdfast::paxos
