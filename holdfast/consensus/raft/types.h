// The vocabulary of Raft: entries, membership, messages, stable records, events, configuration.
//
// Source: Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended version), and Ongaro's
// dissertation "Consensus: Bridging Theory and Practice", chapters 3, 4 and 6.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/types.h"

namespace holdfast::raft {

struct TermTag {
  static constexpr const char* kPrefix = "t";
};
using Term = Strong<TermTag, uint64_t>;
struct IndexTag {
  static constexpr const char* kPrefix = "i";
};
// A position in the replicated log, counted from 1. Zero: before the log.
using Index = Strong<IndexTag, uint64_t>;

enum class Role { kFollower, kPreCandidate, kCandidate, kLeader };
constexpr Role last_value(Role) { return Role::kLeader; }

enum class EntryKind { kNoop, kCommand, kMembership };
constexpr EntryKind last_value(EntryKind) { return EntryKind::kMembership; }

struct Entry {
  Index index;
  Term term;
  EntryKind kind = EntryKind::kNoop;
  Slice data;  // kCommand: the owner's; kMembership: an encoded MembershipEntry
  bool operator==(const Entry&) const = default;
};

// Who decides (dissertation, chapter 4). All vectors are sorted and free of duplicates. `outgoing` is not empty exactly
// during joint consensus: then a decision needs a majority of `voters` (incoming) and one of `outgoing`.
struct Membership {
  std::vector<NodeId> voters;
  std::vector<NodeId> outgoing;
  std::vector<NodeId> learners;
  std::vector<NodeId> learners_next;  // voters of `outgoing` that become learners when the joint phase ends
  bool operator==(const Membership&) const = default;

