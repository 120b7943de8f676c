// One test for each claim of Castro and Liskov (TOCS 2002; sections as there) about the normal case and changes of
// view.
#include <gtest/gtest.h>

#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

using Operations = std::vector<std::string>;

// Section 4.3: request, pre-prepare, prepare, commit, reply; nothing else, and each as often as the paper says, except
// that the request goes to all (section 5.1, "separate request transmission").
TEST(PbftPaper, TheNormalCaseTakesThreePhases) {
  Quiet q;
  q.start();
  q.deliver();
  q.delivered.clear();
  q.submit("a");
  q.deliver();
  EXPECT_EQ(q.answers.size(), 1u);
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(q.executed[NodeId(i)], Operations{"a"});
  EXPECT_EQ(q.delivered[kind_of<Submit>()], 4u);
  EXPECT_EQ(q.delivered[kind_of<PrePrepare>()], 3u);
  EXPECT_EQ(q.delivered[kind_of<Prepare>()], 12u);
  EXPECT_EQ(q.delivered[kind_of<Commit>()], 12u);
  EXPECT_EQ(q.delivered[kind_of<Reply>()], 4u);
}

// Section 4.3: the group stays safe and goes on while f of its members are silent.
TEST(PbftPaper, FMayBeSilent) {
  for (const int n : {4, 5, 6, 7, 10}) {
    Quiet q(n);
    q.start();
    const uint64_t f = static_cast<uint64_t>(n - 1) / 3;
    for (uint64_t i = 0; i < f; ++i) q.crash(static_cast<uint64_t>(n) - i);
    q.submit("a");
    q.deliver();
    q.pass(1);  // for whose votes the others wait once
    EXPECT_EQ(q.answers.size(), 1u) << n;
  }
}

TEST(PbftPaper, MoreThanFSilentMeansNoProgressAndNoLie) {
  Quiet q;
  q.start();
  q.crash(3);
  q.crash(4);
  q.submit("a");
  q.pass(5000);
  EXPECT_TRUE(q.answers.empty());
  EXPECT_TRUE(q.executed[NodeId(1)].empty());
}

// Section 4.3.2: a backup accepts a pre-prepare unless it has accepted another for the same view and number.
TEST(PbftPaper, ABackupAcceptsOneProposalForAPlace) {
  Quiet q;
  q.start();
  q.wires.clear();
  const Slice first = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "a")}});
  const Slice second = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "b")}});
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), first});
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), second});
  size_t votes = 0;
  for (const auto& w : q.wires) {
    const Message m = w.message();
    if (const auto* p = std::get_if<Prepare>(&m)) {
      ++votes;
      EXPECT_EQ(p->vote.digest, crypto::digest(first.view()));
    }
  }
  EXPECT_EQ(votes, 3u);
}

// Section 4.3.2: ... and it is in that view, from its primary, between the water marks, and the request authentic.
TEST(PbftPaper, ABackupRefusesWhatNoCorrectPrimarySends) {
  Quiet q;
  q.start();
  q.wires.clear();
  const Slice batch = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "a")}});
  q.say(NodeId(3), NodeId(2), PrePrepare{0, View(), Seq(1), batch});      // not the primary
  q.say(NodeId(2), NodeId(3), PrePrepare{0, View(1), Seq(1), batch});     // not this view
  q.say(NodeId(1), NodeId(2), PrePrepare{1, View(), Seq(1), batch});      // not this epoch
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(9), batch});      // above the high water mark
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(~0ull), batch});  // nonsense
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(), batch});       // at the low water mark
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), Slice::copy_of("x")});
  SignedRequest forged = q.request(NodeId(101), 1, "a");
  forged.request.operations[0] = Slice::copy_of("b");
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), codec::encode_flat(Batch{1, {forged}})});
  q.say(NodeId(1), NodeId(2),
        PrePrepare{0, View(), Seq(1), codec::encode_flat(Batch{1, {q.request(NodeId(77), 1, "a")}})});  // a stranger
  EXPECT_TRUE(q.wires.empty());
  EXPECT_EQ(q.member(2).disk().size(), 2u);  // the founding, and where it stands
}

