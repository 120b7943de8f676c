// The channels and the detector that a fail-stop group relies on, made of a network that loses, repeats and reorders.
//
// Each pair of processes has a channel: messages are numbered, repeated until they are acknowledged, and taken in
// order, once. Every frame is a sign of life, and there is one in every interval. Who is known to have begun and is not
// heard for the crash timeout is taken for crashed, for good: whatever it says later is not taken, but answered with
// its notice. So notices come last (consensus/flooding/flood.h). That they are true is the assumption of a synchronous
// system: that no process that lives, and no network, is silent for so long.
//
// Thread rule: one thread at a time.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "holdfast/consensus/flooding/flooding_log.h"

namespace holdfast::replica {

// Acknowledges everything below `next` of the receiver's channel, and carries messages of the sender's own from `first`
// on. `life` names the sender's process: another one at the same address is not the one that was heard before.
struct FailStopFrame {
  uint64_t life = 0;
  uint64_t next = 0;
  uint64_t first = 0;
  std::vector<flooding::LogMessage> messages;
};
// To one that was taken for crashed: how many of the sender's group are left, and the first of them.
struct CrashNotice {
  uint64_t left = 0;
  NodeId first;
};

class FailStopLinks {
 public:
  struct Config {
    uint64_t life = 0;
    Duration interval;
    Duration crash_timeout;
    size_t max_frame_bytes = size_t{1} << 20;
  };
  struct Frame {
    NodeId to;
    FailStopFrame frame;
  };

  // `others`: the processes of the group but this one.
  FailStopLinks(const Config& config, const std::vector<NodeId>& others);

  // A message for one of them. To those that have crashed nothing is said.
  void send(NodeId to, flooding::LogMessage message);
  // The messages that have come to be taken with this frame, in order.
  std::vector<flooding::LogMessage> receive(Time now, NodeId from, const FailStopFrame& frame);
  // Whether everybody of `group` who is not taken for crashed has taken all that was said to it.
  bool all_acknowledged(const std::vector<NodeId>& group) const;
  bool has_crashed(NodeId id) const { return crashed_.contains(id); }
  // Those who are to be told so now, in case they live: rarely.
  std::vector<NodeId> to_be_told(Time now);
  // Those who are taken for crashed as of now.
  std::vector<NodeId> find_crashed(Time now);
  // What is to be said now: new messages and acknowledgements at once, everything again when it is time.
  std::vector<Frame> frames(Time now);
  Time deadline() const;

 private:
  struct Channel {
    std::deque<flooding::LogMessage> unacknowledged;  // of which the first has the number `first`
    uint64_t first = 1;
    uint64_t said = 1;  // the number of the next message that was never said
    uint64_t next = 1;  // of the message to be taken next
    std::optional<uint64_t> life;
    Time heard;  // or known to have begun; Time() before
    // A frame is due at the earlier one: only with an acknowledgement, or with everything that is not acknowledged.
    Time acknowledge_at = Time::never(), repeat_at;
  };
  FailStopFrame frame_of(const Channel& c, uint64_t from) const;

  Config config_;
  std::map<NodeId, Channel> channels_;
  std::set<NodeId> crashed_;
  Time tell_at_;  // the crashed
};

}  // namespace holdfast::replica