  bool joint() const { return !outgoing.empty(); }
  bool is_voter(NodeId id) const;    // in either half
  bool is_learner(NodeId id) const;  // now
  bool contains(NodeId id) const;
  std::vector<NodeId> everyone() const;  // sorted, each once
};

// For traces: "{n1 n2 n3}", during joint consensus "{n1 n2 n4}&{n1 n2 n3}", then learners.
std::string to_text(const Membership& m);
// For traces: "i5@t2 noop", "i6@t2 \"x\"", "i7@t2 members {n1 n2}".
std::string to_text(const Entry& entry);

enum class ChangeKind { kAddVoter, kAddLearner, kPromote, kRemove };
constexpr ChangeKind last_value(ChangeKind) { return ChangeKind::kRemove; }
struct Change {
  ChangeKind kind = ChangeKind::kAddVoter;
  NodeId node;
  bool operator==(const Change&) const = default;
};

// The payload of a kMembership entry: the membership in force from this entry on, and the owner's own words about it
// (names, addresses), which Raft does not read.
struct MembershipEntry {
  Membership membership;
  Slice context;
};

// A snapshot of the owner's state: everything up to and including `index` has been applied to it.
struct SnapshotMeta {
  Index index;
  Term term;
  Membership membership;  // in force at `index`
  BlobId blob;            // where the bytes lie on this node; none for the empty state of index 0
  uint64_t size = 0;
  uint32_t crc32c = 0;  // of all its bytes
  bool operator==(const SnapshotMeta&) const = default;
};

// --- Messages --------------------------------------------------------------------------------------------------------
// `term` is the sender's current term, except in pre-votes, which speak of the term the candidate would take.

struct RequestVote {
  Term term;
  Index last_index;
  Term last_term;
  bool pre_vote = false;
  bool leadership_transfer = false;  // the voter may disregard its own leader (dissertation, 4.2.3)
};
struct VoteReply {
  Term term;
  bool granted = false;
  bool pre_vote = false;
};
struct AppendEntries {
  Term term;
  Index prev_index;
  Term prev_term;
  Index commit;
  std::vector<Entry> entries;
};
struct AppendReply {
  Term term;
  bool success = false;
  Index match;          // success: the follower's log equals the leader's up to here, and is stable
  Index rejected_prev;  // failure: the prev_index that did not match
  Index hint_index;     // failure: the last index that may match, and its term (fast back-tracking, paper 5.3)
  Term hint_term;
};
struct Heartbeat {
  Term term;
  Index commit;    // never beyond what the receiver is known to match
  uint64_t round;  // a read or a check-quorum round; echoed
};
struct HeartbeatReply {
  Term term;
  uint64_t round = 0;
};
// One chunk of a snapshot. The receiver acknowledges how far it has come, so an interrupted transfer resumes there.
struct SnapshotChunk {
  Term term;
  SnapshotMeta meta;  // `blob` is the sender's own and means nothing to the receiver
  uint64_t offset = 0;
  Slice bytes;
  uint32_t crc32c = 0;  // of `bytes`
};
struct SnapshotReply {
  Term term;
  Index index;            // of the snapshot
  uint64_t received = 0;  // bytes in order so far; the next chunk to send starts here
  bool installed = false;
  bool refused = false;  // damaged on arrival, or not needed: start over, or go on with entries
};
struct TimeoutNow {
  Term term;
};
struct ReadIndexRequest {
  Term term;
  uint64_t token = 0;
};
struct ReadIndexReply {
  Term term;
  uint64_t token = 0;
  bool ok = false;
  Index index;
};

using Message = std::variant<RequestVote, VoteReply, AppendEntries, AppendReply, Heartbeat, HeartbeatReply,
                             SnapshotChunk, SnapshotReply, TimeoutNow, ReadIndexRequest, ReadIndexReply>;

// --- Stable records --------------------------------------------------------------------------------------------------

// Term and vote in one record: there is no crash between the two.
struct HardState {
  Term term;
  NodeId vote;
};
// An entry; it replaces any earlier one of the same or a higher index.
struct Appended {
  Entry entry;
};
// The log begins behind this snapshot. `reset`: entries before this record are void (a snapshot from the leader);
// otherwise entries behind `meta.index` stay.
struct SnapshotMark {
  SnapshotMeta meta;
  bool reset = false;
};
using Record = std::variant<HardState, Appended, SnapshotMark>;

// --- Events for the owner
// ---------------------------------------------------------------------------------------------

// Entries to apply, in order and without gaps, each at most once per start. At most kMaxDelivered (core.h) in one step:
// the rest follows with the next ones, for which deadline() is in the past.
struct Committed {
  std::vector<Entry> entries;
};
struct RoleChanged {
  Role role = Role::kFollower;
  Term term;
  NodeId leader;  // none while unknown
};
// Everything up to `index` was committed when the read was asked for: apply so far, then read.
struct ReadReady {
  uint64_t token = 0;
  Index index;
};
// No leader answered in time, or leadership was lost. Nothing was read; asking again is safe.
struct ReadFailed {
  uint64_t token = 0;
};
// A snapshot has arrived and is sealed. The owner loads it and answers snapshot_loaded() or snapshot_refused().
struct SnapshotReceived {
  SnapshotMeta meta;
};
// A committed membership no longer contains this node.
struct Removed {};
using Event = std::variant<Committed, RoleChanged, ReadReady, ReadFailed, SnapshotReceived, Removed>;

// --- Configuration
// ----------------------------------------------------------------------------------------------------

enum class ReadMode {
  kQuorum,  // every batch of reads confirms leadership by a round of heartbeats (dissertation, 6.4)
  kLease,   // the leader answers at once while its lease lasts (dissertation, 6.4.1); needs bounded clock drift
};
constexpr ReadMode last_value(ReadMode) { return ReadMode::kLease; }

struct Config {
  NodeId self;
  uint64_t seed = 0;  // randomises election timeouts
  Duration heartbeat_interval = Duration::millis(100);
  Duration election_timeout = Duration::millis(1000);  // the randomised timeout lies in [1, 2) times this
  ReadMode read_mode = ReadMode::kQuorum;
  uint32_t max_clock_drift_ppm = 100'000;       // kLease: clocks of any two members drift apart by at most this (10 %)
  size_t max_append_bytes = size_t{1} << 20;    // payload of one AppendEntries; one larger entry goes alone
  size_t max_inflight_bytes = size_t{8} << 20;  // per follower, sent and not acknowledged
  size_t max_inflight_messages = 256;           // per follower
  size_t max_uncommitted_bytes = size_t{64} << 20;  // proposals beyond are refused
  size_t snapshot_chunk_bytes = size_t{256} << 10;
  uint64_t catch_up_entries = 5000;  // kept in memory behind a snapshot, for followers that are a little late
};

}  // namespace holdfast::raft
