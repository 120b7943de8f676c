// Members that are added, promoted and removed, and the changes that are refused.
#include <gtest/gtest.h>

#include "holdfast/service/service_test_cluster.h"

namespace holdfast::service {
namespace {

TEST(Members, AMemberIsAddedPromotedAndRemoved) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));  // until every member has told its name
  TestMember& asked = c[c.leader().id().value() % 3 + 1];
  const auto added = c.ask(asked, store::MemberAddRequest{{"http://127.0.0.1:9009"}, true});
  ASSERT_TRUE(std::holds_alternative<store::MembersResponse>(added)) << print(added);
  const NodeId id = std::get<store::MembersResponse>(added).member.id;
  EXPECT_EQ(std::get<store::MembersResponse>(added).members.size(), 4u);
  EXPECT_EQ(error_of(c.ask(asked, store::MemberAddRequest{{"http://127.0.0.1:9009"}, true})), Error::kPeerUrlExist);
  EXPECT_EQ(error_of(c.ask(asked, store::MemberAddRequest{{"nonsense"}, true})), Error::kMemberBadUrls);
  EXPECT_EQ(error_of(c.ask(asked, store::MemberAddRequest{{"http://127.0.0.1:9010"}, true})), Error::kTooManyLearners);
  c.ask(asked, put("before", "v"));
  TestMember& joined = c.join(id, "m4");
  ASSERT_TRUE(c.run_until(
      [&] { return joined.service().replica().applied_index() >= asked.service().replica().applied_index(); }));
  EXPECT_EQ(error_of(c.ask(joined, put("x", "y"))), Error::kNotSupportedForLearner);
  store::Response promoted;
  ASSERT_TRUE(c.run_until([&] {
    promoted = c.ask(asked, store::MemberPromoteRequest{id});
    return error_of(promoted) == Error::kNone;
  })) << print(promoted);
  ASSERT_TRUE(c.run_until([&] { return !joined.service().replica().engine()->membership().is_learner(id); }));
  EXPECT_EQ(error_of(c.ask(joined, put("x", "y"))), Error::kNone);
  EXPECT_EQ(value_of(c.ask(joined, get("before"))), "v");
  ASSERT_EQ(error_of(c.ask(asked, store::MemberRemoveRequest{id})), Error::kNone);
  ASSERT_TRUE(c.run_until([&] { return !joined.stopped.empty(); }));
  EXPECT_EQ(error_of(c.ask(asked, store::MemberRemoveRequest{id})), Error::kMemberNotFound);
  EXPECT_EQ(error_of(c.ask(asked, put("after", "v"))), Error::kNone);
}

// The second voter is needed for the decision that makes it one, and cannot join before it is a member.
TEST(Members, AClusterOfOneGrowsThoughTheNewVoterHasNotStarted) {
  TestCluster c(1);
  c[1].start();
  ASSERT_EQ(error_of(c.ask(c.leader(), put("k", "v"))), Error::kNone);
  const auto added = c.ask(c[1], store::MemberAddRequest{{"http://127.0.0.1:9009"}, false});
  ASSERT_TRUE(std::holds_alternative<store::MembersResponse>(added)) << print(added);
  const NodeId id = std::get<store::MembersResponse>(added).member.id;
  EXPECT_EQ(error_of(c.ask(c[1], put("k", "w"))), Error::kNone) << "it is not missed until it has started";
  EXPECT_EQ(error_of(c.ask(c[1], store::MemberAddRequest{{"http://127.0.0.1:9010"}, false})),
            Error::kMemberNotEnoughStarted);
  TestMember& joined = c.join(id, "m2");
  ASSERT_TRUE(c.run_until([&] {
    const store::Member* m = c[1].service().store().member(id);
    return m != nullptr && !m->is_learner && !m->becomes_voter;
  })) << "it promotes itself";
  EXPECT_FALSE(c[1].service().replica().engine()->membership().is_learner(id));
  EXPECT_EQ(value_of(c.ask(joined, get("k"))), "w");
  EXPECT_EQ(error_of(c.ask(c[1], store::MemberAddRequest{{"http://127.0.0.1:9010"}, true})), Error::kNone);
}

TEST(Members, MembersAreNotChangedWhenThoseInReachWouldBeNoMajority) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));  // until every member has told its name
  TestMember& leader = c.leader();
  TestMember& down = c[leader.id().value() % 3 + 1];
  TestMember& other = c[down.id().value() % 3 + 1];
  down.crash();
  c.run_for(Duration::seconds(2));
  const store::MemberAddRequest add{{"http://127.0.0.1:9009"}, false};
  EXPECT_EQ(error_of(c.ask(leader, add)), Error::kUnhealthy) << "two of four";
  EXPECT_EQ(error_of(c.ask(other, store::MemberRemoveRequest{other.id()})), Error::kUnhealthy) << "one of two";
  EXPECT_EQ(error_of(c.ask(other, put("k", "v"))), Error::kNone);
  down.start();
  c.run_for(Duration::seconds(2));
  EXPECT_EQ(error_of(c.ask(other, add)), Error::kNone);
}

