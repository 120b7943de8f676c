// The simulated network: endpoints that send byte strings to each other over directed links, and the faults of links.
//
// Without faults a link delivers everything, in order, after a delay that varies a little. Faults are laid over sets of
// links and add up while they last: loss, delay, jitter, reordering, duplication, replay of old messages, bit
// corruption, truncation, a bandwidth cap, a cut, a clog.
//
// Between members a frame carries the cluster, the sender, the receiver and a CRC-32C, as the real transport's does: a
// damaged frame is never delivered, it resets its link, which loses what was under way on it. A frame for another
// cluster or another receiver is refused.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/sim/world.h"

namespace holdfast::sim {

// What faults do to a link. Chances are in thousandths per message.
struct LinkEffect {
  uint32_t loss = 0;
  uint32_t duplicate = 0;
  uint32_t reorder = 0;  // delivered out of order, up to `jitter` (at least 1 ms) later
  uint32_t replay = 0;   // an old message of this link is delivered again as well
  uint32_t corrupt = 0;
  uint32_t truncate = 0;
  uint32_t misroute = 0;  // arrives under another cluster's or receiver's name
  Duration delay;
  Duration jitter;
  uint64_t bytes_per_second = 0;  // 0: no cap
  bool cut = false;               // nothing passes, not even what is under way
  bool clog = false;              // held back; released in random order when the clog ends
};

// What somebody who directs a run decides about one message.
struct Steering {
  bool lose = false;
  Duration later;  // on top of the link's own delay; messages behind it on the link do not wait
};

struct NetStats {
  uint64_t sent = 0, delivered = 0, lost = 0, duplicated = 0, replayed = 0, corrupted = 0, cut = 0, refused = 0;
};

class Net {
 public:
  using Handler = std::function<void(NodeId from, Slice bytes)>;
  using Covers = std::function<bool(NodeId from, NodeId to)>;

  // `cluster` is the identity that frames carry. Base delays lie in [min_delay, max_delay].
  Net(World& world, Duration min_delay, Duration max_delay);

  // The endpoint receives from now on. One handler per endpoint; attaching again replaces it.
  void attach(NodeId endpoint, Handler handler);
  void detach(NodeId endpoint);
  bool attached(NodeId endpoint) const { return handlers_.contains(endpoint); }

  void send(NodeId from, NodeId to, Slice bytes);

  // What this endpoint sends goes to its mouth instead, which passes on what it likes with say().
  using Mouth = std::function<void(NodeId to, Slice bytes)>;
  void set_mouth(NodeId endpoint, Mouth mouth) { mouths_[endpoint] = std::move(mouth); }
  void say(NodeId from, NodeId to, Slice bytes);
  // Which endpoint hears what `from` sends to this one.
  using Ear = std::function<NodeId(NodeId from)>;
  void set_ear(NodeId endpoint, Ear ear) { ears_[endpoint] = std::move(ear); }

  // Lays a fault over all links for which `covers` holds; returns its number.
  uint64_t add_fault(Covers covers, LinkEffect effect);
  void remove_fault(uint64_t number);
  void remove_all_faults();
  bool is_cut(NodeId from, NodeId to) { return link(from, to).effect.cut; }

  const NetStats& stats() const { return stats_; }
  // Sees every message as it is sent.
  void set_tap(std::function<void(NodeId from, NodeId to, const Slice&)> tap) { tap_ = std::move(tap); }
  // Is asked about every message that is sent.
  void set_steering(std::function<Steering(NodeId from, NodeId to, const Slice&)> steering) {
    steering_ = std::move(steering);
  }
  // How messages look in a trace.
  void set_printer(std::function<std::string(NodeId from, NodeId to, const Slice&)> printer) {
    printer_ = std::move(printer);
  }
  std::string describe(NodeId from, NodeId to, const Slice& bytes) const {
    return printer_ ? printer_(from, to, bytes) : std::to_string(bytes.size()) + " bytes";
  }

 private:
  static constexpr size_t kRemembered = 16;  // per link, for replays
  struct Waiting {
    Slice bytes;
    bool keep_order = true;
    uint64_t epoch = 0;
  };
  struct Link {
    NodeId from, to;
    uint64_t version = 0;  // of the faults folded into `effect`
    LinkEffect effect;
    Time last_delivery;          // order is kept unless a fault says otherwise
    uint64_t epoch = 0;          // messages of an earlier epoch were lost in a reset
    std::deque<Waiting> queued;  // under a bandwidth cap; the first is being transmitted
    uint64_t transmission = 0;
    std::vector<Slice> clogged;
    std::vector<Slice> remembered;
    size_t next_remembered = 0;
  };
  struct Fault {
    uint64_t number;
    Covers covers;
    LinkEffect effect;
  };

  Link& link(NodeId from, NodeId to);
  void fold(Link& link);
  void refresh_all();
  void put_on_line(Link& link, Slice bytes, bool keep_order);
  void transmit_next(Link& link);
  void depart(Link& link, Waiting message);
  void damage(Link& link, const Slice& bytes, bool truncate);
  void arrive(Link& link, uint64_t epoch, const Slice& bytes);
  void note(const char* kind, const Link& link, const Slice& bytes);

  World& world_;
  Random random_;
  Duration min_delay_, max_delay_;
  std::map<NodeId, Handler> handlers_;
  std::map<NodeId, Mouth> mouths_;
  std::map<NodeId, Ear> ears_;
  std::map<std::pair<NodeId, NodeId>, Link> links_;
  std::vector<Fault> faults_;
  uint64_t version_ = 1;
  uint64_t next_fault_ = 1;
  NetStats stats_;
  std::function<std::string(NodeId, NodeId, const Slice&)> printer_;
  std::function<void(NodeId, NodeId, const Slice&)> tap_;
  std::function<Steering(NodeId, NodeId, const Slice&)> steering_;
};

}  // namespace holdfast::sim
