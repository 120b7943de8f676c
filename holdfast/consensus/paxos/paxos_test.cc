// Claims of the papers and rules of ours that one small scene each can show. What holds under all schedules is in
// paxos_random_test.cc; whole conversations are in testdata/ (paxos_transcript_test.cc).
#include <gtest/gtest.h>

#include "holdfast/consensus/paxos/lone_member.h"
#include "holdfast/consensus/paxos/test_member.h"

namespace holdfast::paxos {
namespace {

// "Paxos Made Simple", 2.2, P1a: an acceptor accepts a proposal unless it has promised a greater ballot.
TEST(Acceptor, RejectsWhatIsBelowItsPromise) {
  Lone one;
  one.collect(3, 5);
  one.sync();
  EXPECT_EQ(one.take<Last>().size(), 1u);
  one.begin(2, 4, {value(1, 4)});
  one.sync();
  const auto rejected = one.take<Reject>();
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].promised, (Ballot{Term(5), NodeId(3)}));
  EXPECT_EQ(one.paxos().last_index(), Index(0));
}

// 2.2: two ballots of one round are ordered by their nodes.
TEST(Acceptor, PrefersTheGreaterNodeOfOneRound) {
  Lone one;
  one.collect(2, 5);
  one.collect(3, 5);
  one.sync();
  one.take<Last>();
  EXPECT_EQ(one.paxos().ballot(), (Ballot{Term(5), NodeId(3)}));
  one.collect(2, 5);
  one.sync();
  EXPECT_EQ(one.take<Reject>().size(), 1u);
}

// "Paxos Made Live", 5: promises and accepted values are on disk before they are spoken of.
TEST(Acceptor, SaysNothingBeforeItIsStable) {
  Lone one;
  one.collect(3, 5);
  EXPECT_TRUE(one.take<Last>().empty());
  one.sync();
  EXPECT_EQ(one.take<Last>().size(), 1u);
  one.begin(3, 5, {value(1, 5)});
  EXPECT_TRUE(one.take<Accept>().empty());
  one.sync();
  EXPECT_EQ(one.take<Accept>().size(), 1u);
}

TEST(Acceptor, ForgetsNothingInARestart) {
  Lone one;
  one.begin(3, 5, {value(1, 5, "a"), value(2, 5, "b")});
  one.sync();
  one.restart();
  EXPECT_EQ(one.paxos().ballot(), (Ballot{Term(5), NodeId(3)}));
  one.take<Accept>();
  one.pass_the_lease();
  one.collect(2, 6);
  one.sync();
  const auto last = one.take<Last>();
  ASSERT_EQ(last.size(), 1u);
  ASSERT_EQ(last[0].votes.size(), 2u);
  EXPECT_EQ(last[0].votes[1].entry.data.view(), "b");
  EXPECT_EQ(last[0].votes[1].ballot, (Ballot{Term(5), NodeId(3)}));
}

// Values come in any order; what is chosen is delivered in the order of slots and without gaps.
TEST(Acceptor, AcceptsOutOfOrderAndDeliversInOrder) {
  Lone one;
  one.begin(3, 5, {value(2, 5, "b")}, 0);
  one.sync();
  const auto accepted = one.take<Accept>();
  ASSERT_EQ(accepted.size(), 1u);
  EXPECT_EQ(accepted[0].first, Index(2));
  EXPECT_EQ(accepted[0].held, Index(0));
  one.hear(3, Success{Ballot{Term(5), NodeId(3)}, Index(2), 0});
  EXPECT_EQ(one.paxos().commit_index(), Index(0)) << "slot 1 is not known";
  one.begin(3, 5, {value(1, 5, "a")}, 2);
  EXPECT_EQ(one.paxos().commit_index(), Index(2));
}

// What was accepted in an older ballot need not be what is chosen.
TEST(Acceptor, TakesForChosenOnlyWhatItAcceptedInTheLeadersBallot) {
  Lone one;
  one.begin(2, 4, {value(1, 4, "old")});
  one.hear(3, Success{Ballot{Term(5), NodeId(3)}, Index(1), 0});
  EXPECT_EQ(one.paxos().commit_index(), Index(0));
  one.begin(3, 5, {value(1, 5, "new")}, 1);
  EXPECT_EQ(one.paxos().commit_index(), Index(1));
}

