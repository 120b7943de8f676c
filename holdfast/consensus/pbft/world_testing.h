// For tests: a small group and its clients in virtual time, under a network that loses, repeats, delays, reorders,
// forges and cuts; members that crash and lose what was not stable; members that lie. Everything is drawn from one
// seed.
//
// After every step the run is compared with what PBFT promises (oracle_testing.h). When the faults are over, but for
// those within the budget of f, everything that was asked for must be answered.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/consensus/liars/liar.h"
#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/consensus/pbft/oracle_testing.h"
#include "holdfast/consensus/pbft/plan_testing.h"

namespace holdfast::pbft {

class World {
 public:
  explicit World(uint64_t seed) : World(seed, std::nullopt) {}
  World(uint64_t seed, std::optional<Plan> plan)
      : random_(seed), plan_(plan ? *plan : Plan(random_)), notary_(random_.next()) {
    for (int i = 1; i <= plan_.members; ++i) {
      configuration_.members.push_back(
          {NodeId(static_cast<uint64_t>(i)), Notary::key_of(NodeId(static_cast<uint64_t>(i)))});
    }
    configuration_.administrator = Notary::key_of(kAdministrator);
    for (int i = 1; i <= plan_.clients; ++i) {
      const NodeId id(100 + static_cast<uint64_t>(i));
      configuration_.clients.push_back({id, Notary::key_of(id)});
    }
    newest_ = configuration_;
    for (const Peer& p : configuration_.members) add_member(p.id, /*twin=*/false);
    for (const auto& [place, lie] : plan_.liars) {
      const NodeId id = configuration_.members[static_cast<size_t>(place)].id;
      of(id).liar = std::make_unique<Liar>(lie, id, kCluster, Group(configuration_), config(id).request_timeout,
                                           *of(id).authority, random_.next());
      of(id).correct = false;
      if (lie == Lie::kTwins) add_member(id, /*twin=*/true);
    }
    if (plan_.victim) of(configuration_.members[static_cast<size_t>(*plan_.victim)].id).correct = false;
    for (auto& n : nodes_) start(*n);
    for (const Peer& p : configuration_.clients) {
      clients_[p.id].authority = std::make_unique<FastAuthority>(notary_, p.id);
      restart_client(p.id);
    }
  }

  // The first violation; empty when all went well.
  std::string run(Duration faults = Duration::millis(1500)) {
    schedule();
    run_until(now_ + faults);
    if (!oracle_.violation().empty()) return oracle_.violation();
    heal();
    run_until(now_ + Duration::millis(1000));
    quiet_ = true;
    for (int i = 0; i < 40 && oracle_.violation().empty() && !settled(); ++i) {
      if (i == 36 && !plan_.liars.empty()) reached_before_ = oracle_.last_place();
      run_until(now_ + Duration::millis(200));
    }
    if (oracle_.violation().empty() && plan_.within_budget()) check_liveness();
    return oracle_.violation();
  }
  std::function<void(const std::string&)> trace;  // is told every message as it arrives
  size_t steps() const { return steps_; }
  size_t answered() const { return oracle_.answered(); }
  uint64_t epochs() const { return newest_.epoch; }
  // What was done against the protocol: lies told, words that only one of two twins said, lives begun without memory.
  size_t deeds() const {
    size_t all = misdeeds_;
    for (const auto& n : nodes_) all += n->liar ? n->liar->lies() : 0;
    return all;
  }
  Oracle& oracle() { return oracle_; }
  const Plan& plan() const { return plan_; }
  TestMember& member(size_t place) { return *nodes_[place]->member; }
  Time now() const { return now_; }
  void run_until(Time end) {
    while (!agenda_.empty() && agenda_.begin()->first.first <= end && oracle_.violation().empty()) {
      now_ = agenda_.begin()->first.first;
      auto what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
      if (++steps_ > kMostSteps) oracle_.fail("STORM: the members do not stop talking");
    }
    if (oracle_.violation().empty()) now_ = end;
  }

