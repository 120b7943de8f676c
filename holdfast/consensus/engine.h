// The common face of the engines of consensus: what a replicated state machine needs of whatever keeps its log. See
// docs/decisions/0005-engines-behind-one-interface.md.
//
// An engine is a core like any other (docs/architecture.md, "The core contract"). What every engine promises, under the
// faults that its own page in docs/protocols/ names:
//  1. Committed entries are the same at every member, in one order, without gaps; entries' indices begin at 1.
//  2. What was reported Committed, and every read that was answered ReadReady, survives those faults.
//  3. Nothing is said that depends on a record which is not stable; the log is committed by a quorum of stable records.
//  4. A member's term() and commit_index() never fall, not even over a restart for the term.
//  5. Inputs of any content and order, and bytes from anybody, never break an assertion.
//
// OutT is the outbox of the host of several engines: its wires and records are variants that hold each engine's own
// messages and records, its events are consensus::Event. Hosted (below) puts a core such as raft::Raft behind the face.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::consensus {

// A snapshot of which the stable records speak, as the owner needs it to choose the one it starts from.
struct FoundSnapshot {
  SnapshotMeta meta;
  bool reset = false;      // what came before it in the log is void: no older snapshot can take its place
  Index log_begins;        // the records before its own hold the log without a gap from here on up to meta.index
  StableSeq first_needed;  // no record below is needed by a recovery from this snapshot
};

template <class OutT>
class Engine {
 public:
  using Out = OutT;
  using Wire = typename Out::Wire;
  using Record = typename Out::Record;
  using Replayed = std::vector<std::pair<StableSeq, Record>>;

  virtual ~Engine() = default;

  // --- Recovery ---
  // Every sealed blob of the node, in any order; every record, in order, but for the marks of snapshots that cannot be
  // loaded. Then recovered(): kDataLoss when the records do not fit together, kFailedPrecondition when they are of
  // another engine; the member must not start. Then start(). Committed events begin behind the latest snapshot whose
  // mark was replayed; the owner drops sealed blobs that nobody names.
  virtual void recover_blob(BlobId id, uint64_t size) = 0;
  virtual void replay(StableSeq seq, const Record& record) = 0;
  virtual Status recovered() const = 0;
  virtual void start(Time now, Out& out) = 0;
  // Before anything is replayed: the snapshots that these records speak of and that may still serve, the oldest first.
  virtual std::vector<FoundSnapshot> survey(const Replayed& records) const = 0;
  // The index of the snapshot that this record marks; none when it is no such record.
  virtual std::optional<Index> marks_snapshot(const Record& record) const = 0;

  // --- The core contract ---
  virtual void on_message(Time now, NodeId from, const Wire& wire, Out& out) = 0;
  virtual void on_stable(Time now, StableSeq upto, Out& out) = 0;
  virtual void on_blob(Time now, const BlobAnswer& answer, Out& out) = 0;
  virtual void on_time(Time now, Out& out) = 0;
  virtual Time deadline() const = 0;
  virtual void check_invariants() const = 0;

  // --- Requests ---
  // Where role() is kLeader: appends commands and replicates them. kUnavailable: not the leader (see leader());
  // kResourceExhausted: too much is not committed. On success the index of the first; they were not committed yet, and
  // may never be if leadership is lost.
  virtual StatusOr<Index> propose(Time now, std::vector<Slice> commands, Out& out) = 0;
  // Leader only, one at a time. kUnavailable: not the leader, or too early. kFailedPrecondition, kInvalidArgument: why
  // not. Promotion needs a learner that has caught up.
  virtual StatusOr<Index> change_membership(Time now, const std::vector<Change>& changes, Slice context, Out& out) = 0;
  // Leader only: hands leadership to a voter, or to the most advanced one when `to` is none. Proposals are refused
  // until it has happened or an election timeout has passed.
  virtual Status transfer_leadership(Time now, NodeId to, Out& out) = 0;
  // A linearizable read, from any member: answered by ReadReady or ReadFailed with this token. Tokens are the caller's,
  // unique while unanswered. Reads asked for within one step share their round.
  virtual void read_index(Time now, uint64_t token, Out& out) = 0;

