// Proposals that name their requests (TOCS 2002, section 5, separate request transmission): who has the requests needs no
// more, and whoever does not gets them, whatever a client or the primary does.
#include <gtest/gtest.h>

#include "holdfast/base/codec.h"
#include "holdfast/consensus/pbft/briefs.h"
#include "holdfast/consensus/pbft/late_testing.h"

namespace holdfast::pbft {
namespace {

struct Briefly : Quiet {
  explicit Briefly(int n = 4) : Quiet(n) {
    base.whole_proposal_bytes = 0;
    start();
    deliver();
  }
  static bool proposes(const Message& m) {
    return std::holds_alternative<BriefPrePrepare>(m) || std::holds_alternative<PrePrepare>(m);
  }
};

bool of_client_to(uint64_t member, NodeId from, NodeId to, const Message& m) {
  return from == NodeId(101) && to == NodeId(member) && std::holds_alternative<Submit>(m);
}

// A batch of one request, and the proposal that names it.
struct Named {
  Named(const SignedRequest& r, Seq seq, int64_t stamp_ms = 1)
      : bytes(codec::encode_flat(Batch{stamp_ms, {r}})), digest(crypto::digest(bytes.view())) {
    brief = {0, View(), seq, digest, stamp_ms, {r.request.id}};
  }
  Slice bytes;
  Digest digest;
  BriefPrePrepare brief;
};

TEST(PbftBriefs, NameWhatTheOthersHave) {
  Briefly q;
  run(q, 20);
  EXPECT_EQ(q.answers.size(), 20u);
  EXPECT_EQ(q.delivered[kind_of<BriefPrePrepare>()], 60u);
  EXPECT_EQ(q.delivered[kind_of<PrePrepare>()], 0u);
  EXPECT_EQ(q.delivered[kind_of<FetchBatch>()], 0u);
  for (uint64_t id = 2; id <= 4; ++id) EXPECT_EQ(q.executed[NodeId(id)], q.executed[NodeId(1)]);
}

TEST(PbftBriefs, AreForBatchesThatAreLargeEnough) {
  Quiet q;
  q.base.whole_proposal_bytes = 300;
  q.start();
  q.deliver();
  run(q, 1, "small");
  EXPECT_EQ(q.delivered[kind_of<PrePrepare>()], 3u);
  run(q, 1, std::string(300, 'x'));
  EXPECT_EQ(q.delivered[kind_of<PrePrepare>()], 3u);
  EXPECT_EQ(q.delivered[kind_of<BriefPrePrepare>()], 3u);
}

TEST(PbftBriefs, ARequestThatComesBehindItsProposalCompletesIt) {
  Briefly q;
  Late late(q, 3, [](NodeId from, NodeId to, const Message& m) { return of_client_to(2, from, to, m); });
  q.crash(4);  // so that n2 is needed
  q.submit("a");
  late.pass(1);
  EXPECT_TRUE(q.executed[NodeId(2)].empty());
  late.pass(3);
  q.deliver();
  q.pass(50);  // the fourth vote is waited for
  EXPECT_EQ(q.executed[NodeId(2)].size(), 1u);
  EXPECT_EQ(q.delivered[kind_of<FetchBatch>()], 0u);
}

// A client that tells the primary only delays its own batches by little, and nobody is blamed.
TEST(PbftBriefs, WhatDoesNotComeIsHadFromThePrimary) {
  Briefly q;
  q.drops = [](NodeId from, NodeId to, const Message& m) {
    return to != NodeId(1) && of_client_to(to.value(), from, to, m);
  };
  for (int i = 0; i < 50; ++i) {
    q.submit("op" + std::to_string(i));
    q.deliver();
    q.pass(10);
    EXPECT_EQ(q.answers.size(), static_cast<size_t>(i + 1));
  }
  EXPECT_EQ(q.replica(2).view(), View());
}

TEST(PbftBriefs, QuestionsThatAreLostAreAskedAgain) {
  Briefly q;
  int lost = 0;
  q.drops = [&](NodeId from, NodeId to, const Message& m) {
    if (std::holds_alternative<FetchBatch>(m)) return ++lost <= 3;
    return std::holds_alternative<StatusReport>(m) || (to != NodeId(1) && of_client_to(to.value(), from, to, m));
  };
  q.submit("a");
  q.pass(150);
  EXPECT_GT(lost, 3);
  EXPECT_EQ(q.answers.size(), 1u);
}

// The client signs two requests under one name, and tells the backups the other one.
TEST(PbftBriefs, TwoRequestsUnderOneNameStopNobody) {
  Briefly q;
  for (uint64_t to = 1; to <= 4; ++to) {
    q.say(NodeId(101), NodeId(to), Submit{q.request(NodeId(101), 1, to == 1 ? "a" : "b")});
  }
  const uint64_t before = hits_of("pbft.brief_differs");
  q.pass(30);
  EXPECT_EQ(hits_of("pbft.brief_differs"), before + 3);
  for (uint64_t id = 1; id <= 4; ++id) EXPECT_EQ(q.executed[NodeId(id)], std::vector<std::string>{"a"});
  EXPECT_EQ(q.replica(2).view(), View());
}

// Nobody has what it names: as if it had proposed nothing.
TEST(PbftBriefs, APrimaryThatNamesWhatNobodyHasIsVotedOut) {
  Briefly q;
  const Named nothing(q.request(NodeId(101), 9, "nothing"), Seq(1));
  for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(1), NodeId(to), nothing.brief);
  q.drops = [](NodeId from, NodeId, const Message& m) { return from == NodeId(1) && Briefly::proposes(m); };
  q.submit("a");
  q.pass(3000);
  EXPECT_EQ(q.answers.size(), 1u);
  EXPECT_GE(q.replica(2).view(), View(1));
}

// The request is there, the digest is not its batch's: no vote, whatever is named.
TEST(PbftBriefs, NobodyVotesForADigestWithoutItsBatch) {
  Briefly q;
  std::vector<Prepare> said;
  q.says = [&](NodeId from, NodeId, const Message& m) {
    if (const auto* p = std::get_if<Prepare>(&m); p != nullptr && from == NodeId(2)) said.push_back(*p);
  };
  const SignedRequest r = q.request(NodeId(101), 1, "a");
  q.say(NodeId(101), NodeId(2), Submit{r});
  Named other(q.request(NodeId(101), 1, "b"), Seq(1));
  q.say(NodeId(1), NodeId(2), other.brief);
  EXPECT_TRUE(said.empty());
  q.say(NodeId(1), NodeId(2), BatchData{Seq(1), codec::encode_flat(Batch{1, {r}})});  // not what it proposed
  EXPECT_TRUE(said.empty());
  q.say(NodeId(1), NodeId(2), BatchData{Seq(1), other.bytes});
  ASSERT_FALSE(said.empty());
  EXPECT_EQ(said[0].vote.digest, other.digest);
}

TEST(PbftBriefs, AreOfThePrimaryOfThisViewOneForAPlace) {
  Briefly q;
  std::vector<Digest> voted;
  q.says = [&](NodeId from, NodeId to, const Message& m) {
    const auto* p = std::get_if<Prepare>(&m);
    if (from == NodeId(2) && to == NodeId(1) && p != nullptr) voted.push_back(p->vote.digest);
  };
  const SignedRequest a = q.request(NodeId(101), 1, "a"), b = q.request(NodeId(102), 1, "b");
  const Named first(a, Seq(1)), second(b, Seq(1)), far(b, Seq(9));
  q.say(NodeId(101), NodeId(2), Submit{a});
  q.say(NodeId(102), NodeId(2), Submit{b});
  BriefPrePrepare later = first.brief, other_epoch = first.brief;
  later.view = View(1);
  ++other_epoch.epoch;
  q.say(NodeId(3), NodeId(2), first.brief);
  q.say(NodeId(1), NodeId(2), later);
  q.say(NodeId(1), NodeId(2), other_epoch);
  q.say(NodeId(1), NodeId(2), far.brief);
  EXPECT_TRUE(voted.empty());
  q.say(NodeId(1), NodeId(2), first.brief);
  q.say(NodeId(1), NodeId(2), second.brief);
  EXPECT_EQ(voted, std::vector<Digest>{first.digest});
  // Likewise before the first is complete.
  const Named lacking(q.request(NodeId(101), 2, "c"), Seq(2)), there(b, Seq(2));
  q.say(NodeId(1), NodeId(2), lacking.brief);
  q.say(NodeId(1), NodeId(2), there.brief);
  EXPECT_EQ(voted.size(), 1u);
}

// What a correct primary does not propose is refused, whichever way it is shown.
TEST(PbftBriefs, ABatchIsNoLargerThanABatchMayBe) {
  Briefly q;
  const std::string much(q.base.max_batch_bytes / 2, 'x');
  const SignedRequest a = q.request(NodeId(101), 1, much), b = q.request(NodeId(102), 1, much);
  const Slice bytes = codec::encode_flat(Batch{1, {a, b}});
  q.say(NodeId(101), NodeId(2), Submit{a});
  q.say(NodeId(102), NodeId(2), Submit{b});
  q.wires.clear();
  const BriefPrePrepare brief{0, View(), Seq(1), crypto::digest(bytes.view()), 1, {a.request.id, b.request.id}};
  q.say(NodeId(1), NodeId(2), brief);
  q.say(NodeId(1), NodeId(2), BatchData{Seq(1), bytes});
  EXPECT_TRUE(q.wires.empty()) << "no vote";
}

// A small message must not make its receiver put two gigabytes together.
TEST(PbftBriefs, WhatIsNamedAgainAndAgainIsNotPutTogether) {
  Briefly q;
  const SignedRequest r = q.request(NodeId(101), 1, std::string(q.base.max_request_bytes, 'x'));
  q.say(NodeId(101), NodeId(2), Submit{r});
  q.wires.clear();
  const uint64_t refused = hits_of("pbft.proposal_refused"), differs = hits_of("pbft.brief_differs");
  BriefPrePrepare brief{0, View(), Seq(1), Digest{}, 1, {}};
  brief.requests.assign(q.base.max_batch_operations, r.request.id);
  q.say(NodeId(1), NodeId(2), brief);
  EXPECT_EQ(hits_of("pbft.proposal_refused"), refused + 1);
  EXPECT_EQ(hits_of("pbft.brief_differs"), differs) << "it was not even encoded";
}

TEST(PbftBriefs, NoMoreNamesThanABatchMayHold) {
  Briefly q;
  Named many(q.request(NodeId(101), 1, "a"), Seq(1));
  for (uint64_t i = 0; i <= q.base.max_batch_operations; ++i) many.brief.requests.push_back({NodeId(101), 1, 50 + i});
  q.say(NodeId(1), NodeId(2), many.brief);
  q.idle(10);
  EXPECT_TRUE(q.wires.empty()) << "nothing is asked for";
}

// What was named in the old view counts for nothing in the next.
TEST(PbftBriefs, AreForgottenWithTheirView) {
  Briefly q;
  const SignedRequest r = q.request(NodeId(101), 1, "a");
  const Named lacking(r, Seq(3), 3000);  // a stamp to be believed when it comes
  for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(1), NodeId(to), lacking.brief);
  q.crash(1);
  q.submit("x", 102);
  q.pass(3000);
  ASSERT_GE(q.replica(2).view(), View(1));
  std::vector<Vote> voted;
  q.says = [&](NodeId from, NodeId, const Message& m) {
    if (const auto* p = std::get_if<Prepare>(&m); p != nullptr && from == NodeId(3)) voted.push_back(p->vote);
  };
  q.say(NodeId(101), NodeId(3), Submit{r});
  q.say(NodeId(1), NodeId(3), BatchData{Seq(3), lacking.bytes});
  EXPECT_TRUE(voted.empty());
}

TEST(PbftBriefs, AreCompleteWhenEachOfTheirRequestsHasCome) {
  Briefs briefs;
  const RequestId a{NodeId(101), 1, 1}, b{NodeId(101), 1, 2};
  briefs.add({0, View(), Seq(1), {}, 0, {a, a}}, {a, a}, Time::at_millis(1));
  briefs.add({0, View(), Seq(2), {}, 0, {a, b}}, {a, b}, Time::at_millis(2));
  EXPECT_EQ(briefs.next(), Time::at_millis(1));
  EXPECT_EQ(briefs.came(a), std::vector<Seq>{Seq(1)});
  EXPECT_EQ(briefs.came(a), std::vector<Seq>{});
  EXPECT_EQ(briefs.came(b), std::vector<Seq>{Seq(2)});
  briefs.add({0, View(), Seq(3), {}, 0, {b}}, {b}, Time::at_millis(3));
  briefs.erase_up_to(Seq(3));
  EXPECT_EQ(briefs.came(b), std::vector<Seq>{}) << "what is settled is not completed";
  EXPECT_EQ(briefs.next(), Time::never());
}

}  // namespace
}  // namespace holdfast::pbft
