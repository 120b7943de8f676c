// Multi-Paxos: one member's protocol core (docs/protocols/multi-paxos.md).
//
// Guarantees, under crash-recovery faults of any minority, with stable storage that keeps what it reported stable, and
// a network that loses, repeats, delays and reorders: one value per slot, for ever, and the same slots in the same
// order at every member. Reads that were answered are linearizable; in ReadMode::kLease only while clocks drift less
// than configured. Progress needs a majority that hears each other for a few election timeouts; a voter that no leader has
// ever reached counts among them only as long as nothing is chosen, or no slot has given way to a snapshot (it may have
// lost its disk). Not Byzantine.
//
// A Term of the common vocabulary (consensus/types.h) is the round of a ballot here, an Index a slot.
//
// Thread rule: none of its own; one thread at a time. Contract: docs/architecture.md, "The core contract". The
// functions are those of consensus::Engine, and mean what is said there.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/engine.h"
#include "holdfast/consensus/paxos/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::paxos {

class Paxos {
 public:
  using Out = Outbox<Message, Record, Event>;

  // `bootstrap`: the membership of a new cluster, used only when no record is replayed. Empty: this member joins an
  // existing cluster and waits to be contacted.
  Paxos(const Config& config, Membership bootstrap);
  ~Paxos();

  void recover_blob(BlobId id, uint64_t size);
  void replay(StableSeq seq, const Record& record);
  Status recovered() const;
  void start(Time now, Out& out);
  static std::vector<consensus::FoundSnapshot> survey(const std::vector<std::pair<StableSeq, const Record*>>& records);
  static std::optional<Index> marks_snapshot(const Record& record);

  void on_message(Time now, NodeId from, const Message& message, Out& out);
  void on_stable(Time now, StableSeq upto, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  StatusOr<Index> propose(Time now, std::vector<Slice> commands, Out& out);
  // Any number of voters may come and go in one change. kUnavailable also while what was outstanding before this leader
  // is not settled.
  StatusOr<Index> change_membership(Time now, const std::vector<Change>& changes, Slice context, Out& out);
  Status transfer_leadership(Time now, NodeId to, Out& out);
  void read_index(Time now, uint64_t token, Out& out);

  BlobId name_blob();
  bool uses_blob(BlobId id) const;
  void snapshot_taken(Time now, const SnapshotMeta& meta, Out& out);
  void snapshot_loaded(Time now, const SnapshotMeta& meta, Out& out);
  void snapshot_refused(Time now, Index index, Out& out);
  StableSeq first_needed_behind(Index index) const;

  Role role() const;  // kPreCandidate: asks whether it could lead; kCandidate: collects, or settles what is outstanding
  Term term() const;  // the round of the ballot that is promised
  const Ballot& ballot() const;
  NodeId leader() const;
  NodeId promised_to() const;  // the node of that ballot
  Index commit_index() const;  // up to here everything is chosen
  Index last_index() const;    // the last slot in which this member has accepted a value; there may be holes before it
  Index first_index() const;
  std::optional<Term> term_at(Index index) const;
  const Membership& membership() const;  // who decides the slots behind what is chosen
  Index membership_index() const;
  const SnapshotMeta& snapshot() const;
  std::optional<Index> match_of(NodeId member) const;
  bool hears(NodeId member, Time now) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::paxos
