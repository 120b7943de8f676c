// For tests: flooding consensus in the simulated world. Everything is drawn from one seed: who proposes when, who
// crashes where, who is paused or slow, which clocks drift and which disks stall.
//
// Whether the promises may be demanded of a run follows from what the protocol declares (flooding/tolerance.h). Above
// that, messages may be lost, or the detector may take a living process for a crashed one.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/consensus/flooding/flooding.h"
#include "holdfast/consensus/flooding/tolerance.h"
#include "holdfast/sim/node.h"

namespace holdfast::flooding {

enum class Beyond { kNothing, kLoss, kFalseNotice };

class SimulatedFlooding {
 public:
  explicit SimulatedFlooding(uint64_t seed, Agreement agreement, Beyond beyond = Beyond::kNothing)
      : world(seed),
        agreement_(agreement),
        net_(world, Duration::micros(100), kSlowest),
        random_(world.stream("flooding load")) {
    for (uint64_t i = 2 + random_.below(5); i > 0; --i) group_.push_back(NodeId(group_.size() + 1));
    for (const NodeId id : group_) add(id);
    for (auto& n : nodes_) n->start();
    for (auto& n : nodes_) {
      world.at(Time::at_millis(random_.between(0, 60)), [this, node = n.get()] { propose(*node); });
    }
    plan_crashes();
    plan_delays();
    if (beyond == Beyond::kLoss) lose();
    if (beyond == Beyond::kFalseNotice) accuse();
  }

