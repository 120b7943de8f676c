// One member of a group that watches itself: any of the room's detectors, the membership it needs, and the leader
// oracle on top, as one core. This is what `holdfast detect` runs.
//
// SWIM brings its own membership; for the other detectors a Roster tells who belongs to the group. Omega follows the
// verdict: with SWIM a member is distrusted when it is dead or has left (a suspicion is a question), with the others
// when it is suspected.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "holdfast/detect/heartbeat.h"
#include "holdfast/detect/omega.h"
#include "holdfast/detect/phi_accrual.h"
#include "holdfast/detect/roster.h"
#include "holdfast/detect/swim.h"

namespace holdfast::detect {

enum class DetectorKind { kSwim, kHeartbeat, kProbe, kPhi };
constexpr DetectorKind last_value(DetectorKind) { return DetectorKind::kPhi; }

using AgentWire = std::variant<SwimWire, HeartbeatWire, PhiWire, RosterWire, OmegaWire>;
using AgentEvent = std::variant<Suspected, Restored, Joined, Changed, Died, Left, Forgotten, Full, Unanswered,
                                Conflict, Departed, Leads>;

struct AgentConfig {
  NodeId self;
  DetectorKind kind = DetectorKind::kSwim;
  uint64_t seed = 0;
  uint64_t boot = 1;  // a reading of the wall clock at the start
  Slice meta;         // at most max_meta_bytes
  std::vector<NodeId> seeds;
  Duration period = Duration::seconds(1);  // between probes or heartbeats
  MicroPhi phi_threshold = whole_phi(8);
  bool lifeguard = true;
  size_t max_message_bytes = 1400;  // at least 700
  size_t max_meta_bytes = 256;
};

// A fellow member, for show.
struct Fellow {
  NodeId node;
  Slice meta;
  MemberState state = MemberState::kAlive;
  MicroPhi phi = 0;  // with the phi-accrual detector
  Duration timeout;  // with heartbeats and probes
};

class Agent {
 public:
  using Out = Outbox<AgentWire, NoRecord, AgentEvent>;

  explicit Agent(const AgentConfig& config);

  void replay(StableSeq, const NoRecord&) {}
  void start(Time now, Out& out);
  void on_message(Time now, NodeId from, const AgentWire& wire, Out& out);
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out);
  Time deadline() const;
  void check_invariants() const;

  // Goes by its own will; Departed is raised when the process may end.
  void leave(Time now, Out& out);

  std::vector<Fellow> fellows(Time now) const;
  NodeId leader() const { return omega_.leader(); }
  bool trusts(NodeId node) const;
  const Swim* swim() const { return swim_ ? &*swim_ : nullptr; }

 private:
  template <class Child, class ChildOut, class Step>
  void run(Time now, Child& child, ChildOut& child_out, Out& out, Step&& step);
  void on_event(Time now, const SwimEvent& event, Out& out);
  void on_event(Time now, const HeartbeatEvent& event, Out& out);
  void on_event(Time now, const RosterEvent& event, Out& out);
  void on_event(Time now, const OmegaEvent& event, Out& out);
  void set_trust(Time now, NodeId node, bool trusted, Out& out);

  const AgentConfig config_;
  std::optional<Swim> swim_;
  std::optional<HeartbeatDetector> heartbeat_;
  std::optional<PhiDetector> phi_;
  std::optional<Roster> roster_;
  Omega omega_;
  Swim::Out swim_out_;
  HeartbeatDetector::Out heartbeat_out_;
  PhiDetector::Out phi_out_;
  Roster::Out roster_out_;
  Omega::Out omega_out_;
  bool departed_ = false;
};

}  // namespace holdfast::detect
