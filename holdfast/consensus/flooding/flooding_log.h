// A replicated log for a fail-stop group: one instance of flooding consensus for each slot, one after the other.
//
// In each slot every process proposes the commands that wait at it, or nothing; the slot holds one proposal, and the
// others are proposed again in the next one. Slots prefer the processes in turn, so that everybody's commands come. A
// proposal also names the processes that its proposer knows to have crashed: from the next slot on they are not in the
// group, for everybody alike, so that a crash costs another round in one slot only.
//
// Guarantees, under what flood.h relies on and any number of crashes but one less than the group: every process
// delivers the same commands in the same order, without gaps; what a process that does not crash has taken is
// delivered; no command is delivered twice. With Agreement::kUniform (the default here) also those that crashed later
// had delivered no others.
//
// Also relies on channels that keep the order of messages, for as long as both ends live. A crash may cut off what was
// said in one step, or where channels lose and repeat, what was not acknowledged (acknowledged()).
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/flooding/flood.h"

namespace holdfast::flooding {

struct InSlot {
  uint64_t slot = 0;
  Message message;
};
using LogMessage = std::variant<InSlot>;

// What a proposal of the log holds, encoded; nothing at all when both are empty.
struct Batch {
  std::vector<Slice> commands;
  std::vector<NodeId> gone;
};

// The commands of one slot, in order.
struct Delivered {
  uint64_t slot = 0;
  NodeId proposer;
  std::vector<Slice> commands;
};
using LogEvent = std::variant<Delivered, Halted>;

struct LogConfig {
  NodeId self;
  std::vector<NodeId> group;  // sorted, each once, with self
  Agreement agreement = Agreement::kUniform;
  size_t max_waiting = 10'000;  // commands taken and not delivered; more are refused
  size_t max_batch = 1'000;     // commands in one proposal
};

class FloodingLog {
 public:
  using Out = Outbox<LogMessage, Record, LogEvent>;

  explicit FloodingLog(const LogConfig& config);

  void replay(StableSeq seq, const Record& record);
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const LogMessage& message, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  // Proposes what has come since: many commands of one batch of inputs share a slot. Or says what the last step could
  // not say because it had said something already.
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // kResourceExhausted: too many wait; kFailedPrecondition: halted.
  Status submit(Time now, Slice command, Out& out);
  // The perfect detector's notice that `node` has crashed.
  void on_crash(Time now, NodeId node, Out& out);

  // Of channels that lose and repeat: whether all that this process has said has come to everybody who is not known to
  // have crashed. Until then a crash could still take it from some, and with it whatever followed; so this process says
  // its next round, or its choice, only when it is so. It may say its proposal for a slot: nothing of that slot was said.
  void acknowledged(bool by_all) { acknowledged_ = by_all; }

  uint64_t slot() const { return slot_; }  // the one under way
  const std::vector<NodeId>& group() const { return group_; }
  bool halted() const { return halted_; }

 private:
  Flood make_flood() const;
  void begin_step();
  void propose(Out& out);
  void tell(const Flood::Say& say, Out& out);
  void deliver_decided(Out& out);
  void deliver(const Proposal& choice, Out& out);

  LogConfig config_;
  std::vector<NodeId> group_;    // in this slot
  std::vector<NodeId> crashed_;  // of the group, as the detector said
  uint64_t slot_ = 1;
  Flood flood_;                                    // of this slot
  size_t proposed_ = 0;                            // how many of the waiting commands were proposed in it
  std::deque<Slice> waiting_;                      // taken and not delivered
  std::vector<std::pair<NodeId, Message>> ahead_;  // for the next slot, from processes that have finished this one
  StableSeq begun_;
  bool acknowledged_ = true;
  bool halted_ = false;
};

}  // namespace holdfast::flooding
