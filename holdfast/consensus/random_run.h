// For tests: one random run of a small cluster, in virtual time, under a network that loses, repeats, delays, reorders
// and cuts; members that crash and lose what was not stable; clocks that drift within the bound; snapshots and
// membership changes at any time. Everything is drawn from one seed.
//
// After every step the run is compared with what the engine promises (the Oracle).
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/print.h"
#include "holdfast/consensus/random_links.h"
#include "holdfast/consensus/random_liveness.h"
#include "holdfast/consensus/random_plan.h"
#include "holdfast/consensus/types.h"

namespace holdfast::consensus {

// Member: an engine's TestMember. Oracle: what the engine promises, checked from outside on messages, records and
// events.
template <class Member, class Oracle>
class RandomRun {
  using Message = typename Member::Message;
  using Record = typename Member::Record;
  using Out = typename Member::Out;

 public:
  explicit RandomRun(uint64_t seed) : random_(seed), plan_(random_) {
    std::vector<NodeId> voters;
    for (int i = 1; i <= plan_.voters; ++i) voters.push_back(NodeId(static_cast<uint64_t>(i)));
    const uint64_t pool = voters.size() + (plan_.changes ? 2 : 0);
    for (uint64_t i = 1; i <= pool; ++i) {
      const NodeId id(i);
      Config config{.self = id,
                    .seed = random_.next(),
                    .heartbeat_interval = Duration::millis(10),
                    .election_timeout = Duration::millis(100),
                    .read_mode = plan_.lease ? ReadMode::kLease : ReadMode::kQuorum,
                    .max_append_bytes = plan_.one_by_one ? 1u : 200u,
                    .max_inflight_bytes = 1000,
                    .max_inflight_messages = 4,
                    .snapshot_chunk_bytes = 64,
                    .catch_up_entries = random_.below(8)};
      typename Member::Hooks hooks;
      hooks.transmit = [this, id](NodeId to, const Message& m) { transmit(id, to, m); };
      hooks.raise = [this, id](const Event& e) { raised(id, e); };
      hooks.persisted = [this, id](StableSeq, const Record& r) { oracle_.writes(*nodes_.at(id).member, r); };
      Node& node = nodes_[id];
      const bool belongs = i <= voters.size();
      node.member = std::make_unique<Member>(config, belongs ? Membership{.voters = voters} : Membership{}, hooks);
      start(node);
    }
  }

  // The first violation; empty when all went well.
  std::string run(Duration faults = Duration::millis(1500)) {
    schedule_faults();
    run_until(now_ + (plan_.leaders_fall ? faults * 3 : faults));
    if (!oracle_.violation().empty()) return oracle_.violation();
    heal();
    run_until(now_ + Duration::millis(1000));
    rises_ = 0;
    run_until(now_ + Duration::millis(500));
    if (!oracle_.violation().empty()) return oracle_.violation();
    return missing_progress(nodes_, cut_, rises_, committed_at_healing_);
  }
  std::function<void(const std::string&)> trace;  // is told every message as it arrives
  size_t steps() const { return steps_; }
  Index committed() const { return oracle_.committed(); }
  size_t reads_answered() const { return reads_answered_; }

 private:
  struct Node {
    std::unique_ptr<Member> member;
    int64_t offset = 0, drift_ppm = 0;  // of its clock
    uint64_t life = 0;
    Time armed = Time::never();
    bool syncing = false, working = false, leads = false;
    std::map<uint64_t, Index> reads;  // token: what it must see
  };

  // --- Time ---
  Time clock(const Node& n) const {
    return Time::at_nanos(n.offset + now_.nanos() + now_.nanos() / 1'000'000 * n.drift_ppm);
  }
  Duration real(const Node& n, Duration local) const {
    return Duration::nanos(local.nanos() / (1'000'000 + n.drift_ppm) * 1'000'000 + 2'000'000);
  }
  void at(Time when, std::function<void()> what) { agenda_.emplace(std::pair(when, ++events_), std::move(what)); }
  void in(int64_t low_us, int64_t high_us, std::function<void()> what) {
    at(now_ + Duration::micros(random_.between(low_us, high_us)), std::move(what));
  }
  void run_until(Time end) {
    while (!agenda_.empty() && agenda_.begin()->first.first <= end && oracle_.violation().empty()) {
      now_ = agenda_.begin()->first.first;
      auto what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
      ++steps_;
    }
    now_ = end;
  }

