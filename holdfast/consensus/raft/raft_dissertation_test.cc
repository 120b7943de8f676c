// One test for each claim of the dissertation's chapters 3, 4 and 6 beyond the paper's, named by its section.
#include <gtest/gtest.h>

#include "holdfast/consensus/raft/lone_member.h"
#include "holdfast/consensus/raft/quiet_net.h"

namespace holdfast::raft {
namespace {

Status change(TestMember& m, Time now, std::vector<Change> changes) {
  Status status;
  m.step([&](Raft::Out& out) { status = m.raft().change_membership(now, changes, Slice(), out).status(); });
  return status;
}

// 3.10: the target of a transfer campaigns at once, without a pre-vote, and voters disregard their leader for it.
TEST(RaftDissertation, S310_LeadershipIsHandedOverWithoutATimeout) {
  Quiet net(ids({1, 2, 3}));
  net.pass(Duration::seconds(3));
  TestMember& old = *net.leader();
  const NodeId target = old.id() == NodeId(1) ? NodeId(2) : NodeId(1);
  Status status;
  old.step([&](Raft::Out& out) { status = old.raft().transfer_leadership(net.now, target, out); });
  ASSERT_TRUE(status.ok());
  net.run();
  EXPECT_EQ(net.leader()->id(), target);
  EXPECT_EQ(old.raft().role(), Role::kFollower);
}

// 3.10: a transfer that does not succeed within an election timeout is given up.
TEST(RaftDissertation, S310_AFailedTransferEnds) {
  Lone one;
  one.lead();
  one.sync();
  one.acknowledge(2, 1);
  one.member->step([&](Raft::Out& out) { EXPECT_TRUE(one.raft().transfer_leadership(one.now, NodeId(3), out).ok()); });
  EXPECT_FALSE(one.propose("x").ok());
  for (int i = 0; i < 15; ++i) {
    one.tick();
    one.hear(2, HeartbeatReply{one.raft().term(), 1});
  }
  EXPECT_TRUE(one.propose("x").ok());
}

// 4.1: only one change at a time, and only after an entry of the leader's term is committed (the bug of 2015).
TEST(RaftDissertation, S41_AChangeWaitsForTheFirstCommitOfTheTermAndForTheOneBefore) {
  Lone one;
  one.lead();
  one.sync();
  EXPECT_FALSE(change(*one.member, one.now, {{ChangeKind::kAddVoter, NodeId(4)}}).ok());
  one.acknowledge(2, 1);
  EXPECT_TRUE(change(*one.member, one.now, {{ChangeKind::kAddVoter, NodeId(4)}}).ok());
  EXPECT_FALSE(change(*one.member, one.now, {{ChangeKind::kAddVoter, NodeId(5)}}).ok());
}

// 4.1: a membership is in force as soon as it is in the log, and rolled back when its entry is removed.
TEST(RaftDissertation, S41_AMembershipIsInForceWhenAppendedAndRolledBackWhenTruncated) {
  Lone one;
  const Membership four{.voters = ids({1, 2, 3, 4})};
  const Slice data = codec::encode_flat(MembershipEntry{four, Slice()});
  one.append(1, 0, 0, {command(1, 1), {Index(2), Term(1), EntryKind::kMembership, data}});
  EXPECT_EQ(one.raft().membership(), four);
  one.append(2, 1, 1, {command(2, 2)});
  EXPECT_EQ(one.raft().membership().voters, ids({1, 2, 3}));
}

// 4.2.1: a learner is promoted only when it has caught up.
TEST(RaftDissertation, S421_ALearnerIsPromotedWhenItHasCaughtUp) {
  Quiet net(ids({1, 2, 3}));
  net.pass(Duration::seconds(3));
  TestMember& leader = *net.leader();
  ASSERT_TRUE(change(leader, net.now, {{ChangeKind::kAddLearner, NodeId(4)}}).ok());
  net.run();
  EXPECT_FALSE(change(leader, net.now, {{ChangeKind::kPromote, NodeId(4)}}).ok());
  net.add(NodeId(4), Membership{});
  net.pass(Duration::seconds(2));
  EXPECT_TRUE(change(leader, net.now, {{ChangeKind::kPromote, NodeId(4)}}).ok());
  net.run();
  EXPECT_TRUE(net.at(4).raft().membership().is_voter(NodeId(4)));
}

// 4.2.2: a leader that removes itself leads until that is committed, does not count itself, then steps down.
TEST(RaftDissertation, S422_ALeaderRemovesItself) {
  Lone one;
  one.lead();
  one.sync();
  one.acknowledge(2, 1);
  ASSERT_TRUE(change(*one.member, one.now, {{ChangeKind::kRemove, NodeId(1)}}).ok());
  one.sync();
  one.acknowledge(2, 2);
  EXPECT_EQ(one.raft().role(), Role::kLeader);
  EXPECT_EQ(one.raft().commit_index(), Index(1));
  one.acknowledge(3, 2);
  EXPECT_EQ(one.raft().commit_index(), Index(2));
  EXPECT_EQ(one.raft().role(), Role::kFollower);
}

// 4.2.2: a member that was removed hears of it, also when it learns in one message what came after.
TEST(RaftDissertation, S422_ARemovedMemberIsToldAlsoOfWhatFollowed) {
  Lone one;
  const auto members = [](uint64_t index, std::vector<NodeId> voters) {
    const MembershipEntry entry{Membership{.voters = std::move(voters)}, Slice()};
    return Entry{Index(index), Term(1), EntryKind::kMembership, codec::encode_flat(entry)};
  };
  const NodeId two(2), three(3), four(4);
  one.append(1, 0, 0, {members(1, {two, three}), members(2, {two, three, four})}, /*commit=*/2);
  EXPECT_EQ(std::count_if(one.events.begin(), one.events.end(),
                          [](const Event& e) { return std::holds_alternative<Removed>(e); }),
            1);
}

// 4.2.3: a member that hears a leader neither votes nor takes over the candidate's term.
TEST(RaftDissertation, S423_ADisruptiveCandidateIsIgnored) {
  Lone one;
  one.append(1, 0, 0, {command(1, 1)});
  one.sync();
  one.hear(3, RequestVote{Term(9), Index(9), Term(8)});
  EXPECT_EQ(one.raft().term(), Term(1));
  one.hear(3, RequestVote{.term = Term(9), .last_index = Index(9), .last_term = Term(8), .leadership_transfer = true});
  EXPECT_EQ(one.raft().term(), Term(9));
}

// 4.2.3: a member that was removed cannot depose a leader by its replies either.
TEST(RaftDissertation, S423_RepliesOfStrangersAreNotBelieved) {
  Lone one;
  one.lead();
  one.hear(9, HeartbeatReply{Term(50), 1});
  one.hear(9, AppendReply{.term = Term(50)});
  EXPECT_EQ(one.raft().role(), Role::kLeader);
}

// 4.3: during joint consensus both majorities decide, and the leader ends it by itself.
TEST(RaftDissertation, S43_JointConsensusNeedsBothMajoritiesAndIsLeftAutomatically) {
  Lone one;
  one.lead();
  one.sync();
  one.acknowledge(2, 1);
  ASSERT_TRUE(change(*one.member, one.now,
                     {{ChangeKind::kRemove, NodeId(2)},
                      {ChangeKind::kRemove, NodeId(3)},
                      {ChangeKind::kAddVoter, NodeId(4)},
                      {ChangeKind::kAddVoter, NodeId(5)}})
                  .ok());
  EXPECT_TRUE(one.raft().membership().joint());
  one.sync();
  one.acknowledge(4, 2);
  one.acknowledge(5, 2);
  EXPECT_EQ(one.raft().commit_index(), Index(1));
  one.acknowledge(2, 2);
  EXPECT_EQ(one.raft().commit_index(), Index(2));
  EXPECT_FALSE(one.raft().membership().joint());
  EXPECT_EQ(one.raft().membership().voters, ids({1, 4, 5}));
}

// 6.2: a leader that does not hear a quorum for an election timeout steps down.
TEST(RaftDissertation, S62_ALeaderWithoutAQuorumStepsDown) {
  Lone one;
  one.lead();
  const Time since = one.now;
  while (one.raft().role() == Role::kLeader && one.now < since + Duration::seconds(5)) one.tick();
  EXPECT_EQ(one.raft().role(), Role::kFollower);
  EXPECT_LE((one.now - since).millis(), 1000);
}

// 6.4: before its first commit a leader does not know how far the log is committed, and answers no read.
TEST(RaftDissertation, S64_AReadWaitsForTheFirstCommitOfTheTerm) {
  Lone one;
  one.lead();
  one.sync();
  one.member->step([&](Raft::Out& out) { one.raft().read_index(one.now, 1, out); });
  one.hear(2, HeartbeatReply{one.raft().term(), 1});
  one.events.clear();
  one.acknowledge(2, 1);
  one.hear(2, HeartbeatReply{one.raft().term(), 2});
  ASSERT_FALSE(one.events.empty());
  EXPECT_TRUE(std::holds_alternative<ReadReady>(one.events.back()));
}

// 6.4.1: under a lease a read needs no message; the lease counts from the time the round was sent.
TEST(RaftDissertation, S641_TheLeaseCountsFromTheSendingOfTheRound) {
  Lone one(3, Config{.read_mode = ReadMode::kLease});
  one.lead();
  one.sync();
  const Time sent = one.now;
  one.acknowledge(2, 1);
  one.now = sent + Duration::millis(500);  // the echo takes its time
  one.hear(2, HeartbeatReply{one.raft().term(), 1});
  const auto answered = [&](uint64_t token) {
    one.events.clear();
    one.member->step([&](Raft::Out& out) { one.raft().read_index(one.now, token, out); });
    return !one.events.empty();
  };
  one.now = sent + Duration::millis(899);
  EXPECT_TRUE(answered(1));
  one.now = sent + Duration::millis(900);
  EXPECT_FALSE(answered(2));
}

// 6.4.1: after a restart a voter may have forgotten a leader whose lease counts on it, so it waits as if it had heard
// it.
TEST(RaftDissertation, S641_ARestartedVoterWaitsOutTheLease) {
  Lone one(3, Config{.read_mode = ReadMode::kLease});
  one.append(1, 0, 0, {command(1, 1)});
  one.sync();
  one.member->crash(0);
  one.member->start(one.now);
  one.sync();
  one.hear(3, RequestVote{Term(2), Index(1), Term(1)});
  EXPECT_EQ(one.raft().term(), Term(1));
  one.now = one.now + Duration::millis(1000);
  one.hear(3, RequestVote{Term(2), Index(1), Term(1)});
  EXPECT_EQ(one.raft().term(), Term(2));
}

// 9.6: a pre-vote changes no term, neither the candidate's nor the voter's.
TEST(RaftDissertation, S96_APreVoteRaisesNoTerm) {
  Lone one;
  one.tick();
  EXPECT_EQ(one.raft().role(), Role::kPreCandidate);
  EXPECT_EQ(one.raft().term(), Term(0));
  one.hear(3, RequestVote{.term = Term(7), .pre_vote = true});
  EXPECT_EQ(one.raft().term(), Term(0));
  EXPECT_TRUE(one.take<VoteReply>().at(0).granted);
}

// A member that lost its disk has promised what it does not know: it stands aside until a leader has reached it.
TEST(RaftDissertation, AMemberWithoutAPastStandsAsideInAClusterThatHasOne) {
  Lone one;
  one.hear(3, RequestVote{Term(8), Index(100), Term(7)});
  one.sync();
  EXPECT_EQ(one.raft().term(), Term(0));
  EXPECT_TRUE(one.take<VoteReply>().empty());
}

}  // namespace
}  // namespace holdfast::raft
