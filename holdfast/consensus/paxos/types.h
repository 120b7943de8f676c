// The vocabulary of multi-Paxos: ballots, messages, stable records, besides what all engines share (consensus/types.h).
// The names on the wire are those of the lectures: Collect, Last, Begin, Accept, Success.
//
// Sources: Lamport, "The Part-Time Parliament" (1998) and "Paxos Made Simple" (2001); Chandra, Griesemer, Redstone,
// "Paxos Made Live" (2007); De Prisco, Lampson, Lynch, "Revisiting the Paxos algorithm" (the message names).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/consensus/types.h"

namespace holdfast::paxos {

// Paxos speaks the words that all engines share. An Index names a slot.
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

// A ballot belongs to one node, which uses each of its rounds for one attempt to lead, ever. Ordered by round, then
// node.
struct Ballot {
  Term round;
  NodeId node;
  auto operator<=>(const Ballot&) const = default;
};
// For traces: "t5.n2".
std::string to_text(const Ballot& ballot);

// What an acceptor has accepted in one slot. The entry is the value: its term is the round in which it was first
// proposed, and stays when later ballots propose it again.
struct Vote {
  Ballot ballot;
  Entry entry;
};

// --- Messages --------------------------------------------------------------------------------------------------------
// `ballot` is the ballot that the message is about; it is the sender's own in those that a leader sends.

// Would you promise this ballot? Nobody promises anything yet: a member that cannot lead disturbs nobody that does.
struct Inquiry {
  Ballot ballot;
  Index from;  // the first slot that the sender does not know to be chosen
};
struct InquiryReply {
  Ballot ballot;
  bool yes = false;
  Ballot promised;  // by the sender, already
};
// Phase 1: promise to accept nothing below this ballot, and report what you have accepted from slot `part` on.
struct Collect {
  Ballot ballot;
  Index from;            // the first slot that the sender does not know to be chosen
  Index part;            // where the report is to begin: it comes in parts
  Ballot handed_over{};  // of the leader that has asked the sender to take over; none: nobody has
};
// The promise, with one part of the report: what was accepted in [part, next), whatever is left out being empty.
struct Last {
  Ballot ballot;
  Index part;
  Index next;               // where the next part begins; zero: this is the last one
  Index chosen;             // up to here the sender knows what is chosen
  std::vector<Vote> votes;  // in the order of their slots
};
// Phase 2: accept these values, in consecutive slots.
struct Begin {
  Ballot ballot;
  Index chosen;   // up to here everything is chosen
  Index decided;  // the latest membership entry that is: who does not know it accepts nothing behind it
  std::vector<Entry> entries;
};
// Accepted, and stable: the slots of one Begin, and all slots up to `held`.
struct Accept {
  Ballot ballot;
  Index first, last;
  Index held;
};
// What is chosen; and the leader's heartbeat.
struct Success {
  Ballot ballot;
  Index chosen;
  uint64_t round = 0;  // of a confirmation of leadership; echoed unless zero
};
struct Echo {
  Ballot ballot;
  uint64_t round = 0;
  Index held;  // as in Accept
};
// `ballot` is below what the sender has promised.
struct Reject {
  Ballot ballot;
  Ballot promised;
};
// One chunk of a snapshot. The receiver acknowledges how far it has come, so an interrupted transfer resumes there.
struct SnapshotChunk {
  Ballot ballot;
  SnapshotMeta meta;  // `blob` is the sender's own and means nothing to the receiver
  uint64_t offset = 0;
  Slice bytes;
  uint32_t crc32c = 0;  // of `bytes`
};
struct SnapshotReply {
  Ballot ballot;
  Index index;            // of the snapshot
  uint64_t received = 0;  // bytes in order so far; the next chunk to send starts here
  bool installed = false;
  bool refused = false;  // damaged on arrival, or not needed: start over, or go on with entries
};
// The leader hands over: take the lead at once.
struct LeadNow {
  Ballot ballot;
};
struct ReadRequest {
  Ballot ballot;
  uint64_t token = 0;
};
struct ReadReply {
  Ballot ballot;
  uint64_t token = 0;
  bool ok = false;
  Index index;
};

using Message = std::variant<Inquiry, InquiryReply, Collect, Last, Begin, Accept, Success, Echo, Reject, SnapshotChunk,
                             SnapshotReply, LeadNow, ReadRequest, ReadReply>;

// --- Stable records --------------------------------------------------------------------------------------------------

// Nothing below this ballot is accepted from now on.
struct Promised {
  Ballot ballot;
};
// A value accepted in its slot, in place of any earlier one there.
struct Accepted {
  Ballot ballot;
  Entry entry;
};
// What is accepted up to here, at this place in the stream of records, is chosen.
struct Chosen {
  Index upto;
};
// Everything up to meta.index is in this snapshot. `reset`: what was accepted there before this record is void (a
// snapshot from the leader). What was accepted behind it stays in any case.
struct SnapshotMark {
  SnapshotMeta meta;
  bool reset = false;
};
using Record = std::variant<Promised, Accepted, Chosen, SnapshotMark>;

}  // namespace holdfast::paxos
