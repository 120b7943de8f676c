// What a leader knows of another member, whatever the engine: whether it is heard, which rounds it has confirmed, what
// it was told, whether it keeps up, and the snapshot that is on its way to it. Engines add what they send and count.
#pragma once

#include <algorithm>
#include <optional>

#include "holdfast/consensus/snapshot_sender.h"

namespace holdfast::consensus {

class Peer {
 public:
  Peer(NodeId node, Time now) : node_(node), heard_(now) {}

  NodeId node() const { return node_; }

  // Check-quorum and leases.
  void heard(Time now) {
    heard_ = now;
    answered_ = true;
  }
  Time heard_at() const { return heard_; }  // until it is heard: when this began, so that it gets time to answer
  bool answered() const { return answered_; }
  void echoed(uint64_t round) { round_ = std::max(round_, round); }
  uint64_t round() const { return round_; }

  // The greatest commit index it was told.
  Index told() const { return told_; }
  void tell(Index commit) { told_ = std::max(told_, commit); }

  // Catching up in rounds (Ongaro's dissertation, 4.2.1): a round ends when the member holds what the log held as it
  // began; it has caught up when its latest round took less than an election timeout.
  void measure_round(Index match, Index last, Time now, Duration election_timeout) {
    if (round_target_ && match < round_target_) {
      if (now - round_began_ > election_timeout) caught_up_ = false;
      return;
    }
    if (round_target_) caught_up_ = now - round_began_ <= election_timeout;
    round_target_ = last;
    round_began_ = now;
  }
  bool caught_up() const { return caught_up_; }

  std::optional<SnapshotSending>& snapshot() { return snapshot_; }
  const std::optional<SnapshotSending>& snapshot() const { return snapshot_; }

 protected:
  std::optional<SnapshotSending> snapshot_;

 private:
  NodeId node_;
  Time heard_;
  bool answered_ = false;  // it was heard at all
  uint64_t round_ = 0;
  Index told_;
  Index round_target_;
  Time round_began_;
  bool caught_up_ = false;
};

}  // namespace holdfast::consensus