  // --- Members ---
  void start(Node& n) {
    ++n.life;
    n.offset = random_.between(0, 1'000'000'000'000);
    n.drift_ppm = random_.between(-47'000, 47'000);
    n.armed = Time::never();
    n.syncing = n.working = n.leads = false;
    n.reads.clear();
    oracle_.restarts(*n.member);
    n.member->start(clock(n));
    after(n);
  }
  void crash(Node& n) {
    if (n.member->up()) n.member->crash(random_.below(4));
    ++n.life;
  }
  // After every step: what the member wants next.
  void after(Node& n) {
    Member& m = *n.member;
    oracle_.steps(m);
    const bool led = std::exchange(n.leads, m.core().role() == Role::kLeader);
    if (n.leads && !led) ++rises_;
    if (plan_.leaders_fall && !healed_ && n.leads && !led && random_.chance(4, 5)) {
      in(0, plan_.slow ? 60'000 : 6'000, [this] { fell_a_leader(); });
    }
    const auto later = [this, &n, life = n.life](auto what) {
      return [this, &n, life, what] {
        if (n.life != life || !n.member->up()) return;
        what();
        if (n.member->up()) after(n);
      };
    };
    if (m.dirty() && !n.syncing) {
      n.syncing = true;
      in(100, healed_ ? 1000 : plan_.disk_ms * 1000, later([this, &n] {
           n.syncing = false;
           n.member->sync(clock(n), plan_.synced_one_by_one ? 1 : 1 + random_.below(8));
           if (plan_.edge_crashes && !healed_ && random_.chance(1, 12)) crash_and_restart(n, 20'000);
         }));
    }
    if (m.has_blob_work() && !n.working) {
      n.working = true;
      in(50, healed_ ? 500 : 5000, later([this, &n] {
           n.working = false;
           n.member->work_blobs(clock(n));
         }));
    }
    const Time deadline = m.core().deadline();
    if (deadline == Time::never() || (n.armed != Time::never() && n.armed <= deadline)) return;
    n.armed = deadline;
    const Duration wait = std::max(Duration{}, deadline - clock(n));
    at(now_ + real(n, wait), later([this, &n] {
         n.armed = Time::never();
         n.member->tick(clock(n));
       }));
  }
  template <class F>
  void step(Node& n, F&& f) {
    n.member->step(f);
    after(n);
  }

  // --- Network ---
  void transmit(NodeId from, NodeId to, const Message& m) {
    oracle_.sends(from, to, m);
    if (!nodes_.contains(to)) return;
    if (!healed_ && (cut_.contains({from, to}) || random_.chance(plan_.loss, 100))) return;
    const int copies = !healed_ && random_.chance(plan_.repeat, 100) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const bool late = !healed_ && random_.chance(plan_.late, 100);
      in(200,
         late                     ? 300'000
         : plan_.slow && !healed_ ? 50'000
                                  : 3'000,
         [this, from, to, m] {
           Node& n = nodes_.at(to);
           if (!n.member->up() || cut_.contains({from, to})) return;
           if (trace) {
             trace(absl::StrCat(print(now_), " ", print(from), " to ", print(to), ": ", print(m)));
           }
           n.member->receive(clock(n), from, m);
           after(n);
         });
    }
  }

