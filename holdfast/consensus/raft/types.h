// The vocabulary of Raft: its messages and stable records, besides what all engines share (consensus/types.h).
//
// Source: Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended version), and Ongaro's
// dissertation "Consensus: Bridging Theory and Practice", chapters 3, 4 and 6.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "holdfast/consensus/types.h"

namespace holdfast::raft {

// Raft speaks the words that all engines share.
using consensus::Change;
using consensus::ChangeKind;
using consensus::Committed;
using consensus::Config;
using consensus::Entry;
using consensus::EntryKind;
using consensus::Event;
using consensus::Index;
using consensus::kMaxDelivered;
using consensus::kMaxIndex;
using consensus::kMaxTerm;
using consensus::Membership;
using consensus::MembershipEntry;
using consensus::ReadFailed;
using consensus::ReadMode;
using consensus::ReadReady;
using consensus::Removed;
using consensus::Role;
using consensus::RoleChanged;
using consensus::SnapshotMeta;
using consensus::SnapshotReceived;
using consensus::Term;

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

}  // namespace holdfast::raft
