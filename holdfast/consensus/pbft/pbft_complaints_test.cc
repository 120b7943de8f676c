// Who is voted out, and who complains in vain.
#include <gtest/gtest.h>

#include <utility>

#include "holdfast/base/codec.h"
#include "holdfast/consensus/pbft/late_testing.h"
#include "holdfast/consensus/pbft/pool.h"
#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

TEST(PbftPrimary, OneThatIsUnfairToOneClientIsVotedOut) {
  Quiet q;
  q.start();
  // It hears nothing of client 102, from itself or from the others.
  q.drops = [](NodeId from, NodeId to, const Message& m) {
    const auto* s = std::get_if<Submit>(&m);
    return s != nullptr && to == NodeId(1) && s->request.request.id.client == NodeId(102) && from != NodeId(1);
  };
  q.submit("unheard", 102);
  for (int i = 0; i < 60; ++i) {
    q.submit("op" + std::to_string(i), 101);
    q.pass(50);
  }
  EXPECT_EQ(q.answers.size(), 61u);
  EXPECT_GE(q.replica(2).view(), View(1));
}

TEST(PbftPrimary, OneThatIsSlowButWithinTheTimeoutIsVotedOut) {
  Quiet q;
  q.base.pace_floor = Duration::millis(40);
  q.start();
  q.deliver();
  Late late(q, 600, [](NodeId from, NodeId, const Message& m) {
    return from == NodeId(1) && std::holds_alternative<PrePrepare>(m);
  });
  for (int i = 0; i < 40 && q.replica(2).view() == View(); ++i) {
    // To all: each backup times what it knows of.
    const SignedRequest r = q.request(NodeId(101), static_cast<uint64_t>(i + 1), "op" + std::to_string(i));
    for (uint64_t to = 1; to <= 4; ++to) q.say(NodeId(101), NodeId(to), Submit{r});
    for (int t = 0; t < 80 && q.executed[NodeId(2)].size() <= static_cast<size_t>(i); ++t) {
      late.pass(10);
    }
  }
  q.pass(1000);
  EXPECT_GE(q.replica(2).view(), View(1)) << "a primary that takes 0.6 s of 1 s for each proposal stays";
}

// Client 101 is always served at once. What client 102 submits reaches the primary late: by itself, or also from the
// members that pass it on.
View served_late(bool also_when_passed_on) {
  Quiet q;
  q.start();
  q.deliver();
  Late late(q, 700, [also_when_passed_on](NodeId from, NodeId to, const Message& m) {
    const auto* s = std::get_if<Submit>(&m);
    const bool of_102 = s != nullptr && s->request.request.id.client == NodeId(102);
    return of_102 && to == NodeId(1) && (from == NodeId(102) || also_when_passed_on);
  });
  for (int i = 0; i < 30 && q.replica(2).view() == View(); ++i) {
    const size_t before = q.executed[NodeId(2)].size();
    q.submit("late" + std::to_string(i), 102);
    for (size_t t = 0; t < 90 && q.clients.at(NodeId(102))->waiting() > 0; ++t) {
      if (t % 3 == 0) q.submit("prompt", 101);
      late.pass(10);
    }
    EXPECT_GT(q.executed[NodeId(2)].size(), before);
  }
  q.pass(1000);
  return q.replica(2).view();
}

TEST(PbftPrimary, OneThatIsSlowToOneClientOnlyButWithinTheTimeoutIsVotedOut) {
  EXPECT_GE(served_late(/*also_when_passed_on=*/true), View(1));
}

TEST(PbftPrimary, OneThatIsFarFromAClientStays) {
  EXPECT_EQ(served_late(/*also_when_passed_on=*/false), View());
}

// The client shows the backups another request under the same name and signature, and the primary its own much later.
TEST(PbftPrimary, AClientCannotMakeAPrimaryLookSlow) {
  Quiet q;
  q.start();
  q.deliver();
  for (uint64_t i = 1; i <= 30; ++i) {
    const SignedRequest real = q.request(NodeId(102), i, "real");
    SignedRequest shown = real;
    shown.request.operations = {Slice::unowned("shown")};
    for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(102), NodeId(to), Submit{shown});
    q.pass(700);
    q.say(NodeId(102), NodeId(1), Submit{real});
    q.pass(50);
    ASSERT_EQ(q.executed[NodeId(2)].size(), i);
  }
  q.pass(1000);
  EXPECT_EQ(q.replica(2).view(), View());
}

