// For tests: a small world for the cores of one protocol, in which the test chooses every step.
//
// One clock, a bag of messages in flight, and for each node a disk of which a prefix is stable; the pump of production
// between them and the core. Nothing is random. Transcripts are played in it (transcript_testing.h) and random runs
// drawn; the simulator (sim/node.h) has the world with all faults, the explorer (explorer_testing.h) the one with all
// interleavings.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/print.h"
#include "holdfast/host/pump.h"

namespace holdfast::explore {

// A core that tells a listener every input and every effect of it.
template <class CoreT>
class Listened {
 public:
  using Out = typename CoreT::Out;
  using Wire = typename Out::Wire;
  using Record = typename Out::Record;
  using Listener = std::function<void(const std::string&)>;

  Listened(std::unique_ptr<CoreT> made, Listener listener) : core(std::move(made)), listener_(std::move(listener)) {}

  void replay(StableSeq seq, const Record& record) {
    core->replay(seq, record);
    if (listener_) listener_("replay " + print(seq) + " " + print(record));
  }
  void start(Time now, Out& out) {
    listen(out, [&] { core->start(now, out); });
  }
  void on_message(Time now, NodeId from, const Wire& wire, Out& out) {
    if (listener_) listener_("receive from " + print(from) + " " + print(wire));
    listen(out, [&] { core->on_message(now, from, wire, out); });
  }
  void on_stable(Time now, StableSeq upto, Out& out) {
    if (listener_) listener_("stable up to " + print(upto));
    listen(out, [&] { core->on_stable(now, upto, out); });
  }
  void on_time(Time now, Out& out) {
    listen(out, [&] { core->on_time(now, out); });
  }
  Time deadline() const { return core->deadline(); }
  void check_invariants() const { core->check_invariants(); }

  template <class Step>
  void listen(Out& out, Step&& step) {
    step();
    core->check_invariants();
    if (!listener_) return;
    const auto after = [](StableSeq s) { return s == StableSeq() ? std::string() : " after " + print(s); };
    for (const auto& p : out.persisted) listener_("  persist " + print(p.seq) + " " + print(p.record));
    for (const auto& s : out.sent) listener_("  send " + print(s.to) + " " + print(s.wire) + after(s.after));
    for (const auto& r : out.raised) listener_("  raise " + print(r.event) + after(r.after));
    if (out.released != StableSeq()) listener_("  release before " + print(out.released));
  }

  std::unique_ptr<CoreT> core;

 private:
  Listener listener_;
};

template <class CoreT>
class SmallWorld {
 public:
  using Core = CoreT;
  using Out = typename Core::Out;
  using Event = typename Out::Event;
  using Make = std::function<std::unique_ptr<Core>(NodeId)>;
  using Listener = std::function<void(NodeId, const std::string&)>;

  struct InFlight {
    NodeId from, to;
    Slice bytes;
  };
  struct Node {
    // The pump's platform.
    void append(StableSeq seq, Chain record) { disk.emplace_back(seq, record.flatten()); }
    void release(StableSeq first) {
      while (!disk.empty() && disk.front().first < first) disk.erase(disk.begin());
    }
    void transmit(NodeId to, Chain message) { world->in_flight.push_back({id, to, message.flatten()}); }
    void raise(Event event) { events.push_back(std::move(event)); }
    void blob(BlobRequest) {}

    bool up() const { return listened != nullptr; }
    Core& core() { return *listened->core; }
    const Core& core() const { return *listened->core; }

    SmallWorld* world = nullptr;
    NodeId id;
    std::vector<std::pair<StableSeq, Slice>> disk;  // appended and not released
    StableSeq synced;
    std::vector<Event> events;  // raised in all its lives, oldest first; the test may take them away
    std::unique_ptr<Listened<Core>> listened;
    std::unique_ptr<host::Pump<Listened<Core>, Node>> pump;
  };

  explicit SmallWorld(Make make, Listener listener = nullptr)
      : make_(std::move(make)), listener_(std::move(listener)) {}
  SmallWorld(const SmallWorld&) = delete;
  SmallWorld& operator=(const SmallWorld&) = delete;

  void add(NodeId id) {
    Node& n = nodes[id];
    n.world = this;
    n.id = id;
    start(n);
  }
  Node& at(NodeId id) { return nodes.at(id); }
  bool up(NodeId id) const { return nodes.at(id).up(); }

  // Recovery from what is on the disk.
  void start(Node& n) {
    typename Listened<Core>::Listener listener;
    if (listener_) listener = [this, id = n.id](const std::string& what) { listener_(id, what); };
    n.listened = std::make_unique<Listened<Core>>(make_(n.id), std::move(listener));
    n.pump = std::make_unique<host::Pump<Listened<Core>, Node>>(*n.listened, n);
    for (const auto& [seq, bytes] : n.disk) ensure(n.pump->replay(seq, bytes).ok(), "what was written is read back");
    if (!n.disk.empty()) n.synced = n.disk.back().first;
    n.pump->start(now);
  }
  // The node forgets everything but its stable records and the first `kept` of those on their way to the disk.
  void crash(Node& n, size_t kept = 0) {
    n.pump.reset();
    n.listened.reset();
    while (!n.disk.empty() && n.disk.back().first > n.synced + kept) n.disk.pop_back();
  }
  bool dirty(const Node& n) const { return n.up() && !n.disk.empty() && n.disk.back().first > n.synced; }
  void sync(Node& n) {
    if (!dirty(n)) return;
    n.synced = n.disk.back().first;
    n.pump->on_stable(now, n.synced);
  }
  // Delivers the i-th message in flight; with `keep` it stays in flight, to be delivered once more.
  void deliver(size_t i, bool keep = false) {
    const InFlight m = in_flight[i];
    if (!keep) lose(i);
    const auto to = nodes.find(m.to);
    if (to == nodes.end() || !to->second.up()) return;
    ensure(to->second.pump->on_message(now, m.from, m.bytes) == host::Received::kDelivered,
           "what was sent is understood");
  }
  void lose(size_t i) { in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(i)); }
  void wait(Duration d) {
    now = now + d;
    for (auto& [id, n] : nodes) {
      if (n.up() && n.pump->deadline() <= now) n.pump->on_time(now);
    }
  }
  // One input of the owner: step(node, [&](Core& core, Out& out) { core.propose(now, value, out); }).
  template <class Step>
  void step(Node& n, Step&& step) {
    n.pump->step([&](Out& out) { n.listened->listen(out, [&] { step(n.core(), out); }); });
  }
  // Syncs and delivers until nothing moves, in the order of sending; at most `steps` messages. True: nothing moves.
  bool settle(size_t steps = 100'000) {
    for (;;) {
      bool moved = false;
      for (auto& [id, n] : nodes) {
        moved = moved || dirty(n);
        sync(n);
      }
      if (in_flight.empty() && !moved) return true;
      if (in_flight.empty()) continue;
      if (steps-- == 0) return false;
      deliver(0);
    }
  }

  Time now = Time::at_millis(1000);
  std::map<NodeId, Node> nodes;
  std::vector<InFlight> in_flight;

 private:
  Make make_;
  Listener listener_;
};

}  // namespace holdfast::explore
