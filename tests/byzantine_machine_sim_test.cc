// A user's state machine over PBFT in the simulated world: one member of four lies, has rotted, or has lost its disk,
// the others crash and lose messages; and what users were promised (replica/machine.h, replica/byzantine_replica.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "holdfast/base/checksum.h"
#include "holdfast/consensus/liars/liar.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/replica/machine.h"
#include "holdfast/sim/node.h"
#include "tests/register_machine.h"

namespace holdfast {
namespace {

using replica::Machine;

constexpr uint64_t kCluster = 7;
constexpr Duration kTimeout = Duration::millis(200);

pbft::Configuration four() {
  pbft::Configuration c;
  for (uint64_t n = 1; n <= 4; ++n) c.members.push_back({NodeId(n), pbft::Notary::key_of(NodeId(n))});
  return c;
}

// A member, and what it makes of its own words.
class Member {
 public:
  using Out = Machine::Out;

  Member(const replica::MachineConfig& config, std::optional<pbft::Lie> lie, uint64_t seed)
      : machine_(config, register_) {
    const replica::Config& r = config.replica;
    if (lie) {
      liar_.emplace(*lie, r.consensus.self, kCluster, pbft::Group(four()), kTimeout, *r.byzantine->authority, seed);
    }
  }

  void recover_blob(BlobId id, uint64_t size) { machine_.recover_blob(id, size); }
  void replay(StableSeq seq, const replica::Record& record) { machine_.replay(seq, record); }
  void start(Time now, Out& out) {
    step(now, out, [&](Out& o) { machine_.start(now, o); });
  }
  void on_message(Time now, NodeId from, const replica::Wire& wire, Out& out) {
    step(now, out, [&](Out& o) { machine_.on_message(now, from, wire, o); });
  }
  void on_stable(Time now, StableSeq upto, Out& out) {
    step(now, out, [&](Out& o) { machine_.on_stable(now, upto, o); });
  }
  void on_blob(Time now, const BlobAnswer& answer, Out& out) {
    step(now, out, [&](Out& o) { machine_.on_blob(now, answer, o); });
  }
  void on_time(Time now, Out& out) {
    for (; !late_.empty() && late_.begin()->first <= now; late_.erase(late_.begin())) {
      out.send(late_.begin()->second.to, late_.begin()->second.packet);
    }
    step(now, out, [&](Out& o) { machine_.on_time(now, o); });
  }
  Time deadline() const {
    return late_.empty() ? machine_.deadline() : std::min(machine_.deadline(), late_.begin()->first);
  }
  void check_invariants() const { machine_.check_invariants(); }

  void submit(Time now, uint64_t call, const std::string& name, Out& out) {
    step(now, out, [&](Out& o) { machine_.submit(now, call, name, o); });
  }
  void query(Time now, uint64_t call, Out& out) {
    step(now, out, [&](Out& o) { machine_.query(now, call, "how many?", o); });
  }
  Register& state() { return register_; }
  const Register& state() const { return register_; }
  const Machine& machine() const { return machine_; }

 private:
  template <class Step>
  void step(Time now, Out& out, Step&& run) {
    auto events = absorb(out, mine_, [&](Out& o) {
      run(o);
      if (liar_) twist(now, o);
    });
    for (auto& e : events) out.raise(std::move(e.event), e.after);
  }
  void twist(Time now, Out& out) {
    for (auto& sent : std::exchange(out.sent, {})) {
      for (pbft::Utterance& u : liar_->speak(sent.to, std::get<pbft::Packet>(sent.wire))) {
        if (u.delay > Duration()) {
          late_.emplace(now + u.delay, std::move(u));
        } else {
          out.send(u.to, std::move(u.packet), sent.after);
        }
      }
    }
  }

