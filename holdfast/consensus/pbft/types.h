// The vocabulary of PBFT: views and places in the order, who belongs, requests, batches, certificates, configuration.
//
// Source: Castro, Liskov, "Practical Byzantine Fault Tolerance" (OSDI 1999, TOCS 2002); Castro's thesis (MIT 2001).
// What is done differently, and why: docs/protocols/pbft.md and docs/decisions/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/crypto/crypto.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/types.h"

namespace holdfast::pbft {

using crypto::Digest;
using crypto::Mac;
using crypto::PublicKey;
using crypto::Signature;

struct ViewTag {
  static constexpr const char* kPrefix = "v";
};
// The reign of one primary. Counted from 0 in every epoch.
using View = Strong<ViewTag, uint64_t>;
struct SeqTag {
  static constexpr const char* kPrefix = "o";
};
// A place in the order, counted from 1. Zero: before the order.
using Seq = Strong<SeqTag, uint64_t>;

// Numbers from the network beyond these are nonsense; below them, adding to one cannot overflow.
inline constexpr uint64_t kMaxNumber = uint64_t{1} << 62;

// --- Who belongs -----------------------------------------------------------------------------------------------------

struct Peer {
  NodeId id;
  PublicKey key;
  bool operator==(const Peer&) const = default;
};
// Members decide; members and `clients` may submit requests. Both sorted by id, nobody twice. `removed`: who was a
// member once, sorted; such an id never comes back. `administrator` signs changes of the membership; all zeros: nobody
// can.
struct Configuration {
  uint64_t epoch = 0;
  std::vector<Peer> members;
  std::vector<Peer> clients;
  PublicKey administrator;
  std::vector<NodeId> removed;
  bool operator==(const Configuration&) const = default;
};
// What an administrator signs: who joins the configuration of `epoch`, and no other, and who leaves it. What it does
// not name stays as the members know it to be: who tells the administrator about the members cannot make it sign more
// than it means to. `context` is the owner's (names, addresses).
struct Change {
  uint64_t epoch = 0;
  std::vector<Peer> added;
  std::vector<NodeId> removed;
  Slice context;
};
struct SignedChange {
  Change change;
  Signature signature;
};
enum class ChangeVerdict { kFine, kMalformed, kUnsigned, kOtherEpoch, kUnderWay, kImpossible };
constexpr ChangeVerdict last_value(ChangeVerdict) { return ChangeVerdict::kImpossible; }

// --- Requests and batches --------------------------------------------------------------------------------------------

// `incarnation` grows with every start of the client; `sequence` is counted by it.
struct RequestId {
  NodeId client;
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  auto operator<=>(const RequestId&) const = default;
};
enum class RequestKind { kOperations, kReconfigure };
constexpr RequestKind last_value(RequestKind) { return RequestKind::kReconfigure; }
// Operations that a client has bundled: ordered, executed and answered together, one signature for all.
struct Request {
  RequestId id;
  uint64_t floor = 0;  // the client waits for nothing below: it can be forgotten
  RequestKind kind = RequestKind::kOperations;
  std::vector<Slice> operations;  // kReconfigure: one, an encoded SignedChange
};
struct SignedRequest {
  Request request;
  Signature signature;
};
// What one place of the order holds. An empty one with stamp 0 is the null batch, which fills gaps.
struct Batch {
  int64_t stamp_ms = 0;
  std::vector<SignedRequest> requests;
};

// --- Votes and certificates ------------------------------------------------------------------------------------------

// What a PREPARE or COMMIT says of whom: in this view, this place holds the batch of this digest.
struct Vote {
  uint64_t epoch = 0;
  View view;
  Seq seq;
  Digest digest;
  bool operator==(const Vote&) const = default;
};
struct Endorsement {
  NodeId by;
  Signature signature;
  bool operator==(const Endorsement&) const = default;
};
// A quorum has prepared this: no other digest can be prepared, in this view, at this place. Of the endorsements a
// quorum is valid; there may be others, which are not.
struct PreparedCert {
  Vote vote;
  std::vector<Endorsement> endorsements;
};
// The state after a place in the order.
struct Checkpoint {
  uint64_t epoch = 0;  // whose members vouch for it
  Seq seq;
  Digest chain;          // of all batches up to here
  Digest state;          // the owner's
  Digest configuration;  // in force behind it
  Digest core;           // log time, clients, and what else PBFT itself remembers
  bool operator==(const Checkpoint&) const = default;
};
struct CheckpointCert {
  Checkpoint checkpoint;
  std::vector<Endorsement> endorsements;
};

// --- What PBFT itself remembers at a checkpoint ----------------------------------------------------------------------

struct Done {
  uint64_t sequence = 0;
  std::vector<Slice> results;
};
struct ClientRow {
  NodeId client;
  uint64_t incarnation = 0;
  uint64_t floor = 0;
  std::vector<Done> done;  // ascending, all >= floor
};
struct PendingChange {
  Seq at;  // the checkpoint behind which it is in force
  Configuration configuration;
  Slice context;
  bool operator==(const PendingChange&) const = default;
};
struct CoreState {
  Seq seq;
  Digest chain;
  int64_t stamp_ms = 0;
  Configuration configuration;  // in force behind `seq`
  std::optional<PendingChange> pending;
  std::vector<ClientRow> clients;
};
// The last checkpoint of an epoch, and the configuration that it names: how a newcomer gets from one epoch to the next.
struct EpochLink {
  CheckpointCert cert;
  Configuration configuration;
};
// A snapshot of the owner's state after `seq`, in a sealed blob of this node; none for the empty state of seq 0.
struct SnapshotMeta {
  Seq seq;
  BlobId blob;
  uint64_t size = 0;
  bool operator==(const SnapshotMeta&) const = default;
};

// --- Configuration of one replica ------------------------------------------------------------------------------------

// What a replica without records is.
enum class Beginning {
  kNew,       // it has never voted under this identity: a founder, or a new member
  kLostDisk,  // it may have voted and forgotten it: it stays silent until nothing it may have said matters any more
};
constexpr Beginning last_value(Beginning) { return Beginning::kLostDisk; }

struct Config {
  NodeId self;
  uint64_t cluster = 0;         // names the cluster in everything that is signed
  Configuration configuration;  // of the founders, or any later one that is trusted
  Beginning beginning = Beginning::kNew;

