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

#include "holdfast/consensus/peer.h"
#include "holdfast/consensus/raft/types.h"

namespace holdfast::raft {

using consensus::SnapshotSending;

enum class Pace { kProbe, kReplicate, kSnapshot };
constexpr Pace last_value(Pace) { return Pace::kSnapshot; }

class Progress : public consensus::Peer {
 public:
  Progress(NodeId node, Index next, Time now) : Peer(node, now), next_(next) {}

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
  void measure_round(Index last, Time now, Duration election_timeout) {
    Peer::measure_round(match_, last, now, election_timeout);
  }

  void check_invariants(Index last) const;

 private:
  struct Inflight {
    Index last;
    size_t bytes;
  };
  void probe_from(Index next);

  Index match_;
  Index next_;
  Pace pace_ = Pace::kProbe;
  bool probing_ = false;  // a probe is under way
  Time probed_;
  std::deque<Inflight> inflight_;
  size_t inflight_bytes_ = 0;
  Time moved_;  // when the pipeline last moved, or was poked
};

}  // namespace holdfast::raft