// It shows its requests to all but the primary, which gets them when they are passed on.
TEST(PbftPrimary, AClientThatLeavesThePrimaryOutDoesNotMakeItLookSlowAmongOthers) {
  Quiet q;
  q.start();
  q.deliver();
  for (uint64_t i = 1; i <= 60; ++i) {
    const SignedRequest r = q.request(NodeId(102), i, "late");
    for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(102), NodeId(to), Submit{r});
    q.submit("good");
    q.pass(300);
  }
  EXPECT_EQ(q.executed[NodeId(2)].size(), 120u);
  EXPECT_EQ(q.replica(2).view(), View());
}

TEST(PbftPrimary, ARequestIsPassedOnUntilThePrimaryHasIt) {
  Quiet q;
  q.start();
  q.deliver();
  size_t passed = 0;
  q.drops = [&](NodeId from, NodeId, const Message& m) {
    return from == NodeId(2) && std::holds_alternative<Submit>(m) && ++passed == 1;
  };
  q.say(NodeId(102), NodeId(2), Submit{q.request(NodeId(102), 1, "a")});
  q.pass(900);
  EXPECT_EQ(passed, 2u);
  EXPECT_EQ(q.executed[NodeId(2)].size(), 1u);
  EXPECT_EQ(q.replica(2).view(), View());
}

TEST(PbftPrimary, ProposesTheRequestsOfAClientAsTheyCame) {
  Quiet q;
  Pool pool(q.base);
  const ClientTable table(q.base.client_window);
  for (const uint64_t sequence : {7, 3, 5}) {
    ASSERT_TRUE(pool.add(q.now, q.request(NodeId(101), sequence, "op"), NodeId(101), true, table));
  }
  std::vector<uint64_t> order;
  for (const SignedRequest& r : pool.take(q.now, {})) order.push_back(r.request.id.sequence);
  EXPECT_EQ(order, (std::vector<uint64_t>{7, 3, 5}));
}

// A client gives n2 alone one request, and keeps its places at the primary full of others, with smaller numbers. The
// primary takes what n2 passes on besides, and in its turn.
TEST(PbftPrimary, AClientThatFillsItsPlacesKeepsNothingFromThePrimary) {
  Quiet q;
  q.start();
  run(q, 4);
  const auto request = [&](uint64_t sequence, uint64_t floor, std::string_view what) {
    const Request r{.id = {NodeId(102), 1, sequence}, .floor = floor, .operations = {Slice::copy_of(what)}};
    return SignedRequest{r, q.sign(NodeId(102), text_of(kQuietCluster, r))};
  };
  q.say(NodeId(102), NodeId(2), Submit{request(1'000'000, 1'000'000, "bait")});
  for (int ms = 0; ms < 900; ++ms) {
    const auto& did = q.executed[NodeId(1)];
    const uint64_t next = static_cast<uint64_t>(std::count(did.begin(), did.end(), "f")) + 1;
    for (uint64_t k = 0; k < q.base.client_window; ++k) q.say(NodeId(102), NodeId(1), Submit{request(next + k, next, "f")});
    if (ms % 50 == 0) q.submit("good");
    q.pass(1);
    if (std::find(did.begin(), did.end(), "bait") != did.end()) break;
  }
  const auto& did = q.executed[NodeId(1)];
  EXPECT_EQ(std::count(did.begin(), did.end(), "bait"), 1);
  EXPECT_EQ(q.replica(2).view(), View());
}

TEST(PbftPrimary, AfterAViewHasFailedTheNextHasMoreTimeUntilAllIsWellForAWhile) {
  Quiet q(7);
  q.start();
  run(q, 1);
  const auto time_to_replace = [&](uint64_t primary) {
    q.crash(primary);
    q.submit("without " + std::to_string(primary));
    const Time since = q.now;
    while (q.replica(7).view() < View(primary) && q.now < since + Duration::seconds(20)) q.pass(10);
    q.pass(200);
    return (q.now - since).millis();
  };
  EXPECT_LT(time_to_replace(1), 1500);
  EXPECT_GT(time_to_replace(2), 2000);
  q.restart(1);
  q.restart(2);
  q.pass(500);
  run(q, 40);
  EXPECT_LT(time_to_replace(3), 1500);
}

TEST(PbftPrimary, WhomItLeavesOutVotesAllTheSame) {
  Quiet q;
  q.start();
  q.deliver();
  q.crash(3);
  q.drops = [](NodeId, NodeId to, const Message& m) {
    return to == NodeId(4) && std::holds_alternative<PrePrepare>(m);
  };
  for (int i = 0; i < 20; ++i) {
    q.submit("op" + std::to_string(i));
    q.pass(100);
    EXPECT_EQ(q.executed[NodeId(4)].size(), static_cast<size_t>(i + 1));
  }
  EXPECT_EQ(q.answers.size(), 20u);
  EXPECT_EQ(q.replica(4).view(), View());
}

