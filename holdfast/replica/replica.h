// A replica: what keeps one member's copy of a replicated state machine, as the owner of the state machine sees it.
//
// Two kinds stand behind this face. LogReplica (log_replica.h) runs on an engine that tolerates crashes; its owner
// answers its own clients as soon as a command is applied. ByzantineReplica (byzantine_replica.h) runs on PBFT: the
// owner gives the answer to every command and question back to the replica, and learns what the group answered when
// enough members have said the same (docs/decisions/0007-pbft-behind-the-replica.md).
//
// The replica does not own the state machine. Its events tell the owner what to apply, in order. Inputs only gather
// work; what has gathered is sent by the next on_time(), for which deadline() is then in the past: a host that runs
// on_time() once after a batch of inputs gets one append and one read round per batch.
//
// Thread rule: one thread at a time.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "holdfast/crypto/crypto.h"
#include "holdfast/replica/engines.h"
#include "holdfast/replica/types.h"

namespace holdfast::replica {

class Replica {
 public:
  using Out = Outbox<Wire, Record, Event>;

  virtual ~Replica() = default;

  // --- The core contract ---
  virtual void recover_blob(BlobId id, uint64_t size) = 0;
  virtual void replay(StableSeq seq, const Record& record) = 0;
  virtual void start(Time now, Out& out) = 0;
  virtual void on_message(Time now, NodeId from, const Wire& wire, Out& out) = 0;
  virtual void on_stable(Time now, StableSeq upto, Out& out) = 0;
  virtual void on_blob(Time now, const BlobAnswer& answer, Out& out) = 0;
  virtual void on_time(Time now, Out& out) = 0;
  virtual Time deadline() const = 0;
  virtual void check_invariants() const = 0;

  // --- Requests ---
  // Returns the proposal's sequence, which Apply, Answered or AnswerLost will name.
  virtual uint64_t propose(Slice command) = 0;
  // Settled by ApplyMembership, AnswerLost or MembershipFailed. Fails also when the membership has changed behind what
  // is applied here now: what the caller knows of it is out of date then.
  virtual uint64_t change_membership(std::vector<consensus::Change> changes, Slice context) = 0;
  // With a ByzantineReplica: what the administrator has signed, an encoded pbft::SignedChange. Settled by Answered,
  // with an encoded pbft::ChangeVerdict; ApplyMembership follows when the change is in force.
  virtual uint64_t propose_change(Slice) { return 0; }
  // What the group would say of it now.
  virtual pbft::ChangeVerdict verdict(const Slice&) const { return pbft::ChangeVerdict::kUnsigned; }
  // The caller waits no longer. The proposal may still be applied; with a LogReplica only until a later one is.
  virtual void abandon(uint64_t sequence) = 0;
  // A linearizable read: ReadReady or ReadFailed with this token. Tokens are the caller's, unique while unanswered.
  // `question` is what a ByzantineReplica asks the members.
  virtual void read(uint64_t token, Slice question) = 0;
  virtual Status transfer_leadership(Time now, NodeId to, Out& out) = 0;

  // --- The owner's answers to events ---
  // To SnapshotWanted.
  virtual void begin_snapshot(Time now, std::unique_ptr<ImageReader> image, Out& out) = 0;
  // To LoadEnd. `digest`: of the loaded state, as for DigestWanted; a LogReplica does not look at it. True: what was
  // loaded is the state now. False: it is thrown away.
  virtual bool load_done(Time now, const Status& loaded, const crypto::Digest& digest, Out& out) = 0;
  // To each Apply with `wants_answer` and each Question, in their order; to DigestWanted.
  // An answer with more bytes than answer_room(), asked for just before, is no answer: empty bytes take its place at
  // every member. A hundred bytes or so there are always.
  virtual size_t answer_room() const { return std::numeric_limits<size_t>::max(); }
  virtual void answer(Slice) {}
  virtual void state_is(const crypto::Digest&) {}
  // The owner has found by itself that its state is not what the commands have made of it. A ByzantineReplica replaces it
  // by that of others, once any checkpoint is certified.
  virtual void state_is_damaged(Time, Out&) {}
  // Whether answers have gathered that make more possible; then on_answers() is to be called, once all events that were
  // raised have been handled.
  virtual bool answered() const { return false; }
  virtual void on_answers(Time, Out&) {}

  // --- State ---
  virtual bool started() const = 0;
  // Whether an image is being written, that is, its reader is in use.
  virtual bool writing_snapshot() const = 0;
  // Whether `id` was a member and is none any more, as far as is remembered.
  virtual bool was_removed(NodeId id) const = 0;
  virtual size_t proposals_waiting() const = 0;  // neither applied nor abandoned
  virtual consensus::Role role() const = 0;
  virtual consensus::Term term() const = 0;
  virtual NodeId leader() const = 0;  // none while unknown
  virtual const consensus::Membership& membership() const = 0;
  virtual consensus::Index commit_index() const = 0;
  virtual consensus::Index applied_index() const = 0;
  virtual consensus::Term applied_term() const = 0;
  // Log time now, for showing; only a leader's reading gets into the log.
  virtual int64_t log_clock_ms(Time now) const = 0;
  bool leads() const { return role() == consensus::Role::kLeader; }
  // The engine under a LogReplica; null under another.
  virtual const Engine* engine() const { return nullptr; }
};

// As config.engine says.
std::unique_ptr<Replica> make_replica(const Config& config);

}  // namespace holdfast::replica