// Section 4.3.2: prepared needs a quorum of distinct, authentic votes for the very digest.
TEST(PbftPaper, PreparedNeedsAQuorumOfDistinctVotes) {
  Quiet q;
  q.start();
  q.wires.clear();
  const Slice batch = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "a")}});
  const Vote v = q.vote(View(), Seq(1), crypto::digest(batch.view()));
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), batch});
  const auto commits = [&] {
    return std::count_if(q.wires.begin(), q.wires.end(),
                         [](const auto& w) { return std::holds_alternative<Commit>(w.message()); });
  };
  q.say(NodeId(1), NodeId(2), q.prepare(NodeId(1), v));
  q.say(NodeId(1), NodeId(2), q.prepare(NodeId(1), v));  // again
  EXPECT_EQ(commits(), 0);
  q.say(NodeId(3), NodeId(2), Prepare{v, q.sign(NodeId(1), "something else")});  // its code is right, its signature not
  EXPECT_EQ(commits(), 0);
  q.say(NodeId(4), NodeId(2), q.prepare(NodeId(4), q.vote(View(), Seq(1), Digest{})));  // for something else
  EXPECT_EQ(commits(), 0);
  q.say(NodeId(3), NodeId(2), q.prepare(NodeId(3), v));
  EXPECT_EQ(commits(), 3);
}

// Section 4.3.3: the promise is stable before it is spoken of.
TEST(PbftPaper, NothingIsPromisedBeforeItIsWritten) {
  Quiet q;
  q.start();
  q.deliver();
  q.slow = {NodeId(2), NodeId(3), NodeId(4)};
  q.submit("a");
  q.deliver();
  EXPECT_TRUE(q.executed[NodeId(1)].empty());
  for (uint64_t i = 2; i <= 4; ++i) q.member(i).sync(q.now, 1);  // the accepted proposals: now they vote
  q.deliver();
  EXPECT_TRUE(q.executed[NodeId(1)].empty());
  EXPECT_TRUE(q.executed[NodeId(2)].empty());
  for (uint64_t i = 2; i <= 3; ++i) q.member(i).sync(q.now, 1);  // the certificates: now they commit
  q.deliver();
  EXPECT_EQ(q.executed[NodeId(1)], Operations{"a"});
}

// Section 4.2: the client waits for f + 1 replies with the same result.
TEST(PbftPaper, AClientBelievesFPlusOne) {
  Quiet q;
  q.drops = [](NodeId, NodeId to, const Message& m) { return to == NodeId(101) && std::holds_alternative<Reply>(m); };
  q.start();
  q.submit("a");
  q.deliver();
  q.drops = {};
  const RequestId id{NodeId(101), 1, 1};
  const auto reply = [&](const std::string& result) {
    Reply r{.id = id};
    r.results = {Slice::copy_of(result)};
    r.digest = digest_of_results(id, *r.results);
    return r;
  };
  q.say(NodeId(4), NodeId(101), reply("false"));
  q.say(NodeId(4), NodeId(101), reply("false"));
  EXPECT_TRUE(q.answers.empty());
  // The digest of the others, with results of its own.
  Reply disguised = reply("true");
  disguised.results = {Slice::copy_of("false")};
  q.say(NodeId(4), NodeId(101), disguised);
  Reply brief = reply("true");
  brief.results.reset();
  q.say(NodeId(3), NodeId(101), brief);
  EXPECT_TRUE(q.answers.empty());
  q.say(NodeId(2), NodeId(101), reply("true"));
  EXPECT_EQ(q.answers, Operations{"true"});
}

// Section 4.2: a repeated request is answered from memory, and executed once.
TEST(PbftPaper, ARepeatedRequestIsExecutedOnce) {
  Quiet q;
  q.drops = [](NodeId, NodeId to, const Message& m) { return to == NodeId(101) && std::holds_alternative<Reply>(m); };
  q.start();
  q.submit("a");
  q.deliver();
  EXPECT_TRUE(q.answers.empty());
  q.drops = {};
  q.pass(400);
  EXPECT_EQ(q.answers.size(), 1u);
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(q.executed[NodeId(i)], Operations{"a"});
}

// Section 4.3.4: with a quorum of equal votes a checkpoint is stable, and the water marks move.
TEST(PbftPaper, CheckpointsBecomeStableAndTheWindowMoves) {
  Quiet q;
  q.start();
  for (int i = 0; i < 20; ++i) {
    q.submit("op" + std::to_string(i));
    q.deliver();
  }
  for (uint64_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(q.replica(i).stable_checkpoint(), Seq(20));
    EXPECT_EQ(q.executed[NodeId(i)].size(), 20u);
  }
}

