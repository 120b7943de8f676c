// The vocabulary of a replica: proposals and their identities, wires, stable records, events, configuration.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "holdfast/consensus/paxos/types.h"
#include "holdfast/consensus/pbft/authority.h"
#include "holdfast/consensus/raft/types.h"
#include "holdfast/consensus/types.h"
#include "holdfast/replica/fail_stop_links.h"
#include "holdfast/replica/image_reader.h"

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
// What a kCommand entry of the log holds: a proposal, and the log time at which the leader took it.
struct Command {
  int64_t clock_ms = 0;
  Origin origin;
  Slice command;
};
// What a kMembership entry's context holds.
struct MembershipContext {
  Origin origin;
  Slice context;
};

// A follower hands proposals to the leader. Lost ones are sent again; the leader may be another by then.
struct Forward {
  std::vector<Proposal> proposals;
};
struct ForwardMembership {
  Origin origin;
  consensus::Index based_on;  // what the origin had applied when it found the change to be right
  std::vector<consensus::Change> changes;
  Slice context;
};
enum class MembershipRefusal { kNotReady, kLearnerNotReady, kInvalid };
constexpr MembershipRefusal last_value(MembershipRefusal) { return MembershipRefusal::kInvalid; }
struct MembershipRefused {
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  MembershipRefusal why = MembershipRefusal::kNotReady;
};
// To a member that was removed and may not know: nobody sends it entries any more, so it would never hear.
struct Farewell {};
// The messages of every engine have a place of their own; a cluster uses those of one.
using Wire = std::variant<raft::Message, Forward, ForwardMembership, MembershipRefused, Farewell, paxos::Message,
                          pbft::Packet, FailStopFrame, CrashNotice>;

// A process start: incarnations never repeat, even when the clock goes back.
struct Incarnation {
  uint64_t number = 0;
};
using Record = std::variant<raft::Record, Incarnation, paxos::Record, pbft::Record, flooding::Record>;

// --- Events for the owner of the state machine, to be handled in their order
// -------------------------------------------

// Apply this command. In log order; what was applied before under the same origin is left out.
struct Apply {
  consensus::Index index;
  consensus::Term term;
  int64_t clock_ms = 0;  // log time, never falling
  Slice command;
  uint64_t own_sequence = 0;  // not 0: proposed by this process, whose caller waits for the answer
  NodeId origin;              // the member whose process proposed it
  // The answer is the group's: it is given back to the replica (answer()) and comes to the caller with Answered.
  // `own_sequence` is 0 then.
  bool wants_answer = false;
  bool own = false;  // proposed by this process
};
// Answer this with answer(), from the state as it is after the events before, as every member would.
struct Question {
  Slice question;
};
// The digest of the state as it is now is wanted, with state_is(): a function of the state alone, whatever its history.
struct DigestWanted {
  bool from_scratch = false;  // worked out from the data, so that data that has rotted is found
};
// What enough members answered to a proposal of this process.
struct Answered {
  uint64_t sequence = 0;
  Slice answer;
};
// The proposal was not taken: too much waits already, or it is too large. It will have no effect.
struct ProposalRefused {
  uint64_t sequence = 0;
};
// The state begins anew, as it was before the first command.
struct Reset {};
// A membership entry was committed; `context` is the owner's.
struct ApplyMembership {
  consensus::Index index;
  consensus::Membership membership;
  Slice context;
  uint64_t own_sequence = 0;
};
// What became of the proposal cannot be told: its effect arrived as part of a snapshot, without its answer; or a leader
// refused a membership change that an earlier one may have taken.
struct AnswerLost {
  uint64_t sequence = 0;
};
// The change was not made and will not be.
struct MembershipFailed {
  uint64_t sequence = 0;
  MembershipRefusal why = MembershipRefusal::kNotReady;
};
struct ReadReady {
  uint64_t token = 0;
  std::optional<Slice> answer;  // the group's; none: read your own state now
};
struct ReadFailed {
  uint64_t token = 0;
};
struct RoleChanged {
  consensus::Role role = consensus::Role::kFollower;
  consensus::Term term;
  NodeId leader;
};
// Answer with begin_snapshot(): an image of the state as of the events before this one.
struct SnapshotWanted {};
// The state is to be replaced by an image: begin, bytes in order, end; answer LoadEnd with load_done(). LoadAborted
// takes the place of LoadEnd when the image turned out to be damaged.
struct LoadBegin {
  consensus::Index index;
};
struct LoadBytes {
  std::string bytes;
};
struct LoadEnd {};
struct LoadAborted {};
// The stored state has been restored: what follows is news.
struct Started {};
struct MustStop {
  std::string what;
};
using Event = std::variant<Apply, ApplyMembership, AnswerLost, MembershipFailed, ReadReady, ReadFailed, RoleChanged,
                           SnapshotWanted, LoadBegin, LoadBytes, LoadEnd, LoadAborted, Started, MustStop, Question,
                           DigestWanted, Answered, ProposalRefused, Reset>;

using holdfast::ImageReader;

// What keeps the log. Every member of a cluster must be told the same.
enum class EngineKind { kRaft, kPaxos, kPbft, kFlooding };
constexpr EngineKind last_value(EngineKind) { return EngineKind::kFlooding; }

// What a replica over PBFT needs besides.
struct ByzantineConfig {
  uint64_t cluster = 0;               // names the cluster in everything that is signed
  pbft::Configuration configuration;  // the founders and their keys, or any later one that is trusted
  pbft::Beginning beginning = pbft::Beginning::kNew;
  crypto::Seed seed;  // this member's identity: secret
  // Instead of one made of the seed: for simulations.
  std::shared_ptr<pbft::Authority> authority;
  // As in pbft::Config; the same on all members. The window is four intervals.
  Duration request_timeout = Duration::seconds(1);
  uint64_t checkpoint_interval = 64;
  uint64_t whole_proposal_bytes = 1024;  // may differ from member to member
};

// Over PBFT: of one answer, and of all answers to one bundle of a gateway.
inline constexpr uint64_t kMaxGroupAnswerBytes = uint64_t{8} << 20;
// Of the answers that are kept for a gateway, which may ask again. Four bundles of it are under way, at most; an honest one
// meets this bound only when the answer to one is late, and those to many behind it are large.
inline constexpr uint64_t kMaxGatewayAnswerBytes = 4 * kMaxGroupAnswerBytes;

struct Config {
  EngineKind engine = EngineKind::kRaft;
  std::optional<ByzantineConfig> byzantine;  // with kPbft
  // With kFlooding: who is not heard for so long has crashed. Longer than any pause of a live process or network.
  Duration crash_timeout = Duration::seconds(10);
  consensus::Config consensus;
  consensus::Membership bootstrap;  // of a new cluster; empty to join an existing one
  uint64_t incarnation_hint = 0;    // e.g. wall-clock microseconds: keeps a wiped disk's process unique
  // A snapshot is taken after so many entries, or so many bytes of entries, whichever comes first; but not before the
  // entries have as many bytes as the snapshot before them had, uncompressed. So writing snapshots costs about as much
  // as writing the log, however large the state (dissertation 5.1.3). Over PBFT each place of
  // the order counts as an entry at least, whatever it holds.
  uint64_t snapshot_count = 10'000;
  uint64_t snapshot_bytes = uint64_t{256} << 20;
  size_t snapshot_slice_bytes = size_t{256} << 10;
  Duration proposal_retry = Duration::millis(300);
  size_t max_forward_bytes = size_t{1} << 20;  // per message, one larger proposal goes alone
};

}  // namespace holdfast::replica
