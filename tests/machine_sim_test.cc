// A user's state machine, replicated, in the simulated world: crashes, lost and repeated messages, cuts, slow disks,
// snapshots and changes of members, and what users were promised (replica/machine.h).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "holdfast/base/checksum.h"
#include "holdfast/replica/machine.h"
#include "holdfast/sim/node.h"
#include "tests/register_machine.h"

namespace holdfast {
namespace {

using replica::Machine;

// A machine and the state that goes with it.
struct Replicated : private std::unique_ptr<Register>, public Machine {
  explicit Replicated(const replica::MachineConfig& config)
      : std::unique_ptr<Register>(std::make_unique<Register>()), Machine(config, **this) {}
  const Register& state() const { return **this; }
};

class MachineRun {
 public:
  static constexpr Time kFaultsEnd = Time::at_millis(12'000);
  static constexpr Duration kTimeout = Duration::millis(200);

  explicit MachineRun(uint64_t seed)
      : world(seed), net_(world, Duration::micros(100), Duration::millis(2)), random_(world.stream("load")) {
    for (uint64_t n = 1; n <= 3; ++n) founders_.push_back({NodeId(n), "at " + std::to_string(n)});
    for (const auto& m : founders_) add(m.id, founders_);
    for (auto& [id, node] : nodes_) node->start();
    Random faults = world.stream("faults");
    for (int i = 0; i < 14; ++i) schedule_fault(faults);
    for (int client = 0; client < 4; ++client) call_again();
    // Early in some runs, so that the newcomer gets all from the log; late in others, so that it needs a snapshot.
    world.at(Time::at_millis(seed % 2 == 0 ? 3'000 : 100), [this] { change_members(); });
  }

  void run() {
    world.run_until(kFaultsEnd);
    net_.remove_all_faults();
    for (auto& [id, node] : nodes_) {
      if (!node->up()) node->start();
    }
    healed_ = true;
    const size_t before = acknowledged.size();
    EXPECT_TRUE(world.run_until(kFaultsEnd + kTimeout * 30, [&] { return acknowledged.size() >= before + 20; }));
    loading_ = false;
    world.run_until(world.now() + Duration::seconds(4));
    judge();
  }

  sim::World world;
  std::map<std::string, std::string> acknowledged;  // name to the position that was answered
  size_t questions = 0, refused = 0, unknown = 0, snapshots = 0, removed = 0;

 private:
  using Node = sim::SimNode<Replicated>;
  struct Pending {
    NodeId at;
    std::string name;  // empty: a question
    size_t least = 0;  // the greatest position answered before it was asked
  };

  void add(NodeId id, std::vector<replica::MachineMember> members) {
    replica::MachineConfig config;
    config.members = std::move(members);
    config.request_timeout = kTimeout * 3;
    config.replica.snapshot_count = 30;
    config.replica.consensus.heartbeat_interval = kTimeout / 5;
    config.replica.consensus.election_timeout = kTimeout;
    config.replica.consensus.catch_up_entries = 10;
    nodes_[id] = std::make_unique<Node>(
        world, net_, id,
        [config](const sim::NodeStart& start) {
          replica::MachineConfig c = config;
          c.replica.consensus.self = start.self;
          c.replica.consensus.seed = start.seed;
          c.replica.incarnation_hint = start.wall_clock_micros;
          return std::make_unique<Replicated>(c);
        },
        [this, id](replica::MachineEvent event) { on_event(id, event); },
        std::make_unique<sim::MemoryStorage>(world.stream("disk", id.value())));
    nodes_[id]->set_supervisor([this](sim::Process& p, bool) {
      world.after(Duration::millis(random_.between(1, 400)), [this, &p] {
        if (!p.up() && !gone_.contains(p.id())) p.start();
      });
    });
    nodes_[id]->set_observer([this, id](const Replicated& r) { compare(id, r); });
  }

  // Same index, same state, at every member and after every restart.
  void compare(NodeId id, const Replicated& r) {
    const uint64_t index = r.replica().applied_index().value();
    if (index == 0 || !r.replica().started() || last_seen_[id] == index) return;
    last_seen_[id] = index;
    uint64_t hash = r.members().size();
    for (const std::string& n : r.state().names) hash = hash_combine(hash, hash64(n));
    const auto [place, fresh] = state_at_.emplace(index, hash);
    EXPECT_EQ(place->second, hash) << to_text(id) << " differs at " << index << ", seed " << world.seed();
    EXPECT_FALSE(r.state().time_fell);
    snapshots += r.replica().writing_snapshot() ? 1 : 0;
  }

  void call_again() {
    world.after(Duration::micros(random_.between(100, 20'000)), [this] {
      if (!loading_) return;
      auto node = nodes_.begin();
      std::advance(node, static_cast<std::ptrdiff_t>(random_.below(nodes_.size())));
      if (node->second->up() && !gone_.contains(node->first)) call(*node->second);
      call_again();
    });
  }
  void call(Node& node) {
    const uint64_t number = ++last_call_;
    const bool asks = random_.chance(1, 3);
    const std::string name = asks ? "" : "name " + std::to_string(number);
    pending_[number] = {node.id(), name, greatest_};
    node.input([number, name](Replicated& r, Time now, Machine::Out& out) {
      name.empty() ? r.query(now, number, "how many?", out) : r.submit(now, number, name, out);
    });
  }
  void on_event(NodeId id, const replica::MachineEvent& event) {
    if (const auto* stop = std::get_if<replica::MustStop>(&event)) {
      EXPECT_TRUE(gone_.contains(id)) << stop->what;
      ++removed;
      nodes_[id]->stop_itself(stop->what);
    }
    const auto* answer = std::get_if<replica::Answer>(&event);
    const auto call = answer != nullptr ? pending_.find(answer->call) : pending_.end();
    if (call == pending_.end()) return;
    const Pending p = call->second;
    pending_.erase(call);
    if (!answer->status.ok()) {
      const bool may_be = absl::IsDeadlineExceeded(answer->status) || absl::IsUnavailable(answer->status);
      ++(may_be ? unknown : refused);
      if (!may_be) never_.insert(p.name);
      return;
    }
    const size_t position = std::stoul(answer->bytes);
    // Whatever was answered before this call began is part of what it saw.
    EXPECT_GE(position, p.least + (p.name.empty() ? 0 : 1)) << "seed " << world.seed();
    greatest_ = std::max(greatest_, position);
    if (p.name.empty()) {
      ++questions;
    } else {
      acknowledged[p.name] = answer->bytes;
    }
  }

  // A fourth member comes; once it votes, the first one goes.
  void change_members() {
    const replica::MachineMember fourth{NodeId(4), "at 4"};
    if (!nodes_.contains(fourth.id)) {
      add(fourth.id, {});
      nodes_[fourth.id]->start();
    }
    const Replicated* third = nodes_[NodeId(3)]->core();
    const bool knows = third != nullptr && third->members().size() == 4;
    const bool votes = knows && third->replica().membership().is_voter(fourth.id);
    const bool done = third != nullptr && third->members().size() == 3 && third->members().back().id == fourth.id;
    if (done) {
      gone_.insert(NodeId(1));
      return;
    }
    nodes_[NodeId(3)]->input([this, fourth, knows, votes](Replicated& r, Time now, Machine::Out& out) {
      if (!knows) r.add_member(now, ++last_call_, fourth, out);
      if (votes) {
        gone_.insert(NodeId(1));
        r.remove_member(now, ++last_call_, NodeId(1), out);
      }
    });
    world.after(Duration::millis(300), [this] { change_members(); });
  }

  void schedule_fault(Random& random) {
    const Time start = Time::at_millis(random.between(200, 11'000));
    const Duration lasts = Duration::millis(random.between(20, 900));
    const NodeId victim(1 + random.below(4));
    const uint64_t kind = random.below(5);
    world.at(start, [this, lasts, victim, kind] {
      const auto node = nodes_.find(victim);
      if (node == nodes_.end() || healed_) return;
      if (kind <= 1) {
        if (node->second->up()) node->second->crash("crash");
        return;
      }
      sim::LinkEffect effect;
      if (kind == 2) effect.cut = true;
      if (kind == 3) effect.loss = 300, effect.duplicate = 200, effect.reorder = 300;
      if (kind == 4) effect.delay = Duration::millis(150);
      const uint64_t fault =
          net_.add_fault([victim](NodeId from, NodeId to) { return from == victim || to == victim; }, effect);
      world.after(lasts, [this, fault] { net_.remove_fault(fault); });
    });
  }

  void judge() {
    const Register* longest = nullptr;
    for (const auto& [id, node] : nodes_) {
      if (gone_.contains(id) || node->core() == nullptr) continue;
      const Register& r = node->core()->state();
      if (longest == nullptr || r.names.size() > longest->names.size()) longest = &r;
    }
    ASSERT_NE(longest, nullptr);
    std::map<std::string, size_t> position;
    for (size_t i = 0; i < longest->names.size(); ++i) {
      EXPECT_TRUE(position.emplace(longest->names[i], i + 1).second) << longest->names[i] << " was applied twice";
    }
    for (const auto& [name, where] : acknowledged) EXPECT_EQ(std::to_string(position[name]), where) << name;
    for (const std::string& name : never_) EXPECT_FALSE(position.contains(name)) << name << " was refused";
    for (const auto& [id, node] : nodes_) {
      if (gone_.contains(id)) continue;
      ASSERT_NE(node->core(), nullptr);
      EXPECT_EQ(node->core()->state().names, longest->names) << to_text(id) << ", seed " << world.seed();
    }
    EXPECT_FALSE(world.violated());
  }

  sim::Net net_;
  Random random_;
  std::vector<replica::MachineMember> founders_;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
  std::map<uint64_t, uint64_t> state_at_;
  std::map<NodeId, uint64_t> last_seen_;
  std::map<uint64_t, Pending> pending_;
  std::set<std::string> never_;
  std::set<NodeId> gone_;
  uint64_t last_call_ = 0;
  size_t greatest_ = 0;
  bool loading_ = true;
  bool healed_ = false;
};

TEST(MachineSim, KeepsItsPromisesUnderFaults) {
  size_t acknowledged = 0, questions = 0, unknown = 0, snapshots = 0, removed = 0;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    MachineRun run(seed);
    run.run();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    acknowledged += run.acknowledged.size();
    questions += run.questions;
    unknown += run.unknown;
    snapshots += run.snapshots;
    removed += run.removed;
  }
  // The runs were worth their name.
  EXPECT_GT(acknowledged, 5'000u);
  EXPECT_GT(questions, 2'000u);
  EXPECT_GT(unknown, 10u);
  EXPECT_GT(snapshots, 50u);
  EXPECT_GT(removed, 10u);
}

}  // namespace
}  // namespace holdfast
