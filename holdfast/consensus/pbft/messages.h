// What replicas and clients of PBFT say, write down, and tell their owners.
//
// Everything travels in packets: one encoded Message, and a code that only sender and receiver can make. What must
// convince third parties (requests, PREPAREs, CHECKPOINTs, VIEW-CHANGEs, NEW-VIEWs) is signed besides.
#pragma once

#include "holdfast/consensus/pbft/types.h"

namespace holdfast::pbft {

// Which part of the receiver a packet is for. Not protected: a wrong one makes it useless and no more.
enum class Part { kReplica, kClient };
constexpr Part last_value(Part) { return Part::kClient; }
struct Packet {
  Part part = Part::kReplica;
  Slice body;  // an encoded Message
  Mac mac;     // over sender, receiver and body
};

// --- Clients ---------------------------------------------------------------------------------------------------------

struct Submit {
  SignedRequest request;
  bool again = false;  // the client repeats it: answer with the full results
};
// Answered without being ordered.
struct AskRead {
  RequestId id;  // of a count of its own
  Slice operation;
};
struct Reply {
  RequestId id;
  bool read = false;
  Digest digest;                              // of the results
  std::optional<std::vector<Slice>> results;  // from one replica only, unless the client repeats itself
};

// --- The order -------------------------------------------------------------------------------------------------------

// The primary's proposal. Not signed: what counts later are the votes for it, its own among them.
struct PrePrepare {
  uint64_t epoch = 0;
  View view;
  Seq seq;
  Slice batch;  // encoded
};
// The same, of a batch whose requests the receivers have from their clients: they put it together themselves. Sent for
// batches above Config::whole_proposal_bytes. `digest`: of the encoded batch, what the votes are for.
struct BriefPrePrepare {
  uint64_t epoch = 0;
  View view;
  Seq seq;
  Digest digest;
  int64_t stamp_ms = 0;
  std::vector<RequestId> requests;  // in the order of the batch
};
struct Prepare {
  Vote vote;
  Signature signature;
};
struct Commit {
  Vote vote;
};
struct CheckpointVote {
  Checkpoint checkpoint;
  Signature signature;
};

// --- Change of view --------------------------------------------------------------------------------------------------

// The sender wants another primary, and would leave `view` if it were not alone with that wish. No promise.
struct Complaint {
  uint64_t epoch = 0;
  View view;
};
// The primary's vote as the sender has it. f + 1 have voted for something else in that place: whoever has another vote of
// the primary there has a proof.
struct VoteOfPrimary {
  Prepare prepare;
};
// Two votes of the primary for one place of its view: it lies, and whoever sees this leaves the view.
struct ProofOfMisbehavior {
  Prepare one;
  Prepare other;
};
struct ViewChange {
  uint64_t epoch = 0;
  View view;  // the one wanted
  NodeId from;
  CheckpointCert stable;
  std::vector<PreparedCert> prepared;  // behind `stable`, ascending, at most one for a place
};
struct SignedViewChange {
  ViewChange change;
  Signature signature;
};
// The proposals that the new view begins with follow from `changes`; everybody works them out again (evidence.h).
struct NewView {
  uint64_t epoch = 0;
  View view;
  std::vector<SignedViewChange> changes;  // a quorum, ascending by sender
};
struct SignedNewView {
  NewView view;
  Signature signature;  // of the new primary, so that anybody can pass it on
};

// --- Catching up -----------------------------------------------------------------------------------------------------

// How far the sender is; others answer with what it lacks.
struct StatusReport {
  uint64_t epoch = 0;
  View view;
  bool changing = false;  // it waits for `view` to begin
  Seq stable;
  Seq executed;
  uint64_t snapshot_bytes = 0;  // of its latest one
};
// The sender knows that this was decided. f + 1 who say so cannot all lie: what a faulty primary never proposed to one
// member, and faulty members never committed to it, that member learns by this.
struct DecidedNotice {
  uint64_t epoch = 0;
  Seq seq;
  Digest digest;
};
struct StableNotice {
  CheckpointCert cert;
};
struct FetchBatch {
  Seq seq;
  Digest digest;
};
struct BatchData {
  Seq seq;
  Slice batch;
};
// Wants what lies behind `executed`, as batches or as a snapshot.
struct FetchState {
  uint64_t epoch = 0;
  Seq executed;
  bool snapshot = false;  // no batches: the asker's state is damaged
};
// Batches first.. of one checkpoint interval; with the last of them comes the certificate that they are checked
// against.
struct LogPart {
  Seq first;
  std::vector<Slice> batches;
  std::optional<CheckpointCert> cert;
};
struct SnapshotOffer {
  std::vector<EpochLink> links;  // from any epoch up to the asker's, to that of `cert`
  CheckpointCert cert;
  CoreState core;
  uint64_t size = 0;
};
// An offer that is larger than a part comes in parts, each of them asked for. `total`: bytes of the encoded Message.
struct OfferPart {
  Seq seq;
  uint64_t total = 0;
  uint64_t offset = 0;
  Slice bytes;
};
struct FetchOfferPart {
  Seq seq;
  uint64_t offset = 0;
};
struct FetchChunk {
  Seq seq;
  uint64_t offset = 0;
};
struct Chunk {
  Seq seq;
  uint64_t offset = 0;
  Slice bytes;
};

using Message = std::variant<Submit, AskRead, Reply, PrePrepare, Prepare, Commit, CheckpointVote, SignedViewChange,
                             SignedNewView, StatusReport, StableNotice, FetchBatch, BatchData, FetchState, LogPart,
                             SnapshotOffer, FetchChunk, Chunk, DecidedNotice, Complaint, VoteOfPrimary, ProofOfMisbehavior,
                             OfferPart, FetchOfferPart, BriefPrePrepare>;

// --- Stable records (ledger.h says what waits for which) -------------------------------------------------------------

// The first record of a replica.
struct Founded {
  Configuration configuration;
  Beginning beginning = Beginning::kNew;
};
// The replica votes for this proposal, and for no other in this view at this place.
struct Accepted {
  Vote vote;
  std::optional<Slice> batch;  // absent: an earlier record of this place has it
};
struct Prepared {
  PreparedCert cert;
};
// A quorum has committed it. Nothing waits for this record: it only spares asking again after a restart.
struct Decided {
  Seq seq;
  Digest digest;
  std::optional<Slice> batch;
};
// Where the replica stands, in one record: it votes in no view before.
struct Standing {
  uint64_t epoch = 0;
  View view;
  bool changing = false;
  std::optional<SignedViewChange> change;  // sent, when changing
  std::optional<SignedNewView> entered;    // which began `view`, or the last view that was entered
  bool silent = false;                     // its disk was lost, and what it may have said still matters
};
struct CheckpointSaid {
  Checkpoint checkpoint;
};
struct BecameStable {
  CheckpointCert cert;
};
// A recovery begins here: the owner loads the snapshot, and PBFT goes on behind it.
struct SnapshotMark {
  SnapshotMeta meta;
  CheckpointCert cert;
  CoreState core;
  Checkpoint base;                    // with which the epoch of `core.configuration` began
  std::vector<EpochLink> links;       // since the configuration that the replica was given
  bool replaced = false;              // it came from others: what was said of later checkpoints is void
  std::vector<CheckpointCert> later;  // certified checkpoints behind the snapshot
};
using Record = std::variant<Founded, Accepted, Prepared, Decided, Standing, CheckpointSaid, BecameStable, SnapshotMark>;

// --- Events for the owner --------------------------------------------------------------------------------------------

// Execute these in order, after everything before, and answer executed() with one vector of results for each request.
// Requests that were executed before are left out. Raised again after a restart for what lies behind the last snapshot.
struct Execute {
  Seq seq;
  int64_t stamp_ms = 0;  // log time, never falling
  uint64_t bytes = 0;    // of the batch as it is kept until a snapshot, with what is left out below
  std::vector<Request> requests;
  // For each of them: how many bytes of results are kept for its client, at most. What the client's earlier requests of
  // this batch are answered with comes off it. A few bytes for each operation (an error) may always be answered.
  std::vector<uint64_t> rooms;
  bool checkpoint = false;  // the digest of the state after it is wanted
  // This place is the last of its epoch: behind all requests, and part of the state whose digest is wanted.
  std::optional<PendingChange> change;
};
// Read at once from the state as it is, and answer read_done().
struct Read {
  uint64_t token = 0;
  Slice operation;
};
struct ViewEntered {
  uint64_t epoch = 0;
  View view;
  NodeId primary;
};
// The checkpoint is certified: a snapshot of the state at it may be taken, if the owner still has that state.
struct CheckpointStable {
  Seq seq;
};
// A snapshot has arrived and is sealed. The owner loads it into a state aside and answers snapshot_loaded() with that
// state's digest, or snapshot_refused(). It uses the state only when told by StateReplaced.
struct SnapshotReceived {
  SnapshotMeta meta;
};
struct StateReplaced {
  SnapshotMeta meta;
};
// The state differs from what a quorum certified. Nothing is executed or answered until StateReplaced.
struct Rotten {
  Seq seq;
};
struct Reconfigured {
  Configuration configuration;
};
// A certified configuration no longer contains this replica.
struct Removed {};
using Event = std::variant<Execute, Read, ViewEntered, CheckpointStable, SnapshotReceived, StateReplaced, Rotten,
                           Reconfigured, Removed>;

}  // namespace holdfast::pbft