  Register register_;
  Machine machine_;
  Out mine_;
  std::optional<pbft::Liar> liar_;
  std::multimap<Time, pbft::Utterance> late_;
};

// Storage that forgets how to read what it has sealed.
class FailingStorage : public sim::MemoryStorage {
 public:
  using sim::MemoryStorage::MemoryStorage;
  bool damaged = false;
  std::optional<BlobAnswer> blob(const BlobRequest& request) override {
    auto answer = sim::MemoryStorage::blob(request);
    auto* data = answer ? std::get_if<BlobData>(&*answer) : nullptr;
    if (!damaged || data == nullptr || data->bytes.empty()) return answer;
    std::string bytes(data->bytes.view());
    bytes[bytes.size() / 2] ^= 1;
    data->bytes = Slice::take(std::move(bytes));
    return answer;
  }
};

class ByzantineRun {
 public:
  static constexpr NodeId kFaulty = NodeId(4);
  using Node = sim::SimNode<Member>;

  ByzantineRun(uint64_t seed, std::optional<pbft::Lie> lie)
      : world(seed), lie_(lie), net_(world, Duration::micros(100), Duration::millis(2)), random_(world.stream("load")) {
    for (uint64_t n = 1; n <= 4; ++n) add(NodeId(n));
    for (auto& [id, node] : nodes_) node->start();
    call_again();
  }

  void strike(int faults) {
    Random random = world.stream("faults");
    for (int i = 0; i < faults; ++i) schedule_fault(random);
  }
  void run_until(Time t) { world.run_until(t); }
  // Everything passes that can pass; then all who are correct must serve and agree.
  void judge() {
    net_.remove_all_faults();
    healed_ = true;
    for (auto& [id, node] : nodes_) {
      if (!node->up()) node->start();
    }
    const size_t before = acknowledged.size();
    EXPECT_TRUE(world.run_until(world.now() + kTimeout * 60, [&] { return acknowledged.size() >= before + 20; }))
        << "no progress, seed " << world.seed();
    loading_ = false;
    world.run_until(world.now() + Duration::seconds(4));
    compare_states();
    EXPECT_FALSE(world.violated());
  }

  Node& node(uint64_t n) { return *nodes_.at(NodeId(n)); }
  FailingStorage& storage(uint64_t n) { return *storages_.at(NodeId(n)); }
  const Register& state(uint64_t n) { return nodes_.at(NodeId(n))->core()->state(); }

  sim::World world;
  std::map<std::string, size_t> acknowledged;  // name to the position that was answered
  size_t questions = 0, unknown = 0;
  bool trust_all = false;  // none of the four lies: all are compared in the end
  bool beyond = false;     // more members fail than the group tolerates: states are not compared
  bool lost_disk = false;  // the faulty member starts as one whose disk was lost

 private:
  void add(NodeId id) {
    auto storage = std::make_unique<FailingStorage>(world.stream("disk", id.value()));
    storages_[id] = storage.get();
    nodes_[id] = std::make_unique<Node>(
        world, net_, id, [this, id](const sim::NodeStart& start) { return make(id, start); },
        [this, id](const replica::MachineEvent& event) { on_event(id, event); }, std::move(storage));
    nodes_[id]->set_observer([this, id](const Member& m) { compare(id, m); });
  }
  std::unique_ptr<Member> make(NodeId id, const sim::NodeStart& start) {
    replica::MachineConfig c;
    for (uint64_t n = 1; n <= 4; ++n) c.members.push_back({NodeId(n), "at " + std::to_string(n)});
    c.request_timeout = kTimeout * 6;
    replica::Config& r = c.replica;
    r.engine = replica::EngineKind::kPbft;
    r.snapshot_count = 40;
    r.snapshot_slice_bytes = 512;
    r.proposal_retry = kTimeout;
    r.incarnation_hint = start.wall_clock_micros;
    r.consensus.self = id;
    r.consensus.heartbeat_interval = kTimeout / 5;
    r.consensus.election_timeout = kTimeout;
    r.byzantine = replica::ByzantineConfig{.cluster = kCluster, .configuration = four()};
    r.byzantine->authority = std::make_shared<pbft::FastAuthority>(pbft::Notary(kCluster), id);
    r.byzantine->request_timeout = kTimeout;
    r.byzantine->checkpoint_interval = 8;
    if (id.value() % 2 == 0) r.byzantine->whole_proposal_bytes = 0;  // others may differ
    if (id == kFaulty && lost_disk) r.byzantine->beginning = pbft::Beginning::kLostDisk;
    return std::make_unique<Member>(c, id == kFaulty ? lie_ : std::nullopt, start.seed);
  }

