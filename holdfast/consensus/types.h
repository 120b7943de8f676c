// The vocabulary that all engines of consensus share: entries of the replicated log, membership, snapshots, events for
// the owner, configuration. An engine's own messages and stable records are in its own room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/outbox.h"
#include "holdfast/model/types.h"

namespace holdfast::consensus {

// The number of a reign: Raft's term, the round of a Paxos ballot. A member's never falls. A term and its leader
// together name one reign; an engine may know two leaders of one term (Paxos does, one of them deposed), of which one
// at most decides anything.
struct TermTag {
  static constexpr const char* kPrefix = "t";
};
using Term = Strong<TermTag, uint64_t>;
struct IndexTag {
  static constexpr const char* kPrefix = "i";
};
// A position in the replicated log, counted from 1. Zero: before the log.
using Index = Strong<IndexTag, uint64_t>;

// Terms and indices from the network beyond these are nonsense; below them, adding to one cannot overflow.
inline constexpr Term kMaxTerm{uint64_t{1} << 62};
inline constexpr Index kMaxIndex{uint64_t{1} << 62};

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

// Who decides (Ongaro's dissertation, chapter 4). All vectors are sorted and free of duplicates. `outgoing` is not
// empty exactly during joint consensus: then a decision needs a majority of `voters` (incoming) and one of `outgoing`.
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

// What an entry costs in a message or in memory, near enough for flow control.
inline size_t cost_of(const Entry& entry) { return entry.data.size() + 24; }

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
// (names, addresses), which the engine does not read.
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

// --- Events for the owner --------------------------------------------------------------------------------------------

inline constexpr uint64_t kMaxDelivered = 1000;
// Entries to apply, in order and without gaps, each at most once per start. At most kMaxDelivered in one step:
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

// --- Configuration ---------------------------------------------------------------------------------------------------

enum class ReadMode {
  kQuorum,  // every batch of reads confirms leadership by a round of heartbeats (Ongaro's dissertation, 6.4)
  kLease,   // the leader answers at once while its lease lasts (6.4.1); needs bounded clock drift
};
constexpr ReadMode last_value(ReadMode) { return ReadMode::kLease; }

struct Config {
  NodeId self;
  uint64_t seed = 0;  // randomises election timeouts
  Duration heartbeat_interval = Duration::millis(100);
  Duration election_timeout = Duration::millis(1000);  // the randomised timeout lies in [1, 2) times this
  ReadMode read_mode = ReadMode::kQuorum;
  uint32_t max_clock_drift_ppm = 100'000;       // kLease: clocks of any two members drift apart by at most this (10 %)
  size_t max_append_bytes = size_t{1} << 20;    // payload of one message; one larger entry goes alone
  size_t max_inflight_bytes = size_t{8} << 20;  // per follower, sent and not acknowledged
  size_t max_inflight_messages = 256;           // per follower
  size_t max_uncommitted_bytes = size_t{64} << 20;  // proposals beyond are refused
  size_t snapshot_chunk_bytes = size_t{256} << 10;
  uint64_t catch_up_entries = 5000;  // kept in memory behind a snapshot, for followers that are a little late
};

}  // namespace holdfast::consensus