// One vote in a place: who was shown something else keeps to it.
TEST(PbftPrimary, WhatOthersVotedForReplacesNoProposal) {
  Quiet q;
  q.start();
  q.deliver();
  const Slice shown = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "a")}});
  const Slice others = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "b")}});
  std::vector<Digest> voted;
  q.says = [&](NodeId from, NodeId to, const Message& m) {
    const auto* p = std::get_if<Prepare>(&m);
    if (from == NodeId(4) && to == NodeId(1) && p != nullptr) voted.push_back(p->vote.digest);
  };
  q.say(NodeId(1), NodeId(4), PrePrepare{0, View(), Seq(1), shown});
  const Vote v = q.vote(View(), Seq(1), crypto::digest(others.view()));
  const Vote next = q.vote(View(), Seq(2), crypto::digest(others.view()));
  for (const uint64_t from : {1, 2, 3}) q.say(NodeId(from), NodeId(4), q.prepare(NodeId(from), v));
  q.say(NodeId(2), NodeId(4), q.prepare(NodeId(2), next));  // f votes are nothing
  q.idle(60);
  for (const Seq place : {Seq(1), Seq(2)}) q.say(NodeId(2), NodeId(4), BatchData{place, others});
  EXPECT_EQ(voted, std::vector<Digest>{crypto::digest(shown.view())});
  q.say(NodeId(1), NodeId(4), q.prepare(NodeId(1), next));
  q.say(NodeId(2), NodeId(4), BatchData{Seq(2), shown});  // not what they voted for
  EXPECT_EQ(voted.size(), 1u);
  q.say(NodeId(2), NodeId(4), BatchData{Seq(2), others});
  EXPECT_EQ(voted.size(), 2u);
}

TEST(PbftPrimary, OneThatKeepsPaceStays) {
  Quiet q;
  q.start();
  for (int i = 0; i < 300; ++i) {
    q.submit("op" + std::to_string(i), i % 2 == 0 ? 101 : 102);
    q.pass(10);
  }
  EXPECT_EQ(q.answers.size(), 300u);
  EXPECT_EQ(q.replica(2).view(), View());
}

TEST(PbftPrimary, OneThatStampsBadlyIsVotedOut) {
  for (const int64_t lie_ms : {3'600'000, -3'600'000}) {
    Quiet q;
    q.start();
    for (int i = 0; i < 20; ++i) {  // log time begins
      q.submit("op" + std::to_string(i));
      q.pass(400);
    }
    const int64_t before = q.member(2).state().stamp_ms;
    EXPECT_GT(before, 7000);
    // The primary of view 0 is made to lie; its honest proposals are lost.
    q.drops = [](NodeId from, NodeId, const Message& m) {
      return from == NodeId(1) && std::holds_alternative<PrePrepare>(m);
    };
    q.submit("x");
    q.deliver();
    q.drops = {};
    const Seq place(21);
    const Slice batch =
        codec::encode_flat(Batch{std::max<int64_t>(0, before + lie_ms), {q.request(NodeId(102), 1, "y")}});
    for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(1), NodeId(to), PrePrepare{0, View(), place, batch});
    q.drops = [](NodeId from, NodeId, const Message& m) {
      return from == NodeId(1) && std::holds_alternative<PrePrepare>(m);
    };
    q.pass(5000);
    EXPECT_GE(q.replica(2).view(), View(1));
    EXPECT_EQ(q.answers.size(), 21u);
    EXPECT_LT(q.member(2).state().stamp_ms, before + 10'000);
    EXPECT_GE(q.member(2).state().stamp_ms, before);
  }
}

// --- Complaints (Zyzzyva, section 3.3) ---

// A request that the primary does not propose; members do not hear each other complain.
void keep_waiting(Quiet& q) {
  q.start();
  q.deliver();
  q.drops = [](NodeId, NodeId, const Message& m) {
    return std::holds_alternative<PrePrepare>(m) || std::holds_alternative<Complaint>(m);
  };
  q.submit("a");
}

// This one n4 does hear.
void complain(Quiet& q, uint64_t from, uint64_t epoch = 0, View view = {}) {
  const auto drops = std::exchange(q.drops, {});
  q.say(NodeId(from), NodeId(4), Complaint{epoch, view});
  q.drops = drops;
}