  // A backup votes the primary out when a request it knows, the oldest of its client, is not executed in time; doubled
  // with every view that fails in a row, up to 64 times.
  Duration request_timeout = Duration::millis(1000);
  Duration resend_interval = Duration::millis(100);

  uint64_t checkpoint_interval = 64;  // in places of the order; the same on all replicas
  uint64_t window = 256;  // places behind the last stable checkpoint; a multiple of the interval, twice it at least
  uint64_t max_in_flight = 8;
  uint64_t max_batch_operations = 2048;
  uint64_t max_batch_bytes = 1 << 20;  // of requests; a single larger one still goes alone
  // A larger batch is proposed by the names of its requests, which every member has from their clients (TOCS 2002, section
  // 5: separate request transmission).
  uint64_t whole_proposal_bytes = 1024;
  uint64_t max_request_operations = 1024;
  uint64_t max_request_bytes = 1 << 20;
  uint64_t client_window = 64;  // requests of one client that may be outstanding; the same on all replicas
  // Of results that are kept for one client, because it may still ask for them; the same on all replicas. Those below
  // the floor of its requests are forgotten.
  uint64_t max_client_result_bytes = 32 << 20;

  // Stamps: how far from its own clock a backup believes the primary, and how fast clocks may part (in eighths).
  Duration stamp_slack = Duration::millis(1000);
  Duration anchor_interval = Duration::seconds(10);
  // The primary's pace: requests must be proposed within this many times what agreement on a proposal takes.
  int64_t pace_factor = 8;
  Duration pace_floor = Duration::millis(100);

  // The longest that a quorum of PREPAREs waits for the rest, with which no signature needs checking (promptness.h).
  Duration vote_wait = Duration::millis(20);

  uint64_t transfer_bytes = 256 << 10;  // in one message of a state transfer
  // What one member, or client, is given in each resend_interval of what it asks for: batches, parts of the log and of
  // offers, answers over again. What it needs to catch up comes more slowly than that.
  uint64_t serve_bytes = 16 << 20;
  uint64_t max_snapshot_bytes = uint64_t{1} << 40;
};

}  // namespace holdfast::pbft