  // --- Snapshots ---
  // A name for a blob of the owner's, which no other blob of this node has had.
  virtual BlobId name_blob() = 0;
  // Whether a recovery or a transfer may need the blob: the owner drops an old snapshot only when not.
  virtual bool uses_blob(BlobId id) const = 0;
  // The owner has sealed a snapshot of its state at meta.index (<= the last entry given to it as committed). meta.term
  // and meta.membership are filled in. An index at or below that of snapshot() is ignored.
  virtual void snapshot_taken(Time now, const SnapshotMeta& meta, Out& out) = 0;
  // Answers to SnapshotReceived. Nothing is committed to the owner in between. Once loaded the blob is the owner's to
  // drop, when a later one has replaced it; a refused one is dropped.
  virtual void snapshot_loaded(Time now, const SnapshotMeta& meta, Out& out) = 0;
  virtual void snapshot_refused(Time now, Index index, Out& out) = 0;
  // Below which number no stable record of the engine's is needed by a recovery from the snapshot at `index`, or from a
  // later one. Zero: nothing may be released yet.
  virtual StableSeq first_needed_behind(Index index) const = 0;

  // --- State ---
  virtual Role role() const = 0;
  virtual Term term() const = 0;
  virtual NodeId leader() const = 0;  // none while unknown
  // Whom this member has promised the present term to; none. It never changes within a term, except to the leader of a
  // greater ballot of the same round where the engine has such.
  virtual NodeId promised_to() const = 0;
  virtual Index commit_index() const = 0;
  virtual Index last_index() const = 0;   // of the entries that this member holds
  virtual Index first_index() const = 0;  // of the entries in memory
  // The term of an entry in memory, and of the one before them.
  virtual std::optional<Term> term_at(Index index) const = 0;
  virtual const Membership& membership() const = 0;  // in force
  virtual Index membership_index() const = 0;        // of its entry; or, at most, that of the snapshot that holds it
  virtual const SnapshotMeta& snapshot() const = 0;  // the latest
  // Leader only: up to where the member is known to hold the log, stable. Whether it was heard within an election
  // timeout, by this leader as such.
  virtual std::optional<Index> match_of(NodeId member) const = 0;
  virtual bool hears(NodeId member, Time now) const = 0;
};

// A core behind the face. The core has an outbox of its own and the functions of the face, with its own Message and
// Record instead of the variants, and statically
//   survey(const std::vector<std::pair<StableSeq, const Record*>>&), marks_snapshot(const Record&).
// Messages of other engines are ignored, records of other engines are refused by recovered().
template <class Core, class OutT>
class Hosted final : public Engine<OutT> {
 public:
  using typename Engine<OutT>::Out;
  using typename Engine<OutT>::Wire;
  using typename Engine<OutT>::Record;
  using typename Engine<OutT>::Replayed;
  using CoreOut = typename Core::Out;
  using CoreRecord = typename CoreOut::Record;

  Hosted(const Config& config, Membership bootstrap) : core_(config, std::move(bootstrap)) {}

  void recover_blob(BlobId id, uint64_t size) override { core_.recover_blob(id, size); }
  void replay(StableSeq seq, const Record& record) override {
    if (const auto* own = std::get_if<CoreRecord>(&record)) {
      core_.replay(seq, *own);
    } else {
      foreign_ = true;
    }
  }
  Status recovered() const override {
    if (!foreign_) return core_.recovered();
    return absl::FailedPreconditionError("the records were written by another engine of consensus");
  }
  std::vector<FoundSnapshot> survey(const Replayed& records) const override {
    std::vector<std::pair<StableSeq, const CoreRecord*>> own;
    for (const auto& [seq, record] : records) {
      if (const auto* r = std::get_if<CoreRecord>(&record)) own.emplace_back(seq, r);
    }
    return Core::survey(own);
  }
  std::optional<Index> marks_snapshot(const Record& record) const override {
    const auto* own = std::get_if<CoreRecord>(&record);
    return own == nullptr ? std::nullopt : Core::marks_snapshot(*own);
  }
  void start(Time now, Out& out) override {
    step(out, [&](CoreOut& o) { core_.start(now, o); });
  }