TEST(PbftComplaint, WhoIsAloneWithItStaysInTheView) {
  Quiet q;
  keep_waiting(q);
  q.pass(10'000);
  for (uint64_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(q.replica(i).view(), View());
    EXPECT_FALSE(q.replica(i).changing());
  }
}

TEST(PbftComplaint, FPlusOneLeaveTheView) {
  for (const int n : {4, 7}) {
    Quiet q(n);
    keep_waiting(q);
    q.pass(1500);
    const uint64_t f = static_cast<uint64_t>(n - 1) / 3;
    for (uint64_t i = 1; i <= f; ++i) {
      EXPECT_FALSE(q.replica(4).changing()) << n << " " << i;
      for (int again = 0; again < 2; ++again) complain(q, 4 - i);
    }
    EXPECT_TRUE(q.replica(4).changing());
  }
}

TEST(PbftComplaint, ThoseOfOthersCountOnlyWithOnesOwn) {
  Quiet q;
  keep_waiting(q);
  q.pass(500);
  for (const uint64_t from : {1, 2, 3}) complain(q, from);
  EXPECT_FALSE(q.replica(4).changing());
  q.pass(550);  // its own time is up, and its VIEW-CHANGE is a complaint to the others
  EXPECT_EQ(q.replica(4).view(), View(1));
}

TEST(PbftComplaint, OnlyThoseOfThisViewAndOfLateCount) {
  Quiet q;
  keep_waiting(q);
  for (const uint64_t from : {1, 2, 3}) complain(q, from);
  q.pass(1500);
  EXPECT_FALSE(q.replica(4).changing()) << "an old one is counted";
  complain(q, 3, 0, View(1));
  complain(q, 3, 1);
  complain(q, 101);
  EXPECT_FALSE(q.replica(4).changing());
  complain(q, 3);
  EXPECT_TRUE(q.replica(4).changing());
}

TEST(PbftComplaint, WhoHasLeftTheViewHasComplained) {
  Quiet q;
  keep_waiting(q);
  q.pass(1500);
  EXPECT_FALSE(q.replica(4).changing());
  const ViewChange c{.view = View(1), .from = NodeId(3)};
  q.say(NodeId(3), NodeId(4), SignedViewChange{c, q.sign(NodeId(3), text_of(kQuietCluster, c))});
  EXPECT_TRUE(q.replica(4).changing());
}

TEST(PbftComplaint, WhoGotWhatItMissedComplainsNoMore) {
  Quiet q;
  q.start();
  q.deliver();
  q.drops = [](NodeId from, NodeId to, const Message&) { return to == NodeId(4) && from.value() < 100; };
  q.submit("a");
  q.pass(3000);
  size_t complaints = 0;
  q.says = [&](NodeId from, NodeId, const Message& m) {
    EXPECT_TRUE(from == NodeId(4) || !std::holds_alternative<Complaint>(m));
    complaints += std::holds_alternative<Complaint>(m);
  };
  q.pass(1000);
  EXPECT_EQ(complaints, 30u) << "three others are told every tenth of a second";
  q.drops = {};
  q.pass(200);
  EXPECT_EQ(q.executed[NodeId(4)].size(), 1u);
  complaints = 0;
  q.pass(3000);
  EXPECT_EQ(complaints, 0u);
  // And when it has reason to, it complains again.
  q.says = {};
  q.crash(1);
  q.submit("b");
  q.pass(2000);
  EXPECT_EQ(q.replica(4).view(), View(1));
  EXPECT_EQ(q.executed[NodeId(4)].size(), 2u);
}

TEST(PbftComplaint, AReplicaThatLacksBatchesDoesNotBlameThePrimary) {
  Quiet q;
  q.base.checkpoint_interval = 16;
  q.base.window = 32;
  q.start();
  q.crash(4);
  run(q, 5);
  q.drops = [](NodeId, NodeId to, const Message& m) {
    return to == NodeId(4) && (std::holds_alternative<BatchData>(m) || std::holds_alternative<PrePrepare>(m));
  };
  q.says = [](NodeId, NodeId, const Message& m) { EXPECT_FALSE(std::holds_alternative<Complaint>(m)); };
  q.restart(4);
  q.pass(500);
  run(q, 1, "while it is behind");
  q.pass(5000);
  EXPECT_TRUE(q.executed[NodeId(4)].empty());
  q.drops = {};
  q.pass(500);
  EXPECT_EQ(q.executed[NodeId(4)].size(), 6u);
  q.crash(2);  // now its votes are needed
  q.submit("with it");
  q.pass(500);
  EXPECT_EQ(q.executed[NodeId(4)].size(), 7u);
  EXPECT_EQ(q.replica(4).view(), View());
}

}  // namespace
}  // namespace holdfast::pbft
