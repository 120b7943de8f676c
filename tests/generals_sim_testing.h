// For tests: the Byzantine generals in the simulated world, with oral and with signed messages. Everything is drawn
// from one seed: who is faulty and how (it crashes, omits, or lies, and conspires with the other traitors), what it
// says when, how clocks drift, and how exactly the battle begins at the same time.
//
// Whether the promises may be demanded of a run follows from what the protocol declares (generals/tolerance.h). Above
// that there is one traitor more, or messages between loyal generals are lost or late.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/consensus/generals/generals_testing.h"
#include "holdfast/consensus/generals/tolerance.h"
#include "holdfast/sim/node.h"

namespace holdfast::generals {

enum class Beyond { kNothing, kOneMore, kLoss, kLate };
enum class Fault { kNone, kCrash, kOmission, kLies };

// What the traitors of a battle know of each other.
struct Conspiracy {
  std::vector<NodeId> everybody;
  std::set<NodeId> traitors;
  uint32_t rounds = 0;
};

// A general, or a traitor that runs the protocol and says something else besides.
template <class General>
class Soldier {
 public:
  using Out = typename General::Out;
  using Wire = typename Out::Wire;

  Soldier(std::unique_ptr<General> general, NodeId self, Fault fault, const Conspiracy& plot, uint64_t seed)
      : general_(std::move(general)), self_(self), fault_(fault), plot_(plot), random_(seed) {
    silence_ = random_.below(8);
    inventions_ = random_.chance(1, 2) ? 1 + random_.below(3) : 1'000;
  }

