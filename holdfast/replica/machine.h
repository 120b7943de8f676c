// One member of a replicated state machine of the user's own, as a pure core: the replica (consensus, stable records,
// snapshots), the state machine, and the calls that wait for it. embed/ puts it into the real world, sim/ into the
// simulated one.
//
// Guarantees: an Answer with an OK status means that the command was applied at one moment between call and answer, and
// is stable on a quorum; the question was answered from a state that holds every command answered before it was asked
// (linearizable). With kDeadlineExceeded, kUnavailable and kCancelled the outcome of a command is unknown; with
// kOutOfRange, over PBFT, it took effect, and its answer was larger than a group keeps (kMaxGroupAnswerBytes for all
// answers of a bundle); with any other code it did not and will not take effect. A command is applied at most once, whatever fails.
//
// Thread rule: one thread at a time. Contract: docs/architecture.md.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "holdfast/replica/replica.h"
#include "holdfast/replica/state_machine.h"

namespace holdfast::replica {

// A member as the others find it.
struct MachineMember {
  NodeId id;
  std::string address;
  bool operator==(const MachineMember&) const = default;
};

struct MachineConfig {
  Config replica;                      // its bootstrap membership is made of `members`
  std::vector<MachineMember> members;  // of a new group; empty to join an existing one
  Duration request_timeout = Duration::seconds(5);
  size_t max_command_bytes = size_t{1} << 20;
  size_t max_calls = 10'000;                 // waiting at once; more are refused
  size_t max_call_bytes = size_t{64} << 20;  // of the commands of those
};

// Ends a call: exactly one each.
struct Answer {
  uint64_t call = 0;
  Status status;
  std::string bytes;  // when it is OK
};
struct MembersChanged {};
using MachineEvent = std::variant<Answer, RoleChanged, MembersChanged, MustStop>;

class Machine {
 public:
  using Out = Outbox<Wire, Record, MachineEvent>;

  // `machine` in its initial state; it must outlive the core.
  Machine(const MachineConfig& config, StateMachine& machine);
  ~Machine();

  // The core contract.
  void recover_blob(BlobId id, uint64_t size) { replica_->recover_blob(id, size); }
  void replay(StableSeq seq, const Record& record) { replica_->replay(seq, record); }
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const Wire& wire, Out& out);
  void on_stable(Time now, StableSeq upto, Out& out);
  void on_blob(Time now, const BlobAnswer& answer, Out& out);
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // Calls are named by the caller, uniquely in one life of the process.
  void submit(Time now, uint64_t call, std::string command, Out& out);
  void query(Time now, uint64_t call, std::string question, Out& out);
  // One change at a time. An OK answer has no bytes. A new member counts as a voter from the moment it has caught up,
  // which it asks for by itself.
  void add_member(Time now, uint64_t call, const MachineMember& member, Out& out);
  void remove_member(Time now, uint64_t call, NodeId id, Out& out);
  // Hands leadership over, if it leads, and refuses new calls; those that wait end kCancelled.
  void stop(Time now, Out& out);
  bool stopped(Time now) const { return dead_ || (stopping_ && (!replica_->leads() || now >= stop_at_)); }

  // As applied here.
  const std::vector<MachineMember>& members() const { return members_; }
  const Replica& replica() const { return *replica_; }

 private:
  struct Call {
    Time deadline;
    uint64_t sequence = 0;  // of its proposal; 0: a question
    std::string question;
    size_t bytes = 0;
  };
  using Calls = std::map<uint64_t, Call>;

  template <class Step>
  void step(Time now, Out& out, Step&& step);
  void handle(Time now, Event& event, Out& out);
  void handle_load(Time now, Event& event, Out& out);
  void apply(const Apply& event, Out& out);
  void apply_membership(const ApplyMembership& event, Out& out);
  void membership_failed(Time now, const MembershipFailed& event, Out& out);
  bool handle_group(Event& event, Out& out);
  void give(std::string answer);
  static Status taken(const Slice& said, std::string& answer);
  void load_ended(Time now, Out& out);
  bool byzantine() const { return config_.replica.engine == EngineKind::kPbft; }
  crypto::Digest digest() const;
  std::string whole_image() const;
  void ask_for_vote(Time now);
  bool wants_vote() const;  // and has not asked for it
  void change(Time now, uint64_t call, const consensus::Change& change, const MachineMember& member, Out& out);
  Status refusal(size_t bytes) const;
  Call& wait(Time now, uint64_t call);
  void settle(uint64_t sequence, const Status& status, std::string bytes, Out& out);
  void finish(Calls::iterator call, const Status& status, std::string bytes, Out& out);
  void expire(Time now, Out& out);
  void must_stop(std::string what, Out& out);
  std::unique_ptr<ImageReader> image() const;
  Status load(std::string_view image);

  const MachineConfig config_;
  StateMachine& machine_;  // before the replica, which may hold an image of it
  std::unique_ptr<Replica> replica_;
  Replica::Out replica_out_;
  std::vector<MachineMember> members_;  // sorted by id
  Calls calls_;
  size_t call_bytes_ = 0;
  std::map<uint64_t, uint64_t> by_sequence_;
  std::deque<std::pair<Time, uint64_t>> by_deadline_;  // every call waits equally long
  std::multimap<Time, uint64_t> read_retries_;
  std::string loading_;
  std::string initial_;         // over PBFT: the image of the state before the first command
  uint64_t vote_sequence_ = 0;  // of the request to become a voter
  Time vote_at_;                // not before
  bool stopping_ = false;
  Time stop_at_;  // handing over has taken long enough
  bool dead_ = false;
};

}  // namespace holdfast::replica