// The new leader has not heard the old one yet, and must not take that for a sign of life.
TEST(Members, AVoterIsNotAddedJustAfterTheLeaderHasFallen) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));
  TestMember& down = c.leader();
  TestMember& left = c[down.id().value() % 3 + 1];
  down.crash();
  ASSERT_TRUE(c.run_until([&] {
    const NodeId next = left.service().replica().engine()->leader();
    return next != NodeId() && next != down.id();
  }));
  ASSERT_EQ(error_of(c.ask(left, put("k", "v"))), Error::kNone)
      << "the term's first commit, before which all is refused";
  EXPECT_EQ(error_of(c.ask(left, store::MemberAddRequest{{"http://127.0.0.1:9009"}, false})), Error::kUnhealthy);
  EXPECT_EQ(error_of(c.ask(left, put("k", "w"))), Error::kNone);
  EXPECT_EQ(error_of(c.ask(left, store::MemberRemoveRequest{down.id()})), Error::kNone);
}

TEST(Members, AMemberThatIsDownCanBeRemoved) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));
  TestMember& leader = c.leader();
  TestMember& down = c[leader.id().value() % 3 + 1];
  down.crash();
  c.run_for(Duration::seconds(2));
  EXPECT_EQ(error_of(c.ask(leader, store::MemberRemoveRequest{down.id()})), Error::kNone);
  EXPECT_EQ(error_of(c.ask(leader, put("k", "v"))), Error::kNone);
}

// A refusal says that nothing was done. The leader before may have taken the change, and its successor, which has it in
// its log, is asked once more before it can know what becomes of it.
TEST(Members, AChangeThatAFallenLeaderTookIsNotRefusedByTheNext) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));  // until every member has told its name
  TestMember& leader = c.leader();
  TestMember& asked = c[leader.id().value() % 3 + 1];
  TestMember& heir = c[asked.id().value() % 3 + 1];
  asked.sync_takes = heir.sync_takes = Duration::millis(400);
  const auto last = [](TestMember& m) { return m.service().replica().engine()->last_index(); };
  const consensus::Index before = last(leader);
  const CallId id = asked.call(store::MemberAddRequest{{"http://127.0.0.1:9009"}, true});
  ASSERT_TRUE(c.run_until([&] { return last(heir) > before && last(asked) > before; }));
  leader.crash();
  c.run_for(Duration::millis(500));
  heir.sync_takes = Duration();
  asked.sync_takes = Duration::millis(100);
  ASSERT_TRUE(c.run_until([&] { return asked.replies.count(id) > 0; }));
  ASSERT_TRUE(c.run_until([&] { return asked.service().store().members().size() == 4; })) << "it was taken";
  EXPECT_EQ(error_of(asked.replies.at(id)), Error::kNone);
}

// It is found to be right where it was asked for, which may be behind: then it is refused, or two members would have
// one address.
TEST(Members, AChangeThatIsOutOfDateIsRefused) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));  // until every member has told its name
  TestMember& leader = c.leader();
  TestMember& behind = c[leader.id().value() % 3 + 1];
  const store::MemberAddRequest add{{"http://127.0.0.1:9009"}, true};
  ASSERT_EQ(error_of(c.ask(leader, add)), Error::kNone);
  ASSERT_EQ(behind.service().store().members().size(), 3u);
  const CallId id = behind.call(add);
  ASSERT_TRUE(c.run_until([&] { return behind.replies.count(id) > 0; }));
  EXPECT_EQ(error_of(behind.replies.at(id)), Error::kUnhealthy);
  EXPECT_EQ(leader.service().store().members().size(), 4u);
}

// What changes no quorum needs none.
TEST(Members, ALearnerMayGoWhileAVoterHasNotStarted) {
  TestCluster c(1);
  c[1].start();
  c.leader();
  c.run_for(Duration::seconds(2));
  const auto add = [&](const std::string& url, bool learner) {
    const auto added = c.ask(c[1], store::MemberAddRequest{{url}, learner});
    return std::get<store::MembersResponse>(added).member.id;
  };
  const NodeId learner = add("http://127.0.0.1:9009", true);
  c.join(learner, "m2");
  ASSERT_TRUE(c.run_until([&] { return !c[1].service().store().member(learner)->name.empty(); }));
  add("http://127.0.0.1:9010", false);
  EXPECT_EQ(error_of(c.ask(c[1], store::MemberRemoveRequest{learner})), Error::kNone);
}

}  // namespace
}  // namespace holdfast::service