 private:
  static constexpr uint64_t kCluster = 7, kMostSteps = 5'000'000;  // a run has about 50,000
  static constexpr NodeId kAdministrator{999};
  struct Node {
    NodeId id;
    std::unique_ptr<FastAuthority> authority;
    std::unique_ptr<TestMember> member;
    std::unique_ptr<Liar> liar;
    bool correct = true, twin = false;
    int64_t offset = 0, drift_ppm = 0;  // of its clock
    uint64_t life = 0;
    Time armed = Time::never();
    bool syncing = false, working = false;
  };
  struct ClientHost {
    std::unique_ptr<FastAuthority> authority;
    std::unique_ptr<Client> client;
    Client::Out out;
    uint64_t incarnation = 0, life = 0;
    Time armed = Time::never();
    std::set<uint64_t> tokens;
    std::set<uint64_t> changes;  // tokens of the administrator's
  };

  bool names_requests(NodeId id) const {
    const bool lies = std::any_of(plan_.liars.begin(), plan_.liars.end(), [&](const auto& l) {
      return configuration_.members[static_cast<size_t>(l.first)].id == id;
    });
    return plan_.brief && !(lies && plan_.liars_show_all);
  }
  Config config(NodeId id) const {
    return {.self = id,
            .cluster = kCluster,
            .configuration = configuration_,
            .request_timeout = Duration::millis(150),
            .resend_interval = Duration::millis(15),
            .checkpoint_interval = 4,
            .window = 16,
            .max_in_flight = plan_.in_flight,
            .max_batch_operations = 12,
            .max_batch_bytes = 2000,
            .whole_proposal_bytes = names_requests(id) ? 0u : 1024u,
            .client_window = 16,
            .stamp_slack = Duration::millis(400),
            .anchor_interval = Duration::millis(1000),
            .pace_floor = Duration::millis(30),
            .transfer_bytes = 64};
  }
  void add_member(NodeId id, bool twin) {
    auto& n = *nodes_.emplace_back(std::make_unique<Node>());
    n.id = id;
    n.twin = twin;
    n.correct = !twin;
    n.authority = std::make_unique<FastAuthority>(notary_, id);
    TestMember::Hooks hooks;
    hooks.transmit = [this, &n](NodeId to, const Packet& p) { speaks(n, to, p); };
    hooks.applied = [this, &n](const Execute& e, const Image& after) {
      if (n.correct) oracle_.applies(n.id, e, after);
    };
    hooks.wants_snapshot = [this] { return plan_.snapshots && random_.chance(1, 3); };
    n.member = std::make_unique<TestMember>(config(id), *n.authority, hooks);
  }
  Node& of(NodeId id) {
    return **std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n->id == id && !n->twin; });
  }

  // --- Time ---
  Time clock(const Node& n) const {
    return Time::at_nanos(n.offset + now_.nanos() + now_.nanos() / 1'000'000 * n.drift_ppm);
  }
  void at(Time when, std::function<void()> what) { agenda_.emplace(std::pair(when, ++events_), std::move(what)); }
  void in(int64_t low_us, int64_t high_us, std::function<void()> what) {
    at(now_ + Duration::micros(random_.between(low_us, high_us)), std::move(what));
  }

  // --- Members ---
  void start(Node& n) {
    ++n.life;
    n.offset = random_.between(1'000'000'000, 1'000'000'000'000);
    n.drift_ppm = random_.between(-20'000, 20'000);
    n.armed = Time::never();
    n.syncing = n.working = false;
    if (n.correct) oracle_.restarts(n.id);
    n.member->start(clock(n));
    after(n);
  }
  void crash(Node& n) {
    if (n.member->up()) n.member->crash(random_.below(4));
    ++n.life;
    if (n.liar && n.liar->lie() == Lie::kForgetful) {
      n.member->wipe();
      ++misdeeds_;
    }
  }
  void after(Node& n) {
    TestMember& m = *n.member;
    if (n.correct) oracle_.views(n.id, m.replica().epoch(), m.replica().view());
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
           if (plan_.edge_crashes && !healed_ && random_.chance(1, 25)) crash_and_restart(n, 20'000);
         }));
    }
    if (m.has_blob_work() && !n.working) {
      n.working = true;
      in(50, healed_ ? 500 : 5000, later([this, &n] {
           n.working = false;
           n.member->work_blobs(clock(n));
         }));
    }
    const Time deadline = m.replica().deadline();
    if (deadline == Time::never() || (n.armed != Time::never() && n.armed <= deadline)) return;
    n.armed = deadline;
    const Duration wait = std::max(Duration{}, deadline - clock(n));
    at(now_ + Duration::nanos(wait.nanos() + wait.nanos() / 40 + 100'000), later([this, &n] {
         n.armed = Time::never();
         n.member->tick(clock(n));
       }));
  }
  void crash_and_restart(Node& n, int64_t longest_us = 200'000) {
    crash(n);
    in(1'000, longest_us, [this, &n] {
      if (!n.member->up()) start(n);
    });
  }

  // --- Network ---
  void speaks(Node& n, NodeId to, const Packet& p) {
    if (n.liar && !plan_.honest) {
      if (n.liar->lie() == Lie::kTwins || n.liar->lie() == Lie::kForgetful)
        return transmit(n.id, to, p, {}, twin_hears(n, to));
      for (const Utterance& u : n.liar->speak(to, p)) transmit(u.as, u.to, u.packet, u.delay, true);
      return;
    }
    if (n.twin) ++misdeeds_;
    if (!n.liar && !n.twin) hear_vote(n.id, p);
    transmit(n.id, to, p, {}, !n.twin || twin_hears(n, to));
  }
  void hear_vote(NodeId from, const Packet& p) {
    // The first byte tells what it is; most of the rest is long, and is not decoded here.
    static const char kPrepare = codec::encode_flat(Message(Prepare{})).view()[0];
    if (p.body.empty() || p.body.view()[0] != kPrepare) return;
    const StatusOr<Message> m = codec::decode<Message>(p.body);
    if (m.ok()) oracle_.votes(from, std::get<Prepare>(*m).vote);
  }
  // Twins divide the others between them for a while.
  bool twin_hears(const Node& n, NodeId other) const {
    if (!plan_.twins()) return true;
    const bool left = (twin_side_ >> other.value() % 64) & 1;  // clients have higher numbers
    return healed_ ? true : left == n.twin;
  }
  void transmit(NodeId from, NodeId to, const Packet& p, Duration delay, bool gets_through) {
    if (!gets_through) return;
    if (!healed_ && (cut_.contains({from, to}) || random_.chance(plan_.loss, 100))) return;
    if (lone_ && to == *lone_) return;
    const int copies = !healed_ && random_.chance(plan_.repeat, 100) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const bool late = !healed_ && random_.chance(plan_.late, 100);
      const int64_t extra = delay.nanos() / 1000;
      in(200 + extra,
         (late                     ? 200'000
          : plan_.slow && !healed_ ? 30'000
                                   : 2'000) +
             extra,
         [this, from, to, p] { arrives(from, to, p); });
    }
  }
  void arrives(NodeId from, NodeId to, const Packet& p) {
    if (cut_.contains({from, to})) return;
    if (trace) {
      const auto m = codec::decode<Message>(p.body);
      trace(absl::StrCat(print(now_), " ", print(from), " to ", print(to), ": ", m.ok() ? print(*m) : "?"));
    }
    if (const auto c = clients_.find(to); c != clients_.end()) {
      if (c->second.client == nullptr) return;
      c->second.client->on_message(now_, from, p, c->second.out);
      return after_client(to);
    }
    for (auto& n : nodes_) {
      if (n->id != to || !n->member->up() || (n->liar && !twin_hears(*n, from))) continue;
      n->member->receive(clock(*n), from, p);
      if (n->member->up()) after(*n);
    }
  }

  // --- Clients ---
  void restart_client(NodeId id) {
    ClientHost& c = clients_[id];
    for (uint64_t token : c.tokens) oracle_.forgives(token);
    c.tokens.clear();
    c.changes.clear();
    ++c.life;
    c.armed = Time::never();
    c.out = {};
    c.client = std::make_unique<Client>(ClientConfig{.self = id,
                                                     .cluster = kCluster,
                                                     .configuration = configuration_,
                                                     .incarnation = ++c.incarnation,
                                                     .window = 16,
                                                     .in_flight = plan_.client_in_flight,
                                                     .max_request_operations = 5,
                                                     .retry = Duration::millis(60)},
                                        *c.authority);
  }
  void after_client(NodeId id) {
    ClientHost& c = clients_[id];
    c.client->check_invariants();
    for (auto& s : c.out.sent) transmit(id, s.to, s.wire, {}, true);
    const auto events = std::move(c.out.raised);
    c.out.clear();
    for (const auto& e : events) {
      if (c.changes.erase(e.event.token) > 0) continue;  // whether it went well shows in what the members say
      c.tokens.erase(e.event.token);
      oracle_.accepts(e.event.token, e.event.result.view());
    }
    const Time deadline = c.client->deadline();
    if (deadline == Time::never() || (c.armed != Time::never() && c.armed <= deadline)) return;
    c.armed = deadline;
    at(std::max(now_, deadline) + Duration::micros(50), [this, id, life = c.life] {
      ClientHost& host = clients_[id];
      if (host.life != life) return;
      host.armed = Time::never();
      host.client->on_time(now_, host.out);
      after_client(id);
    });
  }
  void ask() {
    if (quiet_) return;
    auto it = clients_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(random_.below(clients_.size())));
    ClientHost& c = it->second;
    if (c.client->waiting() > 30) return;
    for (uint64_t i = 1 + random_.below(3); i > 0; --i) {
      const uint64_t token = ++tokens_;
      const bool read = plan_.reads && random_.chance(1, 3);
      const std::string operation = read ? "?" : absl::StrCat("op", token);
      oracle_.submits(token, operation);
      c.tokens.insert(token);
      if (read) {
        (void)c.client->read(now_, token, Slice::copy_of(operation), c.out);
      } else {
        (void)c.client->submit(token, Slice::copy_of(operation));
      }
    }
    after_client(it->first);
  }

  // --- Membership ---
  bool belongs(const Node& n) const { return Group(newest_).is_member(n.id); }
  // The administrator asks, through some client: a newcomer joins, or one of the members leaves for good. Never fewer
  // than there were, so f stays what it was.
  void change() {
    Change next{.epoch = newest_.epoch};
    if (static_cast<int>(newest_.members.size()) > plan_.members) {
      next.removed.push_back(newest_.members[random_.below(newest_.members.size())].id);
    } else {
      const NodeId newcomer(plan_.members + 1 + newest_.epoch / 2);
      next.added.push_back({newcomer, Notary::key_of(newcomer)});
    }
    next.context = Slice::take(absl::StrCat("epoch ", next.epoch + 1));
    auto at = clients_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(clients_.size())));
    const SignedChange change{next, FastAuthority(notary_, kAdministrator).sign(text_of(kCluster, next))};
    at->second.changes.insert(++tokens_);
    (void)at->second.client->reconfigure(tokens_, change);
    after_client(at->first);
  }
  // Whoever is at home in the latest epoch tells the clients, and newcomers are started. They know the founders only.
  void follow() {
    for (const auto& n : nodes_) {
      if (n->correct && n->member->up() && n->member->replica().epoch() > newest_.epoch) {
        newest_ = n->member->replica().configuration();
      }
    }
    for (auto& [id, c] : clients_) {
      c.client->configure(now_, newest_, c.out);
      after_client(id);
    }
    for (const auto& n : nodes_) {
      if (n->liar) n->liar->follow(Group(newest_));
    }
    for (const Peer& p : newest_.members) {
      if (std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n->id == p.id; })) continue;
      add_member(p.id, /*twin=*/false);
      start(*nodes_.back());
    }
  }

  // --- Faults ---
  Node& any() { return *nodes_[random_.below(nodes_.size())]; }
  void repeat(int64_t low_us, int64_t high_us, std::function<void()> what, bool fault = true) {
    in(low_us, high_us, [this, low_us, high_us, what, fault] {
      if (healed_ && fault) return;
      what();
      repeat(low_us, high_us, what, fault);
    });
  }
  void schedule() {
    repeat(
        1'000, 12'000, [this] { ask(); }, /*fault=*/false);
    if (plan_.crashes) repeat(30'000, 500'000, [this] { crash_and_restart(any()); });
    for (auto& n : nodes_) {
      if (n->liar && n->liar->lie() == Lie::kForgetful) {
        repeat(20'000, 200'000, [this, node = n.get()] { crash_and_restart(*node, 20'000); });
      }
    }
    if (plan_.power_losses) {
      repeat(200'000, 1'200'000, [this] {
        for (auto& n : nodes_) crash_and_restart(*n);
      });
    }
    if (plan_.primaries_fall) repeat(20'000, 200'000, [this] { fell_a_primary(); });
    if (plan_.cuts) repeat(50'000, 500'000, [this] { cut(random_.next(), random_.chance(1, 4), 400'000); });
    if (plan_.twins()) repeat(10'000, 200'000, [this] { twin_side_ = random_.next(); });
    if (plan_.clients_fall) {
      repeat(100'000, 500'000, [this] { restart_client(NodeId(101 + random_.below(clients_.size()))); });
    }
    repeat(20'000, 100'000, [this] {
      Node& n = any();
      if (n.member->up()) n.member->release();
    });
    if (plan_.victim) repeat(200'000, 900'000, [this] { hurt_victim(); });
    if (plan_.changes) {
      repeat(100'000, 700'000, [this] { change(); });
      repeat(
          5'000, 50'000, [this] { follow(); }, /*fault=*/false);
    }
  }
  // Its disk is lost, or its state rots: one of the f.
  void hurt_victim() {
    Node& n = *nodes_[static_cast<size_t>(*plan_.victim)];
    if (plan_.victim_rots) {
      if (!n.member->up()) return;
      n.member->rot();
      if (random_.chance(1, 2)) n.member->audit(clock(n));
      return after(n);
    }
    if (std::exchange(wiped_, true)) return;
    crash(n);
    n.member->wipe();
    n.member->config().beginning = Beginning::kLostDisk;
    in(1'000, 100'000, [this, &n] {
      if (!n.member->up()) start(n);
    });
  }
  void fell_a_primary() {
    for (auto& n : nodes_) {
      if (!n->member->up() || n->member->replica().primary() != n->id || n->member->replica().changing()) continue;
      if (random_.chance(1, 2)) return crash_and_restart(*n, 400'000);
      return cut(uint64_t{1} << n->id.value() | (random_.chance(1, 2) ? random_.next() & random_.next() : 0), false,
                 400'000);
    }
  }
  void cut(uint64_t side, bool one_way, int64_t longest_us) {
    cut_.clear();
    for (const auto& a : nodes_) {
      for (const auto& b : nodes_) {
        const bool left = (side >> a->id.value()) & 1, right = (side >> b->id.value()) & 1;
        if (left != right && (!one_way || left)) cut_.insert({a->id, b->id});
      }
    }
    in(20'000, longest_us, [this, life = ++cuts_] {
      if (cuts_ == life) cut_.clear();
    });
  }

  // --- After the faults ---
  void heal() {
    healed_ = true;
    cut_.clear();
    for (auto& n : nodes_) {
      if (!n->member->up()) start(*n);
    }
    if (plan_.lone) lone_ = configuration_.members[static_cast<size_t>(*plan_.lone)].id;
    answered_at_healing_ = oracle_.answered();
  }
  // Whether it has to come to where the others are.
  bool must_follow(const Node& n) const { return !n.twin && !n.liar && n.id != lone_.value_or(NodeId()) && belongs(n); }
  bool settled() const {
    if (oracle_.unanswered() > 0) return false;
    for (const auto& n : nodes_) {
      if (!must_follow(*n)) continue;
      if (n->member->replica().executed_upto() < oracle_.last_place() || n->member->replica().rotten()) return false;
    }
    return true;
  }
  void check_liveness() {
    if (oracle_.answered() <= answered_at_healing_) return oracle_.fail("LIVE: nothing is answered after healing");
    if (oracle_.unanswered() > 0) {
      return oracle_.fail(absl::StrCat("LIVE: ", oracle_.unanswered(), " are not answered long after healing"));
    }
    for (const auto& n : nodes_) {
      if (!must_follow(*n)) continue;
      const Replica& r = n->member->replica();
      // Liars may keep the group busy for ever, and one of them as primary some members a little behind it.
      const Seq reached = reached_before_.value_or(oracle_.last_place());
      if (r.executed_upto() < reached) {
        return oracle_.fail(
            absl::StrCat("LIVE: ", print(n->id), " is at ", print(r.executed_upto()), " of ", print(reached)));
      }
      if (r.rotten()) return oracle_.fail(absl::StrCat("LIVE: ", print(n->id), " is not repaired"));
    }
  }

  Random random_;
  Plan plan_;
  Notary notary_;
  Configuration configuration_, newest_;  // the founders' and the latest
  Oracle oracle_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<NodeId, ClientHost> clients_;
  Time now_ = Time::at_millis(1);
  std::map<std::pair<Time, uint64_t>, std::function<void()>> agenda_;
  uint64_t events_ = 0, tokens_ = 0, twin_side_ = 0;
  size_t steps_ = 0, misdeeds_ = 0;
  std::set<std::pair<NodeId, NodeId>> cut_;
  uint64_t cuts_ = 0;
  std::optional<NodeId> lone_;
  bool healed_ = false, quiet_ = false, wiped_ = false;
  size_t answered_at_healing_ = 0;
  std::optional<Seq> reached_before_;  // by the group, 0.8 s before the end of a run that liars do not let settle
};

}  // namespace holdfast::pbft
