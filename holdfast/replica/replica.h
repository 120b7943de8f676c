// A replica: Raft plus what every replicated state machine needs around it: proposals from any member that are forwarded,
// retried and applied exactly once; reads; snapshots taken and installed; the release of stable records.
//
// The replica does not own the state machine. It tells its owner, in order, what to apply (Apply), and the owner applies
// and answers its clients. It never applies an operation twice, even when it was forwarded or retried more than once:
// each proposal carries (origin, incarnation, sequence), and a table of what has been applied is part of the snapshot.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/consensus/raft/raft.h"

namespace holdfast::replica {

// Identifies a proposal for ever. `incarnation` grows with every start of the origin's process; `floor` is the lowest
// sequence that the origin still waits for, so that what lies below can be forgotten.
struct Origin {
  NodeId node;
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  uint64_t floor = 0;
};
struct Proposal {
  Origin origin;
  Slice command;
};
// A follower hands proposals to the leader. Lost ones are sent again; the leader may be another by then.
struct Forward {
  std::vector<Proposal> proposals;
};
using Wire = std::variant<raft::Message, Forward>;

// A process start: incarnations never repeat, even when the clock goes back.
struct Incarnation {
  uint64_t number = 0;
};
using Record = std::variant<raft::Record, Incarnation>;

// Apply this command, at this position. Given once per start, in order, with no gaps but duplicates and no-ops.
struct Apply {
  raft::Index index;
  raft::Term term;
  Slice command;
  uint64_t own_sequence = 0;  // not 0: this process proposed it and its caller waits for the answer
};
// A membership entry was committed; `context` is the owner's.
struct ApplyMembership {
  raft::Index index;
  raft::Term term;
  raft::Membership membership;
  Slice context;
  uint64_t own_sequence = 0;
};
struct ProposalFailed {
  uint64_t sequence = 0;
  bool may_have_happened = false;
};
struct ReadReady {
  uint64_t token = 0;
};
struct ReadFailed {
  uint64_t token = 0;
};
struct RoleChanged {
  raft::Role role = raft::Role::kFollower;
  raft::Term term;
  NodeId leader;
};
// The owner is asked for an image of its state as of everything applied so far: begin_snapshot() hands it over.
struct SnapshotWanted {};
// The owner's state is to be replaced: load_begin, load_bytes*, load_end in this order.
struct LoadBegin {
  raft::Index index;
};
struct LoadBytes {
  Slice bytes;
};
struct LoadEnd {};
struct MustStop {
  std::string what;
};
using Event = std::variant<Apply, ApplyMembership, ProposalFailed, ReadReady, ReadFailed, RoleChanged, SnapshotWanted,
                           LoadBegin, LoadBytes, LoadEnd, MustStop>;

struct Config {
  raft::Config raft;
  raft::Membership bootstrap;
  uint64_t incarnation_hint = 0;      // e.g. wall-clock microseconds: helps a wiped disk to stay unique
  uint64_t snapshot_count = 10'000;   // entries applied between snapshots
  uint64_t snapshot_bytes = uint64_t{256} << 20;  // or this many bytes of commands
  size_t snapshot_slice_bytes = size_t{256} << 10;
  Duration proposal_retry = Duration::millis(300);
};

class Replica;

}  // namespace holdfast::replica