// 2.2, P2c: the value of the highest ballot that any of a majority has accepted is proposed again, gaps become no-ops,
// and commands come behind ("Paxos Made Simple", section 3).
TEST(Takeover, ProposesTheValueOfTheHighestBallotAndFillsGaps) {
  Lone one;
  one.begin(2, 1, {value(1, 1, "low")});
  one.sync();
  one.collect_as_leader();
  one.answer(
      3, {Vote{Ballot{Term(1), NodeId(3)}, value(1, 1, "high")}, Vote{Ballot{Term(1), NodeId(3)}, value(3, 1, "c")}});
  ASSERT_EQ(one.paxos().role(), Role::kLeader);
  one.sync();
  ASSERT_TRUE(one.propose("new").ok());
  std::vector<Entry> begun;
  for (const Begin& b : one.take<Begin>()) begun.insert(begun.end(), b.entries.begin(), b.entries.end());
  ASSERT_GE(begun.size(), 4u);
  EXPECT_EQ(begun[0].data.view(), "high");
  EXPECT_EQ(begun[0].term, Term(1)) << "a value keeps the round in which it was first proposed";
  EXPECT_EQ(begun[1].kind, EntryKind::kNoop);
  EXPECT_EQ(begun[2].data.view(), "c");
  EXPECT_EQ(begun[3].data.view(), "new");
}

// 2.2: a majority decides, and the leader counts itself only once its own record is stable.
TEST(Leader, CountsItselfOnlyWhenItsRecordIsStable) {
  Lone one(2);
  one.lead();
  ASSERT_TRUE(one.propose("x").ok());
  one.accept(2, 1);
  EXPECT_EQ(one.paxos().commit_index(), Index(0));
  one.sync();
  EXPECT_EQ(one.paxos().commit_index(), Index(1));
}

TEST(Leader, StopsWhenItIsRejected) {
  Lone one;
  one.lead();
  one.hear(2, Reject{one.paxos().ballot(), Ballot{Term(9), NodeId(3)}});
  EXPECT_EQ(one.paxos().role(), Role::kFollower);
}

// A membership entry is a barrier: nothing is proposed behind it before it is chosen and the new voters have promised.
TEST(Membership, IsABarrierForProposals) {
  Lone one;
  one.lead();
  ASSERT_TRUE(one.change({ChangeKind::kAddVoter, NodeId(4)}).ok());
  ASSERT_TRUE(one.propose("behind").ok());
  one.sync();
  for (const Begin& b : one.take<Begin>()) EXPECT_EQ(b.entries.back().index, Index(1));
  one.accept(2, 1);
  EXPECT_EQ(one.paxos().membership().voters.size(), 4u);
  EXPECT_TRUE(one.take<Begin>().empty()) << "three of four have to promise first";
  one.answer(3, {});
  EXPECT_FALSE(one.take<Begin>().empty());
}

// A learner counts nowhere, and is promoted only once it has caught up: the cluster would wait for it.
TEST(Membership, ALearnerIsPromotedWhenItHasCaughtUp) {
  Lone one;
  one.lead();
  ASSERT_TRUE(one.change({ChangeKind::kAddLearner, NodeId(4)}).ok());
  one.sync();
  one.accept(2, 1);
  one.sync();
  one.accept(2, 2);
  ASSERT_EQ(one.paxos().commit_index(), Index(2));
  const auto promoted = [&] { return one.change({ChangeKind::kPromote, NodeId(4)}).status(); };
  EXPECT_TRUE(absl::IsFailedPrecondition(promoted())) << "it has nothing yet";
  ASSERT_TRUE(one.propose("x").ok());
  one.sync();
  one.accept(4, 3);
  EXPECT_EQ(one.paxos().commit_index(), Index(2)) << "a learner is no part of a majority";
  one.accept(2, 3);
  ASSERT_EQ(one.paxos().commit_index(), Index(3));
  one.now = one.now + Duration::millis(1500);
  one.accept(2, 3);
  EXPECT_TRUE(absl::IsFailedPrecondition(promoted())) << "it is not heard";
  one.hear(4, Echo{one.paxos().ballot(), 0, Index(3)});
  one.hear(4, Echo{one.paxos().ballot(), 0, Index(3)});
  EXPECT_TRUE(promoted().ok());
  one.sync();
  one.accept(2, 4);
  EXPECT_EQ(one.paxos().membership().voters.size(), 4u);
}

