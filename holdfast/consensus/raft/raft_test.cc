// The public face of a member, in a quiet world: every message arrives, every record is stable at once.
#include "holdfast/consensus/raft/raft.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "holdfast/consensus/raft/test_member.h"

namespace holdfast::raft {
namespace {

std::vector<NodeId> ids(std::initializer_list<uint64_t> numbers) {
  std::vector<NodeId> out;
  for (uint64_t n : numbers) out.push_back(NodeId(n));
  return out;
}

// A few members whose messages all arrive, in order, at once.
class Quiet {
 public:
  struct Wire {
    NodeId from, to;
    Message message;
  };
  explicit Quiet(std::vector<NodeId> voters, std::function<void(Config&)> adjust = {}) : adjust_(std::move(adjust)) {
    for (NodeId id : voters) add(id, Membership{.voters = voters});
  }
  TestMember& add(NodeId id, Membership bootstrap) {
    Config config{.self = id, .seed = id.value()};
    if (adjust_) adjust_(config);
    TestMember::Hooks hooks{[this, id](NodeId to, const Message& m) {
                              wires.push_back({id, to, m});
                            },
                            [this, id](const Event& e) { events[id].push_back(e); }, [](StableSeq, const Record&) {}};
    auto& member = members[id] = std::make_unique<TestMember>(config, std::move(bootstrap), std::move(hooks));
    member->start(now);
    return *member;
  }
  TestMember& at(uint64_t id) { return *members.at(NodeId(id)); }
  void run() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto& [id, m] : members) {
        if (!m->up()) continue;
        if (m->dirty()) m->sync(now), busy = true;
        if (m->has_blob_work()) m->work_blobs(now), busy = true;
      }
      std::deque<Wire> some;
      std::swap(some, wires);
      for (const Wire& w : some) {
        const auto it = members.find(w.to);
        if (it == members.end() || !it->second->up() || cut.contains(w.to) || cut.contains(w.from)) continue;
        it->second->receive(now, w.from, w.message);
        busy = true;
      }
    }
  }
  void pass(Duration d) {
    const Time end = now + d;
    for (;;) {
      run();
      Time next = end;
      for (auto& [id, m] : members) {
        if (m->up()) next = std::min(next, m->raft().deadline());
      }
      now = std::max(now, next);
      if (now >= end) return;
      for (auto& [id, m] : members) {
        if (m->up()) m->tick(now);
      }
    }
  }
  TestMember* leader() {
    TestMember* found = nullptr;
    for (auto& [id, m] : members) {
      if (m->up() && m->raft().role() == Role::kLeader && (!found || m->raft().term() > found->raft().term()))
        found = m.get();
    }
    return found;
  }
  Index propose(std::string_view text) {
    StatusOr<Index> index = absl::UnavailableError("");
    TestMember& m = *leader();
    m.step([&](Raft::Out& out) { index = m.raft().propose(now, {Slice::copy_of(text)}, out); });
    EXPECT_TRUE(index.ok()) << index.status();
    return index.value_or(Index{});
  }

  Time now;
  std::map<NodeId, std::unique_ptr<TestMember>> members;
  std::deque<Wire> wires;
  std::map<NodeId, std::vector<Event>> events;
  std::set<NodeId> cut;
  std::function<void(Config&)> adjust_;
};

TEST(Raft, ThreeMembersElectALeaderAndAgree) {
  Quiet net(ids({1, 2, 3}));
  net.pass(Duration::seconds(3));
  ASSERT_NE(net.leader(), nullptr);
  for (int i = 0; i < 10; ++i) net.propose("x" + std::to_string(i));
  net.run();
  for (auto& [id, m] : net.members) {
    EXPECT_EQ(m->raft().commit_index(), Index(11));
    EXPECT_EQ(m->state().hash, net.leader()->state().hash);
  }
}

TEST(Raft, ASingleVoterLeadsAndCommitsAsSoonAsItsRecordIsStable) {
  Quiet net(ids({1}));
  net.run();
  ASSERT_NE(net.leader(), nullptr);
  EXPECT_EQ(net.now, Time{});
  const Index index = net.propose("x");
  EXPECT_LT(net.at(1).raft().commit_index(), index);
  net.run();
  EXPECT_EQ(net.at(1).raft().commit_index(), index);
  EXPECT_EQ(net.wires.size(), 0u);
}

TEST(Raft, AFollowerThatWasAwayGetsASnapshot) {
  Quiet net(ids({1, 2, 3}), [](Config& c) {
    c.catch_up_entries = 0;
    c.snapshot_chunk_bytes = 16;
  });
  net.pass(Duration::seconds(3));
  const NodeId away = net.leader()->id() == NodeId(1) ? NodeId(2) : NodeId(1);
  net.cut.insert(away);
  for (int i = 0; i < 10; ++i) net.propose("x" + std::to_string(i));
  net.run();
  net.leader()->take_snapshot(net.now);
  net.run();
  net.cut.clear();
  net.pass(Duration::seconds(10));
  EXPECT_EQ(net.members.at(away)->state().hash, net.leader()->state().hash);
  EXPECT_EQ(net.members.at(away)->raft().snapshot().index, Index(11));
}

}  // namespace
}  // namespace holdfast::raft
