// Random runs against what Raft promises: election safety, log matching, leader append-only, leader completeness, state
// machine safety, linearizable reads, and progress once faults have healed (random_run.h).
#include <algorithm>
#include <cstdlib>

#include "holdfast/consensus/random_hunt_testing.h"

#include "holdfast/consensus/raft/quiet_net.h"
#include "holdfast/consensus/raft/random_run.h"

namespace holdfast::raft {
namespace {

TEST(RaftRandom, NoPromiseIsBroken) { consensus::expect_no_broken_promise<RandomRun>("RAFT", 2000); }

// Of two voters with leases the leader removes itself, while one of them may not be heard; the other restarts at any
// time.
class LeaverRun {
 public:
  explicit LeaverRun(uint64_t seed)
      : random_(seed), net_(ids({1, 2}), [](Config& config) { config.read_mode = ReadMode::kLease; }) {}

  // Empty: no read missed what was committed before it was asked.
  std::string violation() {
    net_.pass(Duration::seconds(5));
    TestMember& leaver = *net_.leader();
    TestMember& other = net_.at(leaver.id() == NodeId(1) ? 2 : 1);
    const uint64_t dumb = random_.below(3);
    net_.lost = [&, dumb](NodeId from, NodeId) { return from == (dumb == 1 ? leaver.id() : other.id()) && dumb != 2; };
    if (random_.chance(1, 4)) net_.pass(Duration::millis(random_.between(0, 200)));
    leaver.step([&](Raft::Out& out) {
      const consensus::Change leave{consensus::ChangeKind::kRemove, leaver.id()};
      (void)leaver.raft().change_membership(net_.now, {leave}, Slice(), out);
    });
    net_.run();
    const uint64_t falls = random_.below(8), heals = random_.below(40);
    for (uint64_t i = 0; i < 60 && violation_.empty(); ++i) {
      if (i == falls) other.crash(0);
      if (i == falls + 1) other.start(net_.now);
      if (i == heals) net_.lost = {};
      use(leaver), use(other);
      net_.pass(Duration::millis(random_.between(1, 40)));
    }
    return violation_;
  }
  size_t reads_answered() const { return reads_answered_; }

 private:
  void use(TestMember& m) {
    if (!m.up() || m.raft().role() != Role::kLeader) return;
    if (random_.chance(1, 2)) {
      m.step([&](Raft::Out& out) { (void)m.raft().propose(net_.now, {Slice::copy_of("x")}, out); });
      net_.run();
      committed_ = std::max(committed_, m.raft().commit_index());
    }
    net_.events.clear();
    m.step([&](Raft::Out& out) { m.raft().read_index(net_.now, 1, out); });
    for (const Event& e : net_.events[m.id()]) {
      const auto* ready = std::get_if<ReadReady>(&e);
      if (ready == nullptr) continue;
      ++reads_answered_;
      if (ready->index < committed_) violation_ = print(m.id()) + " reads at " + print(ready->index);
    }
  }

  Random random_;
  Quiet net_;
  Index committed_;
  size_t reads_answered_ = 0;
  std::string violation_;
};

// RAFT_LEAVERS=N runs that many.
TEST(RaftRandom, NoReadByLeaseIsStaleWhenTheLeaderOfTwoLeaves) {
  const char* more = std::getenv("RAFT_LEAVERS");
  const uint64_t seeds = more == nullptr ? 500 : std::strtoull(more, nullptr, 10);
  size_t reads = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    LeaverRun run(seed);
    ASSERT_EQ(run.violation(), "") << "seed " << seed;
    reads += run.reads_answered();
  }
  EXPECT_GT(reads, 10 * seeds);
}

}  // namespace
}  // namespace holdfast::raft