// Who confirms a read that began before a change of the membership knows nothing of what the former voters have decided
// since, it may be under another leader.
TEST(Membership, RaisesTheReadsUnderWay) {
  Lone one;
  one.lead();
  ASSERT_TRUE(one.propose("a").ok());
  one.sync();
  one.accept(2, 1);
  ASSERT_EQ(one.paxos().commit_index(), Index(1));
  one.take<Success>();
  one.member->step([&](Paxos::Out& out) { one.paxos().read_index(one.now, 7, out); });
  const uint64_t round = one.take<Success>().at(0).round;
  one.member->step([&](Paxos::Out& out) {
    const std::vector<Change> others = {
        {ChangeKind::kAddVoter, NodeId(4)}, {ChangeKind::kRemove, NodeId(2)}, {ChangeKind::kRemove, NodeId(3)}};
    ASSERT_TRUE(one.paxos().change_membership(one.now, others, Slice(), out).ok());
  });
  one.sync();
  one.accept(2, 2);
  ASSERT_EQ(one.paxos().commit_index(), Index(2));
  one.events.clear();
  one.hear(4, Echo{one.paxos().ballot(), round, Index(0)});
  ASSERT_EQ(one.events.size(), 1u);
  EXPECT_EQ(std::get<ReadReady>(one.events[0]).index, Index(2));
}

// The leader's snapshot of slot 5, with a fourth voter, has arrived whole; its blob is not sealed yet.
void receive_snapshot(Lone& one) {
  const Slice image = codec::encode_flat(Image{.index = Index(5)});
  const Membership four{.voters = ids({1, 2, 3, 4})};
  const uint32_t crc = crc32c(image.view());
  const SnapshotMeta meta{
      .index = Index(5), .term = Term(1), .membership = four, .size = image.size(), .crc32c = crc};
  one.hear(2, SnapshotChunk{Ballot{Term(1), NodeId(2)}, meta, 0, image, crc});
  one.sync();
}
Ballot inquire(Lone& one) {
  one.now = std::max(one.now, one.paxos().deadline());
  one.member->tick(one.now);
  const std::vector<Inquiry> asked = one.take<Inquiry>();
  return asked.empty() ? Ballot{} : asked[0].ballot;
}

// What the owner is about to load holds more than this member would begin to lead with.
TEST(Snapshot, KeepsFromTakingOverWhileItIsLoaded) {
  Lone one;
  receive_snapshot(one);
  const Ballot asked = inquire(one);
  one.member->work_blobs(one.now);
  one.member->work_blobs(one.now);
  const Ballot before = one.paxos().ballot();
  one.hear(2, InquiryReply{asked, true, Ballot{}});
  EXPECT_EQ(one.paxos().role(), Role::kFollower);
  EXPECT_EQ(one.paxos().ballot(), before);
}

// A snapshot that is installed after all ends what was built on less: a leader would not know the voters it names.
TEST(Snapshot, IsNotInstalledUnderALeader) {
  Lone one;
  receive_snapshot(one);
  one.collect_as_leader();
  one.answer(2, {});
  ASSERT_EQ(one.paxos().role(), Role::kLeader);
  while (one.member->has_blob_work()) one.member->work_blobs(one.now);
  EXPECT_EQ(one.paxos().role(), Role::kFollower);
  EXPECT_EQ(one.paxos().commit_index(), Index(5));
  EXPECT_EQ(one.member->state().index, Index(5));
  one.sync();
  const Ballot asked = inquire(one);
  for (uint64_t node : {2, 3}) one.hear(node, InquiryReply{asked, true, Ballot{}});
  one.sync();
  for (uint64_t node : {2, 3}) one.answer(node, {});
  ASSERT_EQ(one.paxos().role(), Role::kLeader);
  EXPECT_TRUE(one.paxos().match_of(NodeId(4)).has_value());
}

// It may have lost its disk, and with it what it accepted: then its answer would let the candidate lead without that.
TEST(Acceptor, WithoutAPastStandsAsideInAClusterThatHasOne) {
  Lone one;
  one.hear(3, Inquiry{Ballot{Term(8), NodeId(3)}, Index(100)});
  one.hear(3, Collect{Ballot{Term(8), NodeId(3)}, Index(100), Index(100)});
  one.sync();
  EXPECT_TRUE(one.take<InquiryReply>().empty());
  EXPECT_EQ(one.paxos().ballot(), Ballot{});
}

