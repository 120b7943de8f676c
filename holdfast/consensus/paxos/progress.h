// How far one follower is, as its leader knows it, and what may be sent to it now.
//
//   ask       where it stands is not known: it is asked with every heartbeat
//   send      values are sent ahead of the replies, within bounds of number and bytes (pipelining)
//   snapshot  it needs slots that are no longer in memory: a snapshot is streamed
//
// `match` is a lower bound of the slots up to which the follower holds, on stable storage, what is chosen or what this
// leader proposes. It never falls. Beyond it single runs of slots may be held (accepted out of order).
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "holdfast/consensus/paxos/types.h"
#include "holdfast/consensus/peer.h"

namespace holdfast::paxos {

enum class Pace { kAsk, kSend, kSnapshot };
constexpr Pace last_value(Pace) { return Pace::kSnapshot; }

class Progress : public consensus::Peer {
 public:
  using consensus::Peer::Peer;

  Index match() const { return match_; }
  Index next() const { return next_; }
  Pace pace() const { return pace_; }
  bool holds(Index slot) const;

  // Whether a Begin may be sent now.
  bool may_send(const Config& config) const;
  // The end of the run of slots from next() on, `last` at most, that the follower is not known to hold. Skips what it
  // holds first.
  Index skip_held(Index last);
  // A Begin of [next(), last] of `bytes` was sent.
  void sent(Index last, size_t bytes, Time now);

  // The follower holds everything up to `held`, and [first, last] too. True when that is news.
  bool accepted(Index first, Index last, Index held, Time now);
  bool accepted(Index held, Time now) { return accepted(held, held, held, now); }
  // The follower says where it stands, in answer to a question that is newer than all answers before. What was sent to
  // it and has neither arrived nor failed to for `patience` is sent again; and so is what it has lost. True: more is to
  // be sent.
  bool stands_at(Index held, Time now, Duration patience);
  // Everything sent was acknowledged.
  bool idle() const { return pace_ == Pace::kSend && inflight_.empty(); }

  void begin_snapshot(consensus::SnapshotSending sending);
  void end_snapshot();  // back to sending, behind `match`

  void check_invariants(Index last) const;

 private:
  struct Inflight {
    Index first, last;
    size_t bytes;
    Time sent;
  };
  bool holds_all(Index first, Index last) const;
  void send_again_from(Index next);

  Index match_;
  std::vector<std::pair<Index, Index>> beyond_;  // runs of slots held beyond match_ + 1, sorted, apart from each other
  Index next_{1};
  Pace pace_ = Pace::kAsk;
  std::deque<Inflight> inflight_;
  size_t inflight_bytes_ = 0;
};

}  // namespace holdfast::paxos