  bool trusted(NodeId id) const { return id != kFaulty || trust_all; }

  // Same index, same state, at every correct member and after every restart.
  void compare(NodeId id, const Member& m) {
    const uint64_t index = m.machine().replica().applied_index().value();
    if (beyond || id == kFaulty || index == 0 || last_seen_[id] == index) return;
    last_seen_[id] = index;
    uint64_t hash = 0;
    for (const std::string& n : m.state().names) hash = hash_combine(hash, hash64(n));
    EXPECT_EQ(state_at_.emplace(index, hash).first->second, hash) << to_text(id) << " differs at " << index;
    EXPECT_FALSE(m.state().time_fell);
  }
  void call_again() {
    world.after(Duration::micros(random_.between(100, 12'000)), [this] {
      if (!loading_) return;
      // What a lying member answers its own clients is worth nothing, and asked by nobody.
      Node& node = *nodes_.at(NodeId(1 + random_.below(lie_ ? 3 : 4)));
      if (node.up()) call(node);
      call_again();
    });
  }
  void call(Node& node) {
    const uint64_t number = ++last_call_;
    const bool asks = random_.chance(1, 3);
    const std::string name = asks ? "" : "name " + std::to_string(number);
    pending_[number] = {name, greatest_};
    node.input([number, name](Member& m, Time now, Machine::Out& out) {
      name.empty() ? m.query(now, number, out) : m.submit(now, number, name, out);
    });
  }
  void on_event(NodeId id, const replica::MachineEvent& event) {
    if (const auto* stop = std::get_if<replica::MustStop>(&event)) {
      ADD_FAILURE() << to_text(id) << ": " << stop->what;
      nodes_[id]->stop_itself(stop->what);
    }
    const auto* answer = std::get_if<replica::Answer>(&event);
    const auto call = answer != nullptr ? pending_.find(answer->call) : pending_.end();
    if (call == pending_.end()) return;
    const auto [name, least] = call->second;
    pending_.erase(call);
    if (!answer->status.ok()) {
      ++unknown;
      return;
    }
    const size_t position = std::stoul(answer->bytes);
    // Whatever was answered before this call began is part of what it saw.
    EXPECT_GE(position, least + (name.empty() ? 0 : 1)) << "at " << to_text(id) << ", seed " << world.seed();
    greatest_ = std::max(greatest_, position);
    if (name.empty()) {
      ++questions;
    } else {
      acknowledged[name] = position;
    }
  }
  void schedule_fault(Random& random) {
    const Time start = Time::at_millis(random.between(200, 6'000));
    const Duration lasts = Duration::millis(random.between(20, 700));
    const NodeId victim(1 + random.below(4));
    const uint64_t kind = random.below(4);
    world.at(start, [this, lasts, victim, kind] {
      if (healed_) return;
      Node& node = *nodes_.at(victim);
      if (kind <= 1) {
        if (!node.up()) return;
        node.crash("crash");
        if (victim == kFaulty && lie_ == pbft::Lie::kForgetful) node.wipe();
        world.after(lasts, [&node] {
          if (!node.up()) node.start();
        });
        return;
      }
      sim::LinkEffect effect;
      if (kind == 2) effect.cut = true;
      if (kind == 3) effect.loss = 300, effect.duplicate = 200, effect.reorder = 300;
      const uint64_t fault =
          net_.add_fault([victim](NodeId from, NodeId to) { return from == victim || to == victim; }, effect);
      world.after(lasts, [this, fault] { net_.remove_fault(fault); });
    });
  }
  void compare_states() {
    const std::vector<std::string>& names = state(1).names;
    std::map<std::string, size_t> position;
    for (size_t i = 0; i < names.size(); ++i) {
      EXPECT_TRUE(position.emplace(names[i], i + 1).second) << names[i] << " was applied twice";
    }
    for (const auto& [name, where] : acknowledged) EXPECT_EQ(position[name], where) << name;
    for (const auto& [id, node] : nodes_) {
      if (!trusted(id)) continue;
      ASSERT_TRUE(node->up());
      EXPECT_EQ(node->core()->state().names, names) << to_text(id) << ", seed " << world.seed();
    }
  }

  const std::optional<pbft::Lie> lie_;
  sim::Net net_;
  Random random_;
  std::map<NodeId, FailingStorage*> storages_;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
  std::map<uint64_t, uint64_t> state_at_;
  std::map<NodeId, uint64_t> last_seen_;
  std::map<uint64_t, std::pair<std::string, size_t>> pending_;  // name, the greatest position answered before
  uint64_t last_call_ = 0;
  size_t greatest_ = 0;
  bool loading_ = true;
  bool healed_ = false;
};

TEST(ByzantineMachine, OneLiarOfFourHurtsNobody) {
  const char* more = std::getenv("BYZANTINE_SEEDS");  // by hand
  const uint64_t seeds = more != nullptr ? std::strtoull(more, nullptr, 10) : 24;
  size_t acknowledged = 0, questions = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    ByzantineRun run(seed, static_cast<pbft::Lie>(seed % 12));
    run.strike(10);
    run.run_until(Time::at_millis(7'000));
    run.judge();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    acknowledged += run.acknowledged.size();
    questions += run.questions;
  }
  // The runs were worth their name.
  EXPECT_GT(acknowledged, 5'000u);
  EXPECT_GT(questions, 2'000u);
}

// Its answers differ, and are outvoted; its digest differs, and its state is replaced.
TEST(ByzantineMachine, RottenStateIsFoundAndReplaced) {
  ByzantineRun run(1, std::nullopt);
  run.run_until(Time::at_millis(1'000));
  run.node(4).input([](Member& m, Time, Machine::Out&) { m.state().names[3] = "rotten"; });
  run.run_until(Time::at_millis(1'010));
  ASSERT_EQ(run.state(4).names[3], "rotten");
  run.run_until(Time::at_millis(4'000));
  EXPECT_NE(run.state(4).names[3], "rotten");
  run.trust_all = true;
  run.judge();
}

TEST(ByzantineMachine, ADamagedSnapshotIsFetchedFromAnother) {
  ByzantineRun run(2, std::nullopt);
  run.run_until(Time::at_millis(2'000));
  run.node(4).crash("to be started with a damaged snapshot");
  run.storage(4).damaged = true;
  run.run_until(Time::at_millis(2'100));
  run.node(4).start();
  run.run_until(Time::at_millis(2'200));
  run.storage(4).damaged = false;
  run.trust_all = true;
  run.judge();
}

TEST(ByzantineMachine, ALostDiskIsFilledAgain) {
  ByzantineRun run(3, std::nullopt);
  run.run_until(Time::at_millis(2'000));
  run.node(4).crash("its disk is replaced");
  run.node(4).wipe();
  run.lost_disk = true;
  run.run_until(Time::at_millis(2'500));
  run.node(4).start();
  run.trust_all = true;
  run.judge();
}

// More than f, in the extreme: three of four tell the same tale. It becomes the truth, for the fourth as for its
// clients.
TEST(ByzantineMachine, AQuorumOfLiarsIsBelieved) {
  ByzantineRun run(4, std::nullopt);
  run.beyond = true;
  run.run_until(Time::at_millis(500));
  const size_t before = run.acknowledged.size();
  for (const uint64_t n : {2, 3, 4}) {
    run.node(n).input([](Member& m, Time, Machine::Out&) { m.state().names.push_back("never proposed"); });
  }
  run.run_until(Time::at_millis(2'000));
  EXPECT_GT(run.acknowledged.size(), before);
  EXPECT_TRUE(std::count(run.state(1).names.begin(), run.state(1).names.end(), "never proposed") > 0)
      << "a quorum of liars replaces the state of the one that does not lie";
}

}  // namespace
}  // namespace holdfast
