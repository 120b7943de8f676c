// The public face of a member, in a quiet world: every message arrives, every record is stable at once.
#include "holdfast/consensus/raft/raft.h"

#include <gtest/gtest.h>

#include "holdfast/consensus/raft/quiet_net.h"

namespace holdfast::raft {
namespace {

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