// Section 4.3.4: without it the primary stops at the high water mark.
TEST(PbftPaper, NobodyGoesBeyondTheWindow) {
  Quiet q;
  q.drops = [](NodeId, NodeId, const Message& m) {
    return std::holds_alternative<CheckpointVote>(m) || std::holds_alternative<StableNotice>(m);
  };
  q.start();
  for (int i = 0; i < 12; ++i) {
    q.submit("op" + std::to_string(i));
    q.deliver();
  }
  EXPECT_EQ(q.executed[NodeId(1)].size(), 8u);
}

// Lost votes for checkpoints are said again, or the group would stay at its high water mark for ever.
TEST(PbftPaper, LostVotesForCheckpointsAreSaidAgain) {
  Quiet q;
  q.drops = [](NodeId, NodeId, const Message& m) { return std::holds_alternative<CheckpointVote>(m); };
  q.start();
  for (int i = 0; i < 12; ++i) {
    q.submit("op" + std::to_string(i));
    q.deliver();
  }
  EXPECT_EQ(q.executed[NodeId(1)].size(), 8u);
  q.drops = {};
  q.pass(300);
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(q.executed[NodeId(i)].size(), 12u);
  EXPECT_EQ(q.replica(1).view(), View());
}

// Section 4.4: a primary that does nothing is replaced, and what was asked for is executed, once.
TEST(PbftPaper, ASilentPrimaryIsReplaced) {
  Quiet q;
  q.start();
  q.crash(1);
  q.submit("a");
  q.pass(4000);
  EXPECT_EQ(q.answers.size(), 1u);
  for (uint64_t i = 2; i <= 4; ++i) {
    EXPECT_EQ(q.executed[NodeId(i)], Operations{"a"});
    EXPECT_EQ(q.replica(i).view(), View(1));
  }
}

// Section 4.4, 4.5.1: what was prepared anywhere keeps its place in the new view.
TEST(PbftPaper, WhatWasPreparedKeepsItsPlace) {
  Quiet q;
  q.start();
  q.drops = [](NodeId, NodeId, const Message& m) { return std::holds_alternative<Commit>(m); };
  q.submit("a");
  q.deliver();
  EXPECT_TRUE(q.executed[NodeId(2)].empty());
  q.crash(1);
  q.drops = {};
  q.submit("b", 102);
  q.pass(4000);
  for (uint64_t i = 2; i <= 4; ++i) {
    EXPECT_EQ(q.executed[NodeId(i)], (Operations{"a", "b"}));
    EXPECT_GE(q.replica(i).view(), View(1));
  }
}

// Section 4.4: a place that nobody prepared, before one that somebody did, is filled with nothing.
TEST(PbftPaper, GapsAreFilledWithNothing) {
  Quiet q;
  q.start();
  q.deliver();
  q.drops = [](NodeId, NodeId, const Message& m) {
    if (const auto* p = std::get_if<PrePrepare>(&m)) return p->seq == Seq(1);
    return std::holds_alternative<Commit>(m);
  };
  q.submit("a");
  q.deliver();
  q.submit("b", 102);
  q.deliver();
  q.crash(1);
  q.drops = {};
  q.pass(6000);
  // "b" was prepared at place 2; "a" was known to the crashed primary only, and is asked for again.
  for (uint64_t i = 2; i <= 4; ++i) EXPECT_EQ(q.executed[NodeId(i)], (Operations{"b", "a"}));
  EXPECT_EQ(q.answers.size(), 2u);
}