  // --- The owner ---
  void raised(NodeId id, const Event& event) {
    Node& n = nodes_.at(id);
    if (const auto* committed = std::get_if<Committed>(&event)) oracle_.applies(id, *committed);
    if (const auto* ready = std::get_if<ReadReady>(&event)) {
      const auto read = n.reads.find(ready->token);
      if (read == n.reads.end()) return oracle_.fail("a read was answered twice");
      oracle_.read(read->second, ready->index);
      n.reads.erase(read);
      ++reads_answered_;
    }
    if (const auto* failed = std::get_if<ReadFailed>(&event)) n.reads.erase(failed->token);
  }
  Node& any() {
    auto it = nodes_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(random_.below(nodes_.size())));
    return it->second;
  }
  Node* any_leader() {
    std::vector<Node*> leaders;
    for (auto& [id, n] : nodes_) {
      if (n.member->up() && n.member->core().role() == Role::kLeader) leaders.push_back(&n);
    }
    return leaders.empty() ? nullptr : leaders[random_.below(leaders.size())];
  }
  void propose() {
    Node* n = any_leader();
    if (n == nullptr) return;
    std::vector<Slice> commands;
    for (uint64_t i = random_.below(3) + 1; i > 0; --i)
      commands.push_back(Slice::copy_of(absl::StrCat("v", ++values_)));
    step(*n, [&](Out& out) { (void)n->member->core().propose(clock(*n), std::move(commands), out); });
  }
  void read() {
    Node* n = random_.chance(1, 2) ? any_leader() : &any();
    if (n == nullptr || !n->member->up()) return;
    const uint64_t token = ++tokens_;
    n->reads[token] = oracle_.committed();
    step(*n, [&](Out& out) { n->member->core().read_index(clock(*n), token, out); });
  }
  void change() {
    Node* n = any_leader();
    if (n == nullptr) return;
    std::vector<Change> changes;
    if (plan_.churn) {
      const Membership& m = n->member->core().membership();
      const bool shrink = m.voters.size() >= 4;
      const NodeId node(1 + random_.below(nodes_.size()));
      if (m.is_voter(node) != shrink) return;
      changes.push_back({shrink ? ChangeKind::kRemove : ChangeKind::kAddVoter, node});
      step(*n, [&](Out& out) { (void)n->member->core().change_membership(clock(*n), changes, Slice(), out); });
      return;
    }
    for (uint64_t i = random_.below(6) == 0 ? 2 : 1; i > 0; --i) {
      const auto kind = static_cast<ChangeKind>(random_.below(4));
      changes.push_back({kind, NodeId(1 + random_.below(nodes_.size()))});
    }
    step(*n, [&](Out& out) { (void)n->member->core().change_membership(clock(*n), changes, Slice(), out); });
  }
  void repeat(int64_t low_us, int64_t high_us, void (RandomRun::*what)()) {
    in(low_us, high_us, [this, low_us, high_us, what] {
      (this->*what)();
      repeat(low_us, high_us, what);
    });
  }
  void fault_repeat(int64_t low_us, int64_t high_us, std::function<void()> what) {
    in(low_us, high_us, [this, low_us, high_us, what] {
      if (healed_) return;
      what();
      fault_repeat(low_us, high_us, what);
    });
  }
  void schedule_faults() {
    repeat(1'000, plan_.frays ? 400'000 : 30'000, &RandomRun::propose);
    repeat(1'000, 20'000, &RandomRun::read);
    if (plan_.crashes) fault_repeat(20'000, 400'000, [this] { crash_and_restart(any()); });
    if (plan_.power_losses) {
      fault_repeat(100'000, 900'000, [this] {
        for (auto& [id, n] : nodes_) {
          if (random_.chance(4, 5)) crash_and_restart(n);
        }
      });
    }
    if (plan_.cuts) fault_repeat(50'000, plan_.churn ? 150'000 : 500'000, [this] { cut(); });
    if (plan_.changes) {
      fault_repeat(plan_.eager_changes ? 500 : 20'000, plan_.eager_changes ? 5'000 : 200'000, [this] { change(); });
    }
    if (plan_.snapshots) {
      fault_repeat(10'000, 200'000, [this] {
        Node& n = any();
        if (!n.member->up()) return;
        n.member->take_snapshot(clock(n));
        n.member->release();
        after(n);
      });
    }
    if (plan_.leaders_fall) fault_repeat(5'000, 300'000, [this] { fell_a_leader(); });
    if (plan_.frays) fault_repeat(250'000, 600'000, [this] { fray(); });
    if (plan_.transfers) {
      fault_repeat(50'000, 400'000, [this] {
        if (Node* n = any_leader()) transfer(*n, NodeId{});
      });
    }
    if (plan_.lost_heirs) fault_repeat(200'000, 600'000, [this] { lose_an_heir(); });
  }
  void crash_and_restart(Node& n, int64_t longest_us = 150'000) {
    crash(n);
    in(1'000, longest_us, [this, &n] {
      if (!n.member->up()) start(n);
    });
  }
  // What makes terms short and logs differ: the leader of the day crashes, or is parted from most for a while.
  void fell_a_leader() {
    Node* leader = any_leader();
    if (leader == nullptr) return;
    if (random_.chance(1, 3)) return crash_and_restart(*leader);
    std::set<NodeId> with_it = {leader->member->id()};
    const uint64_t spared = random_.below(3);  // of four
    for (auto& [other, n] : nodes_) {
      if (random_.chance(spared, 4)) with_it.insert(other);
    }
    cut_for(between(nodes_.size(), [&](NodeId id) { return with_it.contains(id); }), 400'000);
  }
  void transfer(Node& from, NodeId to) {
    step(from, [&](Out& out) { (void)from.member->core().transfer_leadership(clock(from), to, out); });
  }
  // The leader hands over, and is restarted; its heir is cut off until another leads, and then from that one only, which
  // soon hears nobody.
  void lose_an_heir() {
    Node* leader = any_leader();
    const NodeId heir = any().member->id();
    if (leader == nullptr || leader->member->id() == heir) return;
    transfer(*leader, heir);
    in(2'000, 8'000, [this, leader, heir] {
      cut_for(between(nodes_.size(), [&](NodeId id) { return id == heir; }), 400'000);
      crash_and_restart(*leader, 5'000);
      await_another(heir, cuts_);
    });
  }
  void await_another(NodeId heir, uint64_t cut) {
    in(1'000, 10'000, [this, heir, cut] {
      if (cuts_ != cut) return;
      const Node* leader = any_leader();
      if (leader == nullptr || leader->member->id() == heir) return await_another(heir, cut);
      const NodeId l = leader->member->id();
      cut_.clear();
      add_both(cut_, l, heir);
      in(1'000, 20'000, [this, l, cut] {
        if (cuts_ == cut) cut_ = between(nodes_.size(), [&](NodeId id) { return id == l; });
      });
    });
  }
  // Parts the members in two, in one direction or both, for a while.
  void cut() {
    const uint64_t side = random_.next();
    const bool one_way = random_.chance(1, 4);
    Links cut = between(
        nodes_.size(), [&](NodeId id) { return ((side >> id.value()) & 1) != 0; }, one_way);
    cut_for(std::move(cut), plan_.churn ? 250'000 : 500'000);
  }
  // A member does not hear its leader any more, while the others do. A little later the leader may hear nobody.
  void fray() {
    const Node* leader = any_leader();
    if (leader == nullptr) return;
    const NodeId l = leader->member->id(), other = any().member->id();
    cut_for({{l, other}, {other, l}}, 400'000);
    in(50'000, 250'000, [this, l, life = cuts_] {
      if (cuts_ != life || random_.chance(1, 4)) return;
      cut_ = between(nodes_.size(), [&](NodeId id) { return id == l; });
    });
  }
  void cut_for(Links cut, int64_t longest_us) {
    cut_ = std::move(cut);
    in(20'000, longest_us, [this, life = ++cuts_] {
      if (cuts_ == life) cut_.clear();
    });
  }

  // --- After the faults ---
  void heal() {
    healed_ = true;
    ++cuts_;
    cut_.clear();
    if (plan_.frays) cut_ = frayed(nodes_.size(), random_.below(nodes_.size()));  // for good
    for (auto& [id, n] : nodes_) {
      if (!n.member->up()) start(n);
    }
    committed_at_healing_ = oracle_.committed();
  }

  Random random_;
  Plan plan_;
  Oracle oracle_;
  std::map<NodeId, Node> nodes_;
  Time now_;
  std::map<std::pair<Time, uint64_t>, std::function<void()>> agenda_;
  uint64_t events_ = 0, values_ = 0, tokens_ = 0;
  size_t steps_ = 0, reads_answered_ = 0;
  Links cut_;
  uint64_t cuts_ = 0;
  size_t rises_ = 0;  // of members to leadership
  bool healed_ = false;
  Index committed_at_healing_;
};

}  // namespace holdfast::consensus
