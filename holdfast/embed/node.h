// A member of a replicated state machine, in your process.
//
//   class Counter : public holdfast::StateMachine { ... };           // yours: apply, query, save, restore
//
//   holdfast::NodeOptions options;
//   options.id = 1;
//   options.data_dir = "/var/lib/counter";
//   options.members = {{1, "10.0.0.1:7000"}, {2, "10.0.0.2:7000"}, {3, "10.0.0.3:7000"}};
//   auto node = holdfast::Node::start(options, std::make_unique<Counter>());
//   auto sum = (*node)->submit("add 5").get();                        // any member; decided by a majority
//
// Guarantees: those of replica/machine.h. An OK answer to submit() means that the command was applied, once, at a
// moment between call and answer, and that the group will not forget it. query() is linearizable. What may fail is the
// engine's matter (docs/guide/consensus.md, docs/guide/embedding.md):
//
//   raft, paxos   any minority may crash, lose power, be cut off, at any time, and come back. Every command is on the
//                 disks of a majority before it is answered. Members are trusted, and so is the network between them:
//                 nothing on it is authenticated or encrypted.
//   pbft          of n = 3f + 1 members f may do whatever they like: lie, forget, be somebody else's; crash and come
//                 back, too. An answer is what f + 1 members said, of a query more than two thirds. Who calls a Node
//                 trusts that one. Each member has a key. The members are those that the group was founded with.
//   flooding      all members but one may crash, and who has crashed, or was stopped, is out for good: fail-stop.
//                 Nothing but that is on a disk; the state lives as long as one member does. This needs a perfect
//                 detector: no live process, and no network, may be silent for crash_timeout_ms. Where one is, the
//                 group parts, and what the smaller part answered is lost. For a rack, not for the Internet.
//
// Threads: a node has a thread of its own, on which the state machine runs and callbacks are called; it also writes to
// its disk from two more. All methods of Node may be called from any thread. Logs through spdlog's default logger.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/replica/state_machine.h"

namespace holdfast {

struct GroupMember {
  uint64_t id = 0;  // not zero, never used again once removed
  // "host:port". Over PBFT "KEY@host:port": its public key, the 64 digits that `holdfast key new FILE` printed when it
  // made the private one.
  std::string address;
};

struct NodeOptions {
  std::string group = "default";     // members of differently named groups refuse each other
  uint64_t id = 0;                   // this member's
  std::string data_dir;              // made if missing; one per member
  std::string listen;                // "host:port"; empty: this member's address among `members`
  std::vector<GroupMember> members;  // of a new group, the same at all of them; or of the one to be joined
  bool joins = false;                // raft, paxos: it was added to a running group by add_member()
  // What keeps the log: raft, paxos, pbft or flooding; the same at all members, for good.
  std::string engine = "raft";
  // Over PBFT: the file of this member's private key. Empty: member.key in data_dir. Whoever has it is the member.
  std::string key_file;
  // Over PBFT: this member has been in the group and has lost its data_dir, with what it promised. It stays silent
  // until nothing that it may have said matters any more. A member of which this is true and not said counts among the
  // f.
  bool disk_lost = false;
  // Over flooding: who is silent for so long has crashed. Nothing is answered meanwhile, and requests wait so much
  // longer.
  int64_t crash_timeout_ms = 10'000;
  int64_t heartbeat_ms = 100;
  int64_t election_timeout_ms = 1000;  // over PBFT: after which a primary that does not serve is voted out
  int64_t request_timeout_ms = 7000;
  uint64_t snapshot_count = 10'000;  // commands between two snapshots, at least
};

class Node {
 public:
  using Result = StatusOr<std::string>;
  using Done = std::function<void(Result)>;

  // Recovers, binds the socket, and begins to take part. Errors say what to do:
  //   kInvalidArgument     the options make no sense             kUnavailable         the address is taken
  //   kFailedPrecondition  the directory is another member's, group's or engine's; the key is not this member's; over
  //                        flooding, the member has taken part before
  //   kDataLoss            the directory's contents are damaged
  static StatusOr<std::unique_ptr<Node>> start(const NodeOptions& options, std::unique_ptr<StateMachine> machine);
  // Stops.
  ~Node();

  // Applies a command at every member; the answer is that of StateMachine::apply. `done` is called exactly once, on the
  // node's thread, and must not wait for anything there. Statuses as in replica/machine.h: with kDeadlineExceeded,
  // kUnavailable and kCancelled nobody knows whether the command was, or will be, applied.
  void submit(std::string command, Done done);
  std::future<Result> submit(std::string command);
  // Asks this member, once it has everything that was applied anywhere before; over PBFT, the group.
  void query(std::string question, Done done);
  std::future<Result> query(std::string question);

  // Changes the group, one member at a time. A new member counts as one from now on and votes once it has caught up;
  // start it with `joins`. OK once a majority has agreed. kUnimplemented over PBFT and flooding.
  std::future<Status> add_member(const GroupMember& member);
  std::future<Status> remove_member(uint64_t id);

  // As known here, at some time lately.
  std::vector<GroupMember> members() const;
  bool leads() const;
  uint64_t leader() const;  // 0: none known

  // Hands leadership over, refuses new calls, ends those that wait with kCancelled, makes its log stable. Idempotent.
  void stop();
  // Waits until the node has stopped: OK after stop(), else why it had to (it was removed, its disk failed).
  Status wait();

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast
