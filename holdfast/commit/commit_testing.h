// What the tests of distributed commit share: a small world of sites, and the checker of atomic commitment.
//
// The world has one clock, a bag of messages in flight, and for each site a list of records of which a prefix is
// stable. Nothing in it is random: the test chooses every step. sim/ has the world with all faults; this one fits a
// transcript.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/print.h"
#include "holdfast/commit/site.h"
#include "holdfast/host/pump.h"

namespace holdfast::commit {

// Atomic commitment (Bernstein et al., section 7.3), fed by what owners saw and said:
//   AC1  all that decide, decide the same;
//   AC2  a decision is never reversed;
//   AC3  commit only if every participant voted yes.
// AC4 (no failure and all yes: commit) and AC5 (failures heal: everyone decides) are for the test to ask at its end.
class AtomicCommitChecker {
 public:
  void begun(const TxnId& txn, std::vector<NodeId> participants) { txns_[txn].participants = std::move(participants); }
  void answered(NodeId node, const TxnId& txn, bool yes) { txns_[txn].last_answer[node] = yes; }
  void decided(NodeId node, const TxnId& txn, Outcome outcome) {
    Txn& t = txns_[txn];
    const auto [mine, first] = t.outcomes.emplace(node, outcome);
    if (!first && mine->second != outcome) {
      violations.push_back("AC2: " + print(node) + " reversed its decision on " + print(txn));
    }
    for (const auto& [other, theirs] : t.outcomes) {
      if (theirs != outcome && other != node) {
        violations.push_back("AC1: " + print(node) + " and " + print(other) + " decided differently on " + print(txn));
      }
    }
    if (outcome != Outcome::kCommit) return;
    for (const NodeId p : t.participants) {
      const auto answer = t.last_answer.find(p);
      if (answer == t.last_answer.end() || !answer->second) {
        violations.push_back("AC3: " + print(node) + " committed " + print(txn) + " without the vote of " + print(p));
      }
    }
  }
  size_t count(Outcome outcome) const {
    return static_cast<size_t>(std::count_if(txns_.begin(), txns_.end(), [&](const auto& t) {
      return !t.second.outcomes.empty() && t.second.outcomes.begin()->second == outcome;
    }));
  }

  std::vector<std::string> violations;

 private:
  struct Txn {
    std::vector<NodeId> participants;
    std::map<NodeId, bool> last_answer;
    std::map<NodeId, Outcome> outcomes;
  };
  std::map<TxnId, Txn> txns_;
};

// A site that tells a listener every effect of every step.
class ListenedSite {
 public:
  using Out = Site::Out;
  using Listener = std::function<void(const std::string&)>;

  ListenedSite(const Config& config, Listener listener) : site(config), listener_(std::move(listener)) {}

  void replay(StableSeq seq, const SiteRecord& record) {
    site.replay(seq, record);
    if (listener_) listener_("replay " + print(seq) + " " + print(record));
  }
  void start(Time now, Out& out) {
    listen(out, [&] { site.start(now, out); });
  }
  void on_message(Time now, NodeId from, const Wire& wire, Out& out) {
    if (listener_) listener_("receive from " + print(from) + " " + print(wire));
    listen(out, [&] { site.on_message(now, from, wire, out); });
  }
  void on_stable(Time now, StableSeq upto, Out& out) {
    if (listener_) listener_("stable up to " + print(upto));
    listen(out, [&] { site.on_stable(now, upto, out); });
  }
  void on_time(Time now, Out& out) {
    listen(out, [&] { site.on_time(now, out); });
  }
  Time deadline() const { return site.deadline(); }
  void check_invariants() const { site.check_invariants(); }

  template <class Step>
  void listen(Out& out, Step&& step) {
    step();
    site.check_invariants();
    if (!listener_) return;
    const auto after = [](StableSeq s) { return s == StableSeq() ? std::string() : " after " + print(s); };
    for (const auto& p : out.persisted) listener_("  persist " + print(p.seq) + " " + print(p.record));
    for (const auto& s : out.sent) listener_("  send " + print(s.to) + " " + print(s.wire) + after(s.after));
    for (const auto& r : out.raised) listener_("  raise " + print(r.event) + after(r.after));
    if (out.released != StableSeq()) listener_("  release before " + print(out.released));
  }

  Site site;

 private:
  Listener listener_;
};

class SmallWorld {
 public:
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
    void raise(SiteEvent event) { events.push_back(std::move(event)); }
    void blob(BlobRequest) {}

    SmallWorld* world = nullptr;
    NodeId id;
    Config config;
    std::vector<std::pair<StableSeq, Slice>> disk;  // appended and not released
    StableSeq synced;
    std::vector<SiteEvent> events;  // raised, and not yet handled by the owner
    std::unique_ptr<ListenedSite> core;
    std::unique_ptr<host::Pump<ListenedSite, Node>> pump;
  };
  using Listener = std::function<void(NodeId, const std::string&)>;

  explicit SmallWorld(Listener listener = nullptr) : listener_(std::move(listener)) {}

  void add(const Config& config) {
    Node& n = nodes[config.self];
    n.world = this;
    n.id = config.self;
    n.config = config;
    start(n);
  }
  bool up(NodeId id) const { return nodes.at(id).core != nullptr; }
  // Recovery from what is on the disk.
  void start(Node& n) {
    ListenedSite::Listener listener;
    if (listener_) listener = [this, id = n.id](const std::string& what) { listener_(id, what); };
    n.core = std::make_unique<ListenedSite>(n.config, std::move(listener));
    n.pump = std::make_unique<host::Pump<ListenedSite, Node>>(*n.core, n);
    for (const auto& [seq, bytes] : n.disk) ensure(n.pump->replay(seq, bytes).ok(), "what was written is read back");
    if (!n.disk.empty()) n.synced = n.disk.back().first;
    n.pump->start(now);
  }
  // The site forgets everything but its stable records and the first `kept` of those on their way to the disk.
  void crash(Node& n, size_t kept = 0) {
    n.pump.reset();
    n.core.reset();
    n.events.clear();
    while (!n.disk.empty() && n.disk.back().first > n.synced + kept) n.disk.pop_back();
  }
  void sync(Node& n) {
    if (n.core == nullptr || n.disk.empty() || n.disk.back().first <= n.synced) return;
    n.synced = n.disk.back().first;
    n.pump->on_stable(now, n.synced);
  }
  void deliver(size_t i, bool keep = false) {
    const InFlight m = in_flight[i];
    if (!keep) in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(i));
    Node& n = nodes.at(m.to);
    if (n.core == nullptr) return;
    ensure(n.pump->on_message(now, m.from, m.bytes) == host::Received::kDelivered, "what was sent is understood");
  }
  void wait(Duration d) {
    now = now + d;
    for (auto& [id, n] : nodes) {
      if (n.core != nullptr && n.pump->deadline() <= now) n.pump->on_time(now);
    }
  }
  // One input of the owner: step(node, [&](Site& s, Site::Out& out) { s.done(now, txn, out); }).
  template <class Step>
  void step(Node& n, Step&& step) {
    n.pump->step([&](Site::Out& out) { n.core->listen(out, [&] { step(n.core->site, out); }); });
  }

  Time now = Time::at_millis(1000);
  std::map<NodeId, Node> nodes;
  std::vector<InFlight> in_flight;

 private:
  Listener listener_;
};

}  // namespace holdfast::commit