// Section 4.4: a new view needs the view changes of a quorum, each signed by its sender.
TEST(PbftPaper, ANewViewNeedsItsProof) {
  Quiet q;
  q.start();
  q.deliver();
  const auto change = [&](uint64_t from, uint64_t signer, uint64_t view = 1) {
    ViewChange c{.view = View(view), .from = NodeId(from)};
    c.stable.checkpoint = Quiet::genesis(q.base.configuration);
    return SignedViewChange{c, q.sign(NodeId(signer), text_of(kQuietCluster, c))};
  };
  const auto view = [&](std::vector<SignedViewChange> changes) {
    NewView n{.view = View(1), .changes = std::move(changes)};
    return SignedNewView{n, q.sign(NodeId(2), text_of(kQuietCluster, n))};
  };
  const auto enters = [&](const SignedNewView& n) {
    q.pass(1100);  // who has said what is refused is heard again after a while
    q.say(NodeId(2), NodeId(3), n);
    return q.replica(3).view() == View(1);
  };
  EXPECT_FALSE(enters(view({change(1, 1), change(2, 2)})));                   // too few
  EXPECT_FALSE(enters(view({change(1, 1), change(2, 2), change(2, 2)})));     // one twice
  EXPECT_FALSE(enters(view({change(1, 2), change(2, 2), change(4, 2)})));     // forged
  EXPECT_FALSE(enters(view({change(1, 1), change(2, 2), change(77, 2)})));    // a stranger's
  EXPECT_FALSE(enters(view({change(1, 1), change(2, 2), change(4, 4, 2)})));  // of another view
  SignedNewView by_another = view({change(1, 1), change(2, 2), change(4, 4)});
  by_another.signature = q.sign(NodeId(4), text_of(kQuietCluster, by_another.view));
  EXPECT_FALSE(enters(by_another));
  EXPECT_TRUE(enters(view({change(1, 1), change(2, 2), change(4, 4)})));
}

// Section 4.5.2: f + 1 who want a higher view take everybody along; fewer take nobody.
TEST(PbftPaper, FPlusOneWishesTakeAReplicaAlong) {
  Quiet q;
  q.start();
  q.deliver();
  const auto wish = [&](uint64_t from, uint64_t view) {
    ViewChange c{.view = View(view), .from = NodeId(from)};
    q.say(NodeId(from), NodeId(4), SignedViewChange{c, q.sign(NodeId(from), text_of(kQuietCluster, c))});
  };
  wish(2, 5);
  EXPECT_FALSE(q.replica(4).changing());
  wish(3, 7);
  EXPECT_TRUE(q.replica(4).changing());
  EXPECT_EQ(q.replica(4).view(), View(5));
}

// Section 4.5.2: a replica that nobody hears or follows climbs no views, and is no trouble when it comes back. Here it
// does not even leave the view: its votes are needed as soon as another member fails.
TEST(PbftPaper, ALoneReplicaWaits) {
  Quiet q;
  q.start();
  q.deliver();
  q.drops = [](NodeId from, NodeId to, const Message&) {
    return (from == NodeId(4)) != (to == NodeId(4)) && to.value() < 100 && from.value() < 100;
  };
  const SignedRequest r = q.request(NodeId(101), 1, "a");
  q.say(NodeId(101), NodeId(4), Submit{r});
  q.pass(30'000);
  EXPECT_EQ(q.replica(4).view(), View());
  EXPECT_FALSE(q.replica(4).changing());
  q.drops = {};
  q.crash(3);
  q.submit("b", 102);
  q.pass(500);
  EXPECT_EQ(q.answers.size(), 1u);
  EXPECT_EQ(q.replica(1).view(), View());
  for (const uint64_t i : {1, 2, 4}) EXPECT_EQ(q.executed[NodeId(i)].back(), "b");
}

// Section 4.5.2: each view that fails has twice as much time as the one before.
TEST(PbftPaper, TimeoutsGrow) {
  Quiet q(7);
  q.start();
  q.deliver();
  // The next primaries open no view.
  q.drops = [](NodeId, NodeId, const Message& m) { return std::holds_alternative<SignedNewView>(m); };
  q.crash(1);
  q.submit("a");
  std::vector<int64_t> entered;
  View last;
  for (int i = 0; i < 4000 && entered.size() < 5; ++i) {
    q.pass(10);
    // The primary of a view enters it by itself; the others go on.
    if (q.replica(7).view() != last) {
      last = q.replica(7).view();
      entered.push_back(q.now.millis());
    }
  }
  ASSERT_EQ(entered.size(), 5u);
  for (size_t i = 2; i + 1 < entered.size(); ++i) {
    EXPECT_GE(entered[i + 1] - entered[i], (entered[i] - entered[i - 1]) * 3 / 2) << i;
  }
}

}  // namespace
}  // namespace holdfast::pbft