  void replay(StableSeq, const Record&) {}
  // Some lie from the beginning, others seem loyal until late.
  void start(Time now, Out&) {
    if (fault_ != Fault::kLies) return;
    next_ = now + Duration::micros(random_.chance(1, 3) ? 0 : random_.between(0, plot_.rounds * 20'000 + 4'000));
    lies_from_ = next_;
  }
  void on_message(Time now, NodeId from, const Wire& wire, Out& out) {
    heard_.push_back(wire);
    general_->on_message(now, from, wire, out);
    betray(now, out);
  }
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out) {
    general_->on_time(now, out);
    betray(now, out);
    if (fault_ != Fault::kLies || now < next_) return;
    next_ = --inventions_ == 0 ? Time::never() : now + Duration::micros(random_.between(500, 8'000));
    invent(out);
  }
  Time deadline() const {
    return fault_ == Fault::kLies ? std::min(next_, general_->deadline()) : general_->deadline();
  }
  void check_invariants() const { general_->check_invariants(); }
  void begin(Time now, Order order, Out& out) {
    general_->begin(now, order, out);
    betray(now, out);
  }

 private:
  Order any_order() { return random_.chance(1, 2) ? Order::kAttack : Order::kRetreat; }
  NodeId anybody() { return plot_.everybody[random_.below(plot_.everybody.size())]; }

  void betray(Time now, Out& out) {
    if (fault_ == Fault::kLies && now < lies_from_) return;
    if (fault_ == Fault::kOmission || fault_ == Fault::kLies) {
      std::erase_if(out.sent, [this](const auto&) { return random_.below(10) < silence_; });
    }
    if (fault_ != Fault::kLies) return;
    for (auto& s : out.sent) twist(s.wire);
  }
  void twist(Wire& wire) {
    if constexpr (std::is_same_v<General, OralGeneral>) {
      if (random_.chance(2, 3)) std::get<Oral>(wire).order = any_order();
    } else if (self_ == kCommander && random_.chance(2, 3)) {
      wire = written(0, any_order(), {kCommander}, plot_.traitors, self_);
    }
  }
  // Something that the protocol would not have it say now: over any others, or all the traitors at once.
  void invent(Out& out) {
    const NodeId to = anybody();
    if (to == self_) return;
    if constexpr (std::is_same_v<General, OralGeneral>) {
      out.send(to, Oral{chain(/*traitors_only=*/false), any_order()});
    } else if (!heard_.empty() && random_.chance(1, 3)) {
      // What it heard, with its own signature behind, late, and for one only.
      Written m = std::get<Written>(heard_[random_.below(heard_.size())]);
      Path signers;
      for (const Signing& s : m.chain) signers.push_back(s.signer);
      signers.push_back(self_);
      m.chain.push_back({self_, identity_of(self_).sign(statement(0, m.order, signers))});
      out.send(to, m);
    } else {
      // Whose keys the traitors do not have, they sign for with their own.
      const bool forge = random_.chance(1, 3);
      out.send(to, written(0, any_order(), chain(!forge), plot_.traitors, self_));
    }
  }
  // From the commander to this one.
  Path chain(bool traitors_only) {
    Path path;
    if (self_ != kCommander) path.push_back(kCommander);
    for (uint64_t most = random_.below(plot_.rounds + 1); path.size() < most;) {
      const NodeId next = anybody();
      if (next == self_ || next == kCommander || std::count(path.begin(), path.end(), next) > 0) break;
      if (traitors_only && !plot_.traitors.contains(next)) break;
      path.push_back(next);
    }
    path.push_back(self_);
    return path;
  }

  std::unique_ptr<General> general_;
  NodeId self_;
  Fault fault_;
  const Conspiracy& plot_;
  Random random_;
  uint64_t silence_;  // of ten messages
  uint64_t inventions_;
  Time lies_from_, next_ = Time::never();
  std::vector<Wire> heard_;
};

template <class General>
class SimulatedBattle {
 public:
  static constexpr bool kOral = std::is_same_v<General, OralGeneral>;

  explicit SimulatedBattle(uint64_t seed, Beyond beyond = Beyond::kNothing)
      : world(seed), net_(world, Duration::micros(100), Duration::millis(3)), random_(world.stream("generals load")) {
    const uint64_t n = kOral ? 4 + random_.below(4) : 3 + random_.below(3);
    most_ = tolerated(kOral ? Bound::kThird : Bound::kAllButTwo, n);
    plot_.everybody = generals_of(n);
    plot_.rounds = static_cast<uint32_t>(most_) + 1;
    const size_t faulty = beyond == Beyond::kOneMore ? most_ + 1 : random_.below(most_ + 1);
    while (faults_.size() < faulty) choose_fault();
    order_ = random_.chance(1, 2) ? Order::kAttack : Order::kRetreat;
    for (const NodeId id : plot_.everybody) add(id);
    for (auto& node : nodes_) node->start();
    for (auto& node : nodes_) prepare(*node);
    if (beyond == Beyond::kLoss || beyond == Beyond::kLate) disturb(beyond);
  }

  Budget budget() const {
    return judge(kOral ? oral_tolerance() : written_tolerance(), plot_.everybody.size(), strikes_);
  }
  // The first broken promise; empty: none.
  std::string run() {
    world.run_until(Time::at_millis(500));
    if (world.violated()) return world.violations().front().explanation;
    Outcome outcome;
    for (const NodeId id : plot_.everybody) {
      if (id == kCommander || faults_.contains(id)) continue;
      const auto obeyed = obeyed_.find(id);
      if (obeyed == obeyed_.end()) return "termination: " + print(id) + " obeys nothing";
      outcome.obeyed.insert(*obeyed);
    }
    return broken_promise(outcome, !faults_.contains(kCommander), order_);
  }
  size_t faulty() const { return faults_.size(); }

  sim::World world;

 private:
  using Core = Soldier<General>;
  using Node = sim::SimNode<Core>;
  static constexpr Duration kRound = Duration::millis(20);

  void choose_fault() {
    const NodeId id(1 + random_.below(plot_.everybody.size()));
    if (faults_.contains(id)) return;
    const Fault fault = static_cast<Fault>(1 + std::min<uint64_t>(random_.below(5), 2));
    faults_[id] = fault;
    if (fault == Fault::kLies) plot_.traitors.insert(id);
    const FailureClass what = fault == Fault::kCrash      ? FailureClass::kCrash
                              : fault == Fault::kOmission ? FailureClass::kOmission
                                                          : FailureClass::kFailArbitrary;
    strikes_.push_back({"traitor", {Component::kProcess, what, Persistence::kPermanent}, {id.value() - 1}});
  }
  Fault fault_of(NodeId id) const {
    const auto fault = faults_.find(id);
    return fault == faults_.end() ? Fault::kNone : fault->second;
  }
  std::unique_ptr<General> general(NodeId id) const {
    Config config{.self = id, .generals = plot_.everybody, .traitors = static_cast<uint32_t>(most_), .round = kRound};
    if constexpr (kOral) {
      return std::make_unique<OralGeneral>(config);
    } else {
      std::map<NodeId, crypto::PublicKey> keys;
      for (const NodeId g : plot_.everybody) keys.emplace(g, identity_of(g).public_key());
      return std::make_unique<WrittenGeneral>(config, identity_of(id), keys);
    }
  }
  void add(NodeId id) {
    auto storage = std::make_unique<sim::MemoryStorage>(world.stream("generals disk", id.value()));
    nodes_.push_back(std::make_unique<Node>(
        world, net_, id,
        [this](const sim::NodeStart& start) {
          return std::make_unique<Core>(general(start.self), start.self, fault_of(start.self), plot_, start.seed);
        },
        [this, id](const Event& e) {
          const Order order = std::get<Obeyed>(e).order;
          if (!obeyed_.emplace(id, order).second) world.violate("ONE", "integrity: " + print(id) + " obeys twice");
        },
        std::move(storage)));
  }
  // The battle begins at everybody at about the same time, by clocks that are about right.
  void prepare(Node& node) {
    node.set_clock_rate(random_.between(990'000, 1'010'000));
    world.at(Time::at_nanos(random_.between(1'000'000, 4'000'000)), [this, &node] {
      node.input([order = order_](Core& c, Time now, typename Core::Out& out) { c.begin(now, order, out); });
    });
    if (fault_of(node.id()) == Fault::kCrash) {
      node.arm_failpoint(sim::Failpoint::kSend, 1 + random_.below(8));
      world.at(Time::at_millis(random_.between(1, 80)), [&node] { node.crash("crash"); });
    }
  }
  void disturb(Beyond beyond) {
    sim::LinkEffect effect;
    if (beyond == Beyond::kLoss) effect.loss = 500;
    if (beyond == Beyond::kLate) effect.jitter = kRound * 3;
    net_.add_fault([](NodeId, NodeId) { return true; }, effect);
    const FailureClass what = beyond == Beyond::kLoss ? FailureClass::kOmission : FailureClass::kLate;
    strikes_.push_back({"link", {Component::kChannel, what, Persistence::kIntermittent}, {}, plot_.everybody.size()});
  }

  sim::Net net_;
  Random random_;
  size_t most_ = 0;
  Conspiracy plot_;
  std::map<NodeId, Fault> faults_;
  std::vector<Strike> strikes_;
  Order order_ = kDefaultOrder;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<NodeId, Order> obeyed_;
};

}  // namespace holdfast::generals
