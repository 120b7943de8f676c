#include "bench/detect/quality.h"

#include <map>
#include <type_traits>

#include "holdfast/detect/heartbeat.h"
#include "holdfast/detect/phi_accrual.h"
#include "holdfast/detect/swim.h"

namespace holdfast::bench {
namespace {

using namespace holdfast::detect;  // NOLINT: a program of its own

// Who holds whom for crashed, since when; and what that amounts to.
class Verdicts {
 public:
  void condemned(NodeId at, NodeId node, Time now, bool well, bool by_starved) {
    const auto [it, is_new] = open_.emplace(std::pair(at, node), now);
    if (is_new && well && counting) ++(by_starved ? starved_mistakes : mistakes);
  }
  void acquitted(NodeId at, NodeId node, Time now, bool well, bool by_starved) {
    const auto it = open_.find({at, node});
    if (it == open_.end()) return;
    if (well && counting && !by_starved) lasted.push_back(static_cast<double>((now - it->second).nanos()) / 1e9);
    open_.erase(it);
  }
  const Time* since(NodeId at, NodeId node) const {
    const auto it = open_.find({at, node});
    return it == open_.end() ? nullptr : &it->second;
  }
  bool counting = false;
  uint64_t mistakes = 0, starved_mistakes = 0;
  std::vector<double> lasted;