  void on_message(Time now, NodeId from, const Wire& wire, Out& out) override {
    const auto* own = std::get_if<typename CoreOut::Wire>(&wire);
    if (own != nullptr) step(out, [&](CoreOut& o) { core_.on_message(now, from, *own, o); });
  }
  void on_stable(Time now, StableSeq upto, Out& out) override {
    step(out, [&](CoreOut& o) { core_.on_stable(now, upto, o); });
  }
  void on_blob(Time now, const BlobAnswer& answer, Out& out) override {
    step(out, [&](CoreOut& o) { core_.on_blob(now, answer, o); });
  }
  void on_time(Time now, Out& out) override {
    step(out, [&](CoreOut& o) { core_.on_time(now, o); });
  }
  Time deadline() const override { return core_.deadline(); }
  void check_invariants() const override { core_.check_invariants(); }

  StatusOr<Index> propose(Time now, std::vector<Slice> commands, Out& out) override {
    StatusOr<Index> first;
    step(out, [&](CoreOut& o) { first = core_.propose(now, std::move(commands), o); });
    return first;
  }
  StatusOr<Index> change_membership(Time now, const std::vector<Change>& changes, Slice context, Out& out) override {
    StatusOr<Index> index;
    step(out, [&](CoreOut& o) { index = core_.change_membership(now, changes, std::move(context), o); });
    return index;
  }
  Status transfer_leadership(Time now, NodeId to, Out& out) override {
    Status status;
    step(out, [&](CoreOut& o) { status = core_.transfer_leadership(now, to, o); });
    return status;
  }
  void read_index(Time now, uint64_t token, Out& out) override {
    step(out, [&](CoreOut& o) { core_.read_index(now, token, o); });
  }

  BlobId name_blob() override { return core_.name_blob(); }
  bool uses_blob(BlobId id) const override { return core_.uses_blob(id); }
  void snapshot_taken(Time now, const SnapshotMeta& meta, Out& out) override {
    step(out, [&](CoreOut& o) { core_.snapshot_taken(now, meta, o); });
  }
  void snapshot_loaded(Time now, const SnapshotMeta& meta, Out& out) override {
    step(out, [&](CoreOut& o) { core_.snapshot_loaded(now, meta, o); });
  }
  void snapshot_refused(Time now, Index index, Out& out) override {
    step(out, [&](CoreOut& o) { core_.snapshot_refused(now, index, o); });
  }
  StableSeq first_needed_behind(Index index) const override { return core_.first_needed_behind(index); }

  Role role() const override { return core_.role(); }
  Term term() const override { return core_.term(); }
  NodeId leader() const override { return core_.leader(); }
  NodeId promised_to() const override { return core_.promised_to(); }
  Index commit_index() const override { return core_.commit_index(); }
  Index last_index() const override { return core_.last_index(); }
  Index first_index() const override { return core_.first_index(); }
  std::optional<Term> term_at(Index index) const override { return core_.term_at(index); }
  const Membership& membership() const override { return core_.membership(); }
  Index membership_index() const override { return core_.membership_index(); }
  const SnapshotMeta& snapshot() const override { return core_.snapshot(); }
  std::optional<Index> match_of(NodeId member) const override { return core_.match_of(member); }
  bool hears(NodeId member, Time now) const override { return core_.hears(member, now); }

 private:
  // One step of the core: its effects become the host's.
  template <class Step>
  void step(Out& out, Step&& step) {
    for (auto& raised : absorb(out, core_out_, std::forward<Step>(step))) {
      out.raise(std::move(raised.event), raised.after);
    }
  }

  Core core_;
  CoreOut core_out_;
  bool foreign_ = false;
};

}  // namespace holdfast::consensus