  // What may be demanded, by the protocol's own declaration.
  Budget budget() const { return judge(tolerance(), group_.size(), strikes_); }
  // The first broken promise; empty: none.
  std::string run() {
    world.run_until(Time::at_millis(3'000));
    if (world.violated()) return world.violations().front().explanation;
    std::set<Slice> choices;
    for (auto& n : nodes_) {
      const bool correct = !crashed_.contains(n->id());
      const auto chosen = chosen_.find(n->id());
      if (correct && chosen == chosen_.end()) return "termination: " + print(n->id()) + " has not decided";
      if (chosen != chosen_.end() && (correct || agreement_ == Agreement::kUniform)) choices.insert(chosen->second);
    }
    if (choices.size() > 1) return "agreement: " + print(*choices.begin()) + " and " + print(*choices.rbegin());
    return "";
  }
  size_t crashes() const { return crashed_.size(); }

  sim::World world;

 private:
  using Node = sim::SimNode<Flooding>;
  static constexpr Duration kSlowest = Duration::millis(3);
  // Later than the last message of whoever crashed.
  static constexpr Duration kNotice = Duration::millis(10);

  void add(NodeId id) {
    auto storage = std::make_unique<sim::MemoryStorage>(world.stream("flooding disk", id.value()));
    nodes_.push_back(std::make_unique<Node>(
        world, net_, id,
        [this](const sim::NodeStart& start) {
          return std::make_unique<Flooding>(Config{start.self, group_, agreement_, group_.front()});
        },
        [this, id](const Event& e) { on_event(id, e); }, std::move(storage)));
    nodes_.back()->set_supervisor([this](sim::Process& p, bool) { fell(p); });
  }
  void on_event(NodeId who, const Event& e) {
    const auto* chosen = std::get_if<Chosen>(&e);
    if (chosen == nullptr) return;
    if (falls_when_it_decides_.contains(who)) nodes_[who.value() - 1]->crash("crash");
    const Slice& value = chosen->choice.value;
    if (!proposed_.contains(value)) world.violate("ONE", "validity: nobody proposed " + print(value));
    if (!chosen_.emplace(who, value).second) world.violate("ONE", "integrity: " + print(who) + " decided twice");
  }
  void propose(Node& n) {
    const Slice value = Slice::copy_of("v" + std::to_string(n.id().value()));
    proposed_.insert(value);
    n.input([value](Flooding& f, Time now, Out& out) { (void)f.propose(now, value, out); });
  }
  // The perfect detector: everybody else is told, once nothing of the crashed one is under way. It may come back, and
  // must then be silent.
  void fell(sim::Process& process) {
    if (!crashed_.insert(process.id()).second) return;
    // What it said last is lost to some, also what had left it.
    if (const uint64_t deaf = random_.chance(1, 2) ? random_.next() : 0; deaf != 0) {
      net_.add_fault(
          [=, gone = process.id()](NodeId from, NodeId to) { return from == gone && (deaf >> to.value() & 1); },
          {.cut = true});
    }
    for (auto& n : nodes_) {
      if (n->id() == process.id()) continue;
      world.after(kNotice + Duration::millis(random_.between(0, 30)),
                  [node = n.get(), gone = process.id()] { notify(*node, gone); });
    }
    if (random_.chance(1, 2)) return;
    world.after(Duration::millis(random_.between(1, 200)), [&process] {
      if (!process.up()) process.start();
    });
  }
  static void notify(Node& node, NodeId gone) {
    node.input([gone](Flooding& f, Time now, Out& out) { f.on_crash(now, gone, out); });
  }
  using Out = Flooding::Out;

  Node& any() { return *nodes_[random_.below(nodes_.size())]; }
  void plan_crashes() {
    const uint64_t most = random_.below(group_.size() + 1);
    std::set<NodeId> victims;
    for (uint64_t i = 0; i < most; ++i) victims.insert(any().id());
    if (victims.size() == group_.size()) victims.erase(victims.begin());
    for (const NodeId id : victims) {
      Node& n = *nodes_[id.value() - 1];
      strikes_.push_back(
          {"crash", {Component::kProcess, FailureClass::kFailStop, Persistence::kPermanent}, {id.value() - 1}});
      if (random_.chance(1, 4)) {
        world.at(Time::at_millis(random_.between(0, 120)), [&n] { n.crash("crash"); });
        continue;
      }
      if (random_.chance(1, 4)) {
        falls_when_it_decides_.insert(id);
        continue;
      }
      // In the middle of a step: part of what it says there is lost.
      const auto point = random_.chance(1, 2) ? sim::Failpoint::kSend : static_cast<sim::Failpoint>(random_.below(7));
      n.arm_failpoint(point, 1 + random_.below(12));
    }
  }
  // What hurts nobody: it is waited for.
  void plan_delays() {
    for (uint64_t i = random_.below(4); i > 0; --i) {
      Node& n = any();
      const Time start = Time::at_millis(random_.between(0, 100));
      const Time end = start + Duration::millis(random_.between(1, 300));
      switch (random_.below(3)) {
        case 0:
          world.at(start, [&n] { n.pause(); });
          world.at(end, [&n] { n.resume(); });
          break;
        case 1:
          world.at(start, [&n, end] { n.stall_disk(end); });
          break;
        default:
          world.at(start, [&n, rate = random_.between(200'000, 3'000'000)] { n.set_clock_rate(rate); });
      }
    }
  }
  void lose() {
    net_.add_fault([](NodeId, NodeId) { return true; }, {.loss = 100});
    strikes_.push_back(
        {"loss", {Component::kChannel, FailureClass::kOmission, Persistence::kIntermittent}, {}, group_.size()});
  }
  void accuse() {
    const NodeId victim = any().id();
    strikes_.push_back({"false notice",
                        {Component::kProcess, FailureClass::kFailNoisy, Persistence::kTransient},
                        {victim.value() - 1}});
    for (auto& n : nodes_) {
      if (n->id() == victim) continue;
      world.at(Time::at_millis(random_.between(0, 100)), [node = n.get(), victim] { notify(*node, victim); });
    }
  }

  Agreement agreement_;
  sim::Net net_;
  Random random_;
  std::vector<NodeId> group_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Strike> strikes_;
  std::set<NodeId> crashed_, falls_when_it_decides_;
  std::set<Slice> proposed_;
  std::map<NodeId, Slice> chosen_;
};

}  // namespace holdfast::flooding
