// The phi-accrual failure detector (Hayashibara et al., SRDS 2004): instead of a verdict, a level of suspicion for each
// peer that grows while the peer is silent. What a level means is up to the owner: it may read level() and act on
// thresholds of its own (when_reaches() tells when), and one threshold of the configuration raises events.
//
// Guarantees (docs/protocols/failure-detectors.md):
//  1. Accruement: the level of a peer that has crashed grows without bound. So it is suspected for good, at any
//     threshold.
//  2. The level of a peer that was just heard is near zero.
//  3. With `growth` above zero, each false suspicion raises that peer's threshold, so that under partial synchrony a
//     running peer is suspected finitely often. Without (the paper), mistakes go on at the rate that the threshold
//     says.
//  4. This process's own pauses are nobody's silence (own_pace.h).
//  5. An outage does not blind: a silence enters the window as at most twice the time after which it was suspected. So a
//     rhythm that slows down is learned step by step.
// Decisions use integers only (phi.h); floating point appears in level(), for show.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "holdfast/detect/own_pace.h"
#include "holdfast/detect/phi.h"
#include "holdfast/detect/pulse.h"
#include "holdfast/detect/types.h"
#include "holdfast/model/outbox.h"

namespace holdfast::detect {

using PhiWire = std::variant<Heartbeat, Outdated>;
using PhiEvent = std::variant<Suspected, Restored>;

struct PhiConfig {
  NodeId self;
  std::vector<NodeId> peers;
  uint64_t boot = 1;  // a reading of the wall clock at the start; see pulse.h
  Duration period = Duration::seconds(1);
  size_t window = 200;
  Duration min_deviation = Duration::millis(100);
  MicroPhi threshold = whole_phi(8);
  MicroPhi growth = 0;  // of the threshold, after each false suspicion
  MicroPhi max_threshold = whole_phi(1000);
  bool heed_own_pauses = true;
};

class PhiDetector {
 public:
  using Out = Outbox<PhiWire, NoRecord, PhiEvent>;

  explicit PhiDetector(const PhiConfig& config)
      : config_(config), pace_(config.period / 4, config.heed_own_pauses), pulse_(config.boot) {}

  void replay(StableSeq, const NoRecord&) {}
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const PhiWire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // As of HeartbeatDetector.
  void set_peers(Time now, const std::vector<NodeId>& peers);
  bool trusts(NodeId node) const;

  // The level of suspicion of `node` now; zero for this process, and for one that is no peer.
  MicroPhi phi(Time now, NodeId node) const;
  double level(Time now, NodeId node) const { return static_cast<double>(phi(now, node)) / 1e6; }
  // When phi of `node` reaches `level`, if it is not heard before; never for one that is no peer.
  Time when_reaches(NodeId node, MicroPhi level) const;
  MicroPhi threshold_of(NodeId node) const;

 private:
  struct Peer {
    ArrivalWindow window;
    Time heard;        // observed
    Time heard_local;  // local
    MicroPhi threshold = 0;
    bool ever_heard = false;
    bool suspected = false;
    Time due;  // observed: when its threshold is reached; it is in due_ unless suspected
    Freshness freshness;
  };

  Time attend(Time now);
  void add(NodeId node, Time now);
  void beat(Time t, Out& out);
  void schedule(NodeId node, Peer& peer);
  void forget(NodeId node, const Peer& peer) { due_.erase({peer.due, node}); }
  void on(Time now, NodeId from, const Heartbeat& m, Out& out);
  void on(Time, NodeId, const Outdated& m, Out&) { pulse_.on_outdated(m); }

  const PhiConfig config_;
  OwnPace pace_;
  Pulse pulse_;
  std::map<NodeId, Peer> peers_;
  std::set<std::pair<Time, NodeId>> due_;
  Time next_beat_ = Time::never();
};

}  // namespace holdfast::detect