 private:
  std::map<std::pair<NodeId, NodeId>, Time> open_;
};

std::vector<NodeId> all(size_t n) {
  std::vector<NodeId> ids;
  for (uint64_t i = 1; i <= n; ++i) ids.push_back(NodeId(i));
  return ids;
}

template <class Core>
std::unique_ptr<Core> make(const Trial& trial, NodeId id);

template <>
std::unique_ptr<HeartbeatDetector> make(const Trial& trial, NodeId id) {
  HeartbeatConfig c;
  c.self = id;
  c.peers = all(trial.members);
  c.style = trial.detector == Detector::kProbe ? HeartbeatStyle::kProbe : HeartbeatStyle::kPush;
  c.seed = id.value() + trial.seed;
  if (trial.knob > 0) {  // a fixed timeout: the curve is that of one knob
    c.first_timeout = Duration::millis(static_cast<int64_t>(trial.knob * 1000));
    c.growth = Duration();
  }
  return std::make_unique<HeartbeatDetector>(c);
}

template <>
std::unique_ptr<PhiDetector> make(const Trial& trial, NodeId id) {
  PhiConfig c;
  c.self = id;
  c.peers = all(trial.members);
  if (trial.knob > 0) c.threshold = static_cast<MicroPhi>(trial.knob * 1e6);
  return std::make_unique<PhiDetector>(c);
}

template <>
std::unique_ptr<Swim> make(const Trial& trial, NodeId id) {
  SwimConfig c;
  c.self = id;
  c.seed = id.value() * 1000 + trial.seed;
  c.lifeguard = c.heed_own_pauses = trial.detector == Detector::kLifeguard;
  c.seeds = {NodeId(1), NodeId(2), NodeId(3)};
  if (trial.knob > 0) c.suspicion_alpha = static_cast<uint32_t>(trial.knob);
  return std::make_unique<Swim>(c);
}

// Everybody knows everybody from the beginning: joining is not what is measured.
template <class Core>
void introduce(Crowd<Core>& crowd, size_t n) {
  if constexpr (std::is_same_v<Core, Swim>) {
    SyncState state;
    for (const NodeId id : all(n)) state.members.push_back({id, 1, MemberState::kAlive, {}, {}});
    for (const NodeId id : all(n)) crowd.inject(id, NodeId(n + 1), state);
  }
}

template <class Core>
Quality run(const Trial& trial) {
  Verdicts verdicts;
  Crowd<Core>* world = nullptr;
  std::map<NodeId, Time> crashed;
  const auto on_event = [&](NodeId at, const typename Core::Out::Event& event) {
    const auto tell = [&](NodeId node, bool condemned) {
      if (!world->up(at)) return;
      const bool well = world->up(node) && !world->starved(node), starved = world->starved(at);
      condemned ? verdicts.condemned(at, node, world->now(), well, starved)
                : verdicts.acquitted(at, node, world->now(), well, starved);
    };
    if constexpr (std::is_same_v<Core, Swim>) {
      if (const auto* died = std::get_if<Died>(&event)) tell(died->node, true);
    } else {
      if (const auto* suspected = std::get_if<Suspected>(&event)) tell(suspected->node, true);
    }
    if (const auto* restored = std::get_if<Restored>(&event)) tell(restored->node, false);
  };
  Crowd<Core> crowd(
      trial.members, trial.weather, trial.seed, [&](NodeId id) { return make<Core>(trial, id); }, on_event);
  world = &crowd;
  crowd.start();
  introduce(crowd, trial.members);
  crowd.run_until(crowd.now() + trial.warm_up);
  verdicts.counting = true;
  const uint64_t messages = crowd.messages, bytes = crowd.bytes;
  const Time began = crowd.now();

  Random random(trial.seed + 77);
  const size_t crashes = trial.crashes > 0 ? trial.crashes : std::max<size_t>(1, trial.members / 10);
  const Time half = began + trial.lasts / 2;
  for (size_t i = 0; i < crashes; ++i) {
    crowd.run_until(began + trial.lasts / 2 * static_cast<int64_t>(i + 1) / static_cast<int64_t>(crashes + 1) +
                    Duration::millis(random.between(0, 999)));
    NodeId id(1 + random.below(trial.members));
    while (!crowd.up(id) || crowd.starved(id)) id = NodeId(1 + random.below(trial.members));
    crashed[id] = crowd.now();
    crowd.crash(id);
  }
  crowd.run_until(std::max(half, crowd.now()) + trial.lasts / 2);

  Quality q;
  size_t observers = 0, starved = 0;
  for (const NodeId at : all(trial.members)) {
    if (crowd.up(at) && crowd.starved(at)) ++starved;
    if (!crowd.up(at) || crowd.starved(at)) continue;
    ++observers;
    for (const auto& [node, when] : crashed) {
      const Time* since = verdicts.since(at, node);
      if (since == nullptr) {
        ++q.undetected;
      } else {
        q.detection.push_back(std::max(0.0, static_cast<double>((*since - when).nanos()) / 1e9));
      }
    }
  }
  std::sort(q.detection.begin(), q.detection.end());
  const double seconds = static_cast<double>((crowd.now() - began).nanos()) / 1e9;
  const double member_hours = static_cast<double>(observers) * seconds / 3600;
  q.mistakes_per_member_hour = static_cast<double>(verdicts.mistakes) / member_hours;
  q.least_rate = 1 / member_hours;
  if (starved > 0) {
    const double hours = static_cast<double>(starved) * seconds / 3600;
    q.starved_mistakes = static_cast<double>(verdicts.starved_mistakes) / hours;
    q.starved_least = 1 / hours;
  }
  for (const double d : verdicts.lasted) q.mistake_seconds += d / static_cast<double>(verdicts.lasted.size());
  const double running = static_cast<double>(trial.members) - static_cast<double>(crashes) / 2;
  q.messages = static_cast<double>(crowd.messages - messages) / running / seconds;
  q.bytes = static_cast<double>(crowd.bytes - bytes) / running / seconds;
  return q;
}

}  // namespace

const char* name_of(Detector detector) {
  constexpr const char* kNames[] = {"heartbeat", "probe", "phi", "SWIM", "SWIM + Lifeguard"};
  return kNames[static_cast<size_t>(detector)];
}

double Quality::detection_at(double share) const {
  if (detection.empty()) return 0;
  return detection[static_cast<size_t>(share * static_cast<double>(detection.size() - 1) + 0.5)];
}

Quality measure(const Trial& trial) {
  if (trial.detector == Detector::kPhi) return run<PhiDetector>(trial);
  if (trial.detector == Detector::kHeartbeat || trial.detector == Detector::kProbe)
    return run<HeartbeatDetector>(trial);
  return run<Swim>(trial);
}

}  // namespace holdfast::bench