// The price: member 3 was never reached, member 1 has nothing but a snapshot to show. They wait for member 2.
TEST(Leadership, WaitsForAMajorityThatWasReachedOnce) {
  Quiet net(ids({1, 2, 3}), [](consensus::Config& config) { config.catch_up_entries = 0; });
  net.cut.insert(NodeId(3));
  net.pass(Duration::seconds(5));
  ASSERT_NE(net.leader(), nullptr);
  for (int i = 0; i < 5; ++i) net.propose("v" + std::to_string(i));
  net.pass(Duration::seconds(1));
  net.at(1).take_snapshot(net.now);
  net.run();
  for (uint64_t id : {1, 2}) net.at(id).crash(0);
  net.cut.clear();
  net.at(1).start(net.now);
  net.pass(Duration::seconds(60));
  EXPECT_EQ(net.leader(), nullptr);
  net.at(2).start(net.now);
  net.pass(Duration::seconds(10));
  ASSERT_NE(net.leader(), nullptr);
  net.propose("z");
  net.pass(Duration::seconds(1));
  EXPECT_EQ(net.at(3).state().hash, net.leader()->state().hash);
  net.at(2).crash(0);
  net.pass(Duration::seconds(10));
  EXPECT_NE(net.leader(), nullptr) << "from now on it counts";
}

// Known bug R20: who is cut off in part does not depose a leader that works.
TEST(Leadership, IsNotDisturbedByAMemberThatIsCutOffInPart) {
  Quiet net(ids({1, 2, 3}));
  net.pass(Duration::seconds(5));
  ASSERT_NE(net.leader(), nullptr);
  const NodeId leader = net.leader()->id();
  const Ballot ballot = net.leader()->core().ballot();
  const NodeId apart(leader == NodeId(3) ? 2 : 3);
  net.lost = [&](NodeId from, NodeId to) { return from == leader && to == apart; };  // it hears the third one only
  for (int i = 0; i < 20; ++i) {
    net.propose("v" + std::to_string(i));
    net.pass(Duration::seconds(1));
  }
  ASSERT_NE(net.leader(), nullptr);
  EXPECT_EQ(net.leader()->core().ballot(), ballot);
  EXPECT_GE(net.leader()->core().commit_index(), Index(20));
}

// Lamport: "a single proposer is distinguished"; with it, after a crash, a new one is found and all goes on.
TEST(Leadership, PassesOnWhenTheLeaderCrashes) {
  Quiet net(ids({1, 2, 3}));
  net.pass(Duration::seconds(5));
  net.propose("a");
  net.run();
  const NodeId first = net.leader()->id();
  net.leader()->crash(0);
  net.pass(Duration::seconds(10));
  ASSERT_NE(net.leader(), nullptr);
  EXPECT_NE(net.leader()->id(), first);
  net.propose("b");
  net.pass(Duration::seconds(1));
  EXPECT_GE(net.leader()->state().index, Index(2));
}

// A cluster of two becomes one: who leaves serves until who stays knows.
TEST(Membership, TheLeaderOfTwoCanBeRemoved) {
  Quiet net(ids({1, 2}));
  net.pass(Duration::seconds(5));
  TestMember& leader = *net.leader();
  const NodeId stays(leader.id() == NodeId(1) ? 2 : 1);
  leader.step([&](Paxos::Out& out) {
    EXPECT_TRUE(leader.core().change_membership(net.now, {{ChangeKind::kRemove, leader.id()}}, Slice(), out).ok());
  });
  net.run();
  const auto& raised = net.events[leader.id()];
  EXPECT_TRUE(
      std::any_of(raised.begin(), raised.end(), [](const Event& e) { return std::holds_alternative<Removed>(e); }));
  leader.crash(0);
  net.pass(Duration::seconds(5));
  ASSERT_NE(net.leader(), nullptr);
  EXPECT_EQ(net.leader()->id(), stays);
  net.propose("alone");
}

TEST(Hostile, AbsurdNumbersAreIgnored) {
  Lone one;
  const Index huge = Index(uint64_t{1} << 63);
  one.hear(2, Begin{Ballot{Term(1), NodeId(2)}, huge, Index(), {value(1, 1)}});
  one.hear(2, Begin{Ballot{Term(1), NodeId(2)}, Index(), Index(), {value(uint64_t{1} << 40, 1)}});
  one.hear(2, Begin{Ballot{Term(~uint64_t{0}), NodeId(2)}, Index(), Index(), {value(1, 1)}});
  one.hear(2, Collect{Ballot{Term(1), NodeId(3)}, Index(1), Index(1)});
  EXPECT_EQ(one.paxos().last_index(), Index(0));
  one.sync();
  one.lead();
  one.hear(2, Accept{one.paxos().ballot(), Index(1), huge, huge});
  one.hear(2, Echo{one.paxos().ballot(), 1, huge});
  one.hear(2, Reject{one.paxos().ballot(), Ballot{Term(~uint64_t{0}), NodeId(3)}});
  EXPECT_EQ(one.paxos().commit_index(), Index(0));
}

}  // namespace
}  // namespace holdfast::paxos
