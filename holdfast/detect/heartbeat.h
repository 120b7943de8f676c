// The failure detector of the lecture, in both directions: heartbeats (each process tells its peers that it runs) and
// probes (each process asks its peers, and they answer), with a timeout per peer that grows after every false
// suspicion.
//
// Guarantees (docs/protocols/failure-detectors.md):
//  1. Strong completeness: a peer that has crashed is suspected within its timeout, and until it is heard again.
//  2. Eventual strong accuracy under partial synchrony: if from some moment on messages arrive within some unknown
//  bound,
//     and some of each few consecutive ones arrive, every running peer is suspected finitely often. The bound must lie
//     below max_timeout. So the detector is eventually perfect (Chandra, Toueg 1996, section 3; lecture on fault
//     tolerance, "Practical failure detection").
//  3. A suspicion that a restart of the peer ends was right, and does not raise the timeout (heartbeats only: an answer
//     to a probe does not tell a restart).
//  4. This process's own pauses are nobody's silence (own_pace.h).
// Invariants (check_invariants): a timeout is between the first and the greatest; this process is no peer of itself.
//
// Every process tells or asks every other one: n (n - 1) messages per period as heartbeats, twice that as probes.
#pragma once

#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include "holdfast/detect/own_pace.h"
#include "holdfast/detect/pulse.h"
#include "holdfast/detect/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::detect {

// "Do you run?" and the answer, which names the question.
struct Probe {
  uint64_t number = 0;
};
struct ProbeAnswer {
  uint64_t number = 0;
};
using HeartbeatWire = std::variant<Heartbeat, Outdated, Probe, ProbeAnswer>;
using HeartbeatEvent = std::variant<Suspected, Restored>;

enum class HeartbeatStyle { kPush, kProbe };
constexpr HeartbeatStyle last_value(HeartbeatStyle) { return HeartbeatStyle::kProbe; }

struct HeartbeatConfig {
  NodeId self;
  std::vector<NodeId> peers;
  HeartbeatStyle style = HeartbeatStyle::kPush;
  uint64_t boot = 1;  // a reading of the wall clock at the start; see pulse.h
  uint64_t seed = 0;  // of the numbers of probes, so that answers of an earlier life are none of this one
  Duration period = Duration::seconds(1);
  Duration first_timeout = Duration::seconds(3);
  Duration growth = Duration::seconds(1);  // added to a peer's timeout after each false suspicion of it
  Duration max_timeout = Duration::seconds(60);
  bool heed_own_pauses = true;
};

class HeartbeatDetector {
 public:
  using Out = Outbox<HeartbeatWire, NoRecord, HeartbeatEvent>;

  explicit HeartbeatDetector(const HeartbeatConfig& config);

  void replay(StableSeq, const NoRecord&) {}
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const HeartbeatWire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // From now on the peers are these (this process is left out). One that stays keeps its timeout; one that goes is
  // neither suspected nor restored any more.
  void set_peers(Time now, const std::vector<NodeId>& peers);

  // Whether `node` is a peer that is not suspected, or this process.
  bool trusts(NodeId node) const;
  // Zero for one that is no peer.
  Duration timeout_of(NodeId node) const;

 private:
  struct Peer {
    Time heard;        // observed; before the first word: when it became a peer
    Time heard_local;  // the same, local
    Duration timeout;
    bool suspected = false;
    Freshness freshness;
    uint64_t answered = 0;  // the latest of our probes that it answered
  };

  Time attend(Time now);
  void add(NodeId node, Time now);
  void beat(Time t, Out& out);
  void judge(Time t, Out& out);
  void heard(Time now, NodeId node, Peer& peer, bool restarted, Out& out);
  void on(Time now, NodeId from, const Heartbeat& m, Out& out);
  void on(Time now, NodeId from, const Outdated& m, Out& out);
  void on(Time now, NodeId from, const Probe& m, Out& out);
  void on(Time now, NodeId from, const ProbeAnswer& m, Out& out);

  const HeartbeatConfig config_;
  OwnPace pace_;
  Pulse pulse_;
  std::map<NodeId, Peer> peers_;
  uint64_t first_probe_ = 0, last_probe_ = 0;
  // Observed times. No peer can become suspect before next_check_: whoever is heard moves only its own moment, away.
  Time next_beat_ = Time::never();
  Time next_check_ = Time::never();
};

}  // namespace holdfast::detect
