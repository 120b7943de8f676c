// One test for each claim of the paper (Ongaro, Ousterhout, extended version), named by its section.
#include <gtest/gtest.h>

#include "holdfast/consensus/raft/lone_member.h"

namespace holdfast::raft {
namespace {

// 5.1: if a member's term is smaller than another's, it updates it; a leader or candidate reverts to follower.
TEST(RaftPaper, S51_ALeaderThatLearnsOfALaterTermFollows) {
  Lone one;
  one.lead();
  ASSERT_EQ(one.raft().role(), Role::kLeader);
  one.hear(3, AppendReply{.term = Term(5)});
  EXPECT_EQ(one.raft().role(), Role::kFollower);
  EXPECT_EQ(one.raft().term(), Term(5));
}

// 5.1: a request with a stale term is rejected.
TEST(RaftPaper, S51_AStaleLeaderIsTold) {
  Lone one;
  one.append(3, 0, 0, {});
  one.sync();
  one.take<AppendReply>();
  one.append(2, 0, 0, {command(1, 2)});
  const auto replies = one.take<AppendReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_FALSE(replies[0].success);
  EXPECT_EQ(replies[0].term, Term(3));
  EXPECT_EQ(one.raft().last_index(), Index(0));
}

// 5.2: a member begins as a follower and stays one while it hears a leader.
TEST(RaftPaper, S52_AFollowerThatHearsItsLeaderDoesNotCampaign) {
  Lone one;
  EXPECT_EQ(one.raft().role(), Role::kFollower);
  for (int i = 0; i < 50; ++i) {
    one.hear(2, Heartbeat{Term(1), Index(0), 1});
    one.now = one.now + Duration::millis(900);
    one.member->tick(one.now);
  }
  EXPECT_EQ(one.raft().role(), Role::kFollower);
  EXPECT_EQ(one.raft().leader(), NodeId(2));
}

// 5.2: to begin an election a follower increments its term, votes for itself and asks all others.
TEST(RaftPaper, S52_ACandidateEntersTheNextTermAndVotesForItselfInOneRecord) {
  Lone one;
  one.tick();
  one.hear(2, VoteReply{Term(1), true, true});
  EXPECT_EQ(one.raft().role(), Role::kCandidate);
  const auto* state = std::get_if<HardState>(&one.records.back());
  ASSERT_NE(state, nullptr);
  EXPECT_EQ(state->term, Term(1));
  EXPECT_EQ(state->vote, NodeId(1));
  one.take<RequestVote>();
  one.sync();
  EXPECT_EQ(one.take<RequestVote>().size(), 2u);
}

// 5.2: at most one vote in a term, first come first served.
TEST(RaftPaper, S52_AVoteIsGivenOncePerTerm) {
  Lone one;
  one.hear(2, RequestVote{Term(4)});
  one.hear(3, RequestVote{Term(4)});
  one.hear(2, RequestVote{Term(4)});
  one.sync();
  const auto replies = one.take<VoteReply>();
  ASSERT_EQ(replies.size(), 3u);
  int granted = 0;
  for (const VoteReply& r : replies) granted += r.granted ? 1 : 0;
  EXPECT_EQ(granted, 2);  // both to member 2
}

// 5.2: a candidate that hears a leader of its term or a later one follows it.
TEST(RaftPaper, S52_ACandidateFollowsALeaderOfItsTerm) {
  Lone one;
  one.tick();
  one.hear(2, VoteReply{Term(1), true, true});
  one.sync();
  one.append(1, 0, 0, {});
  EXPECT_EQ(one.raft().role(), Role::kFollower);
  EXPECT_EQ(one.raft().leader(), NodeId(2));
}

// 5.2: timeouts are drawn anew from an interval, so that split votes are rare.
TEST(RaftPaper, S52_TimeoutsLieBetweenOneAndTwoElectionTimeoutsAndDiffer) {
  Lone one;
  std::set<int64_t> seen;
  for (int i = 0; i < 40; ++i) {
    one.hear(2, Heartbeat{Term(1), Index(0), 1});
    const int64_t wait = (one.raft().deadline() - one.now).millis();
    EXPECT_GE(wait, 1000);
    EXPECT_LT(wait, 2000);
    seen.insert(wait);
  }
  EXPECT_GT(seen.size(), 20u);
}

// 5.3: the leader appends, sends in parallel, and commits once a majority holds the entry.
TEST(RaftPaper, S53_AnEntryIsCommittedWhenAMajorityHoldsIt) {
  Lone one;
  one.lead();
  one.sync();
  one.acknowledge(2, 1);
  ASSERT_EQ(one.raft().commit_index(), Index(1));
  ASSERT_TRUE(one.propose("x").ok());
  one.sync();
  EXPECT_EQ(one.raft().commit_index(), Index(1));
  one.acknowledge(3, 2);
  EXPECT_EQ(one.raft().commit_index(), Index(2));
}

// 5.3: the leader counts itself only for what is on its stable storage, for it may lose the rest.
TEST(RaftPaper, S53_TheLeadersOwnRecordCountsWhenItIsStable) {
  Lone one;
  one.lead();
  one.acknowledge(2, 1);
  EXPECT_EQ(one.raft().commit_index(), Index(0));
  one.sync();
  EXPECT_EQ(one.raft().commit_index(), Index(1));
}

// 5.3: a follower that does not have the preceding entry refuses.
TEST(RaftPaper, S53_AFollowerRefusesAGap) {
  Lone one;
  one.append(1, 5, 1, {command(6, 1)});
  one.sync();
  const auto replies = one.take<AppendReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_FALSE(replies[0].success);
  EXPECT_EQ(one.raft().last_index(), Index(0));
}

// 5.3: conflicting entries are deleted and replaced by the leader's.
TEST(RaftPaper, S53_ConflictingEntriesAreReplaced) {
  Lone one;
  one.append(1, 0, 0, {command(1, 1), command(2, 1), command(3, 1)});
  one.append(2, 1, 1, {command(2, 2, "y")});
  EXPECT_EQ(one.raft().last_index(), Index(2));
  one.sync();
  EXPECT_EQ(one.take<AppendReply>().back().match, Index(2));
}

// 5.3: only if it conflicts. A late message must not erase what follows it.
TEST(RaftPaper, S53_ALateAppendErasesNothing) {
  Lone one;
  one.append(1, 0, 0, {command(1, 1), command(2, 1), command(3, 1)});
  one.append(1, 0, 0, {command(1, 1)});
  EXPECT_EQ(one.raft().last_index(), Index(3));
}

// 5.3: a reply is given only when what it says is on stable storage (figure 2, "updated on stable storage before").
TEST(RaftPaper, S53_AnAcknowledgementWaitsForItsRecords) {
  Lone one;
  one.append(1, 0, 0, {command(1, 1)});
  EXPECT_TRUE(one.take<AppendReply>().empty());
  one.append(1, 0, 0, {command(1, 1)});  // the same again, still not stable
  EXPECT_TRUE(one.take<AppendReply>().empty());
  one.sync();
  EXPECT_EQ(one.take<AppendReply>().size(), 2u);
}

// 5.4.1: a vote is refused to a candidate whose log is behind.
TEST(RaftPaper, S541_AVoteIsRefusedToALogThatIsBehind) {
  struct Case {
    uint64_t last_index, last_term;
    bool granted;
  };
  for (const Case c : {Case{1, 1, false}, {2, 2, true}, {3, 2, true}, {9, 1, false}, {1, 3, true}, {1, 2, false}}) {
    Lone one;
    one.append(2, 0, 0, {command(1, 1), command(2, 2)});
    one.sync();
    one.now = one.now + Duration::seconds(5);
    one.take<VoteReply>();
    one.hear(3, RequestVote{Term(7), Index(c.last_index), Term(c.last_term)});
    one.sync();
    EXPECT_EQ(one.take<VoteReply>().at(0).granted, c.granted) << c.last_index << " of " << c.last_term;
  }
}

// 5.4.2: an entry of an earlier term is not committed by counting.
TEST(RaftPaper, S542_AnOlderTermsEntryIsCommittedOnlyWithOneOfTheOwnTerm) {
  Lone one;
  one.append(1, 0, 0, {command(1, 1), command(2, 1)});
  one.sync();
  one.lead();
  one.sync();
  ASSERT_EQ(one.raft().last_index(), Index(3));
  one.acknowledge(2, 2);
  one.acknowledge(3, 2);
  EXPECT_EQ(one.raft().commit_index(), Index(0));
  one.acknowledge(2, 3);
  EXPECT_EQ(one.raft().commit_index(), Index(3));
}

// 5.5: requests are idempotent, and replies too.
TEST(RaftPaper, S55_RepeatedAndReorderedRepliesChangeNothing) {
  Lone one;
  one.lead();
  one.sync();
  ASSERT_TRUE(one.propose("x").ok());
  ASSERT_TRUE(one.propose("y").ok());
  one.sync();
  one.acknowledge(2, 3);
  one.acknowledge(2, 1);
  one.acknowledge(2, 3);
  EXPECT_EQ(one.raft().match_of(NodeId(2)), Index(3));
  EXPECT_EQ(one.raft().commit_index(), Index(3));
}

// 6 and 8: a new leader begins with a no-op of its term.
TEST(RaftPaper, S8_ALeaderBeginsItsTermWithANoop) {
  Lone one;
  one.lead();
  const auto* appended = std::get_if<Appended>(&one.records.back());
  ASSERT_NE(appended, nullptr);
  EXPECT_EQ(appended->entry.kind, EntryKind::kNoop);
  EXPECT_EQ(appended->entry.term, one.raft().term());
}

// 7: a follower that holds the snapshot's last entry, or is beyond it, needs none and says so.
TEST(RaftPaper, S7_ASnapshotOfWhatIsCommittedIsNotLoaded) {
  Lone one;
  one.append(1, 0, 0, {command(1, 1), command(2, 1)}, 2);
  one.sync();
  one.take<SnapshotReply>();
  SnapshotChunk chunk{.term = Term(1)};
  chunk.meta = {.index = Index(2), .term = Term(1), .membership = one.raft().membership(), .size = 4};
  one.hear(2, chunk);
  const auto replies = one.take<SnapshotReply>();
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_TRUE(replies[0].installed);
}

// 8: a leader answers a read only after it has heard a majority since it was asked.
TEST(RaftPaper, S8_AReadIsAnsweredAfterAMajorityWasHeard) {
  Lone one;
  one.lead();
  one.sync();
  one.acknowledge(2, 1);
  one.take<Heartbeat>();
  one.member->step([&](Raft::Out& out) { one.raft().read_index(one.now, 77, out); });
  const uint64_t round = one.take<Heartbeat>().at(0).round;
  const auto answered = [&] {
    return std::any_of(one.events.begin(), one.events.end(),
                       [](const Event& e) { return std::holds_alternative<ReadReady>(e); });
  };
  one.hear(2, HeartbeatReply{one.raft().term(), round - 1});
  EXPECT_FALSE(answered());
  one.hear(2, HeartbeatReply{one.raft().term(), round});
  EXPECT_TRUE(answered());
}

}  // namespace
}  // namespace holdfast::raft
