// How far one follower is, as its leader knows it, and what may be sent to it now.
//
//   probe      its log is not known: one message at a time, until one is accepted
//   replicate  it accepts: messages are sent ahead of the replies, within bounds of number and bytes (pipelining)
//   snapshot   it needs entries that are no longer in memory: a snapshot is streamed
//
// `match` is a lower bound of what the follower holds on stable storage that equals the leader's log. It never falls.
#pragma once

#include <deque>
#include <optional>

#include "holdfast/consensus/raft/types.h"
#include "holdfast/consensus/snapshot_sender.h"

namespace holdfast::raft {

using consensus::SnapshotSending;

enum class Pace { kProbe, kReplicate, kSnapshot };
constexpr Pace last_value(Pace) { return Pace::kSnapshot; }

class Progress {
 public:
  Progress(NodeId node, Index next, Time now) : node_(node), next_(next), heard_(now) {}

  NodeId node() const { return node_; }
  Index match() const { return match_; }
  Index next() const { return next_; }
  Pace pace() const { return pace_; }

  // Whether an append may be sent now.
  bool may_send(const Config& config) const;
  // An append up to `last` of `bytes` was sent.
  void sent(Index last, size_t bytes, Time now);

  // The follower holds everything up to `match`. True when that is news.
  bool accepted(Index match, Time now);
  // The follower does not hold the entry at `prev`; its log may match up to `hint`. False: out of date, ignored.
  bool rejected(Index prev, Index hint);
  // Nothing came back for the probe: it may be sent again.
  bool probe_again(Time now, Duration after);
  // Appends are under way and nothing has come back for that long: an empty append shows whether they were lost.
  bool poke(Time now, Duration after);
  // Everything sent was acknowledged.
  bool idle() const { return pace_ == Pace::kReplicate && inflight_.empty(); }

  void begin_snapshot(SnapshotSending sending);
  void end_snapshot();  // back to probing behind `match`
  std::optional<SnapshotSending>& snapshot() { return snapshot_; }
  const std::optional<SnapshotSending>& snapshot() const { return snapshot_; }

  // Check-quorum and leases.
  void heard(Time now) {
    heard_ = now;
    answered_ = true;
  }
  Time heard_at() const { return heard_; }  // until it is heard: when this began, so that it gets time to answer
  bool answered() const { return answered_; }
  void echoed(uint64_t round);
  uint64_t round() const { return round_; }

  // The greatest commit index the follower was told.
  Index told() const { return told_; }
  void tell(Index commit);

  // Catching up in rounds (dissertation, 4.2.1): a round ends when the follower holds what the log held as it began; a
  // member has caught up when its latest round took less than an election timeout.
  void measure_round(Index last, Time now, Duration election_timeout);
  bool caught_up() const { return caught_up_; }

  void check_invariants(Index last) const;

 private:
  struct Inflight {
    Index last;
    size_t bytes;
  };
  void probe_from(Index next);

  NodeId node_;
  Index match_;
  Index next_;
  Pace pace_ = Pace::kProbe;
  bool probing_ = false;  // a probe is under way
  Time probed_;
  std::deque<Inflight> inflight_;
  size_t inflight_bytes_ = 0;
  Time moved_;  // when the pipeline last moved, or was poked
  std::optional<SnapshotSending> snapshot_;
  Time heard_;
  bool answered_ = false;  // it was heard at all
  uint64_t round_ = 0;
  Index told_;
  Index round_target_;
  Time round_began_;
  bool caught_up_ = false;
};

}  // namespace holdfast::raft
