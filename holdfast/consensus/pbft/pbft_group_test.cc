// One test for each promise beyond the normal case: log time, crashes, state transfer, rot, reads, and the real keys.
#include <gtest/gtest.h>

#include "holdfast/consensus/liars/liar.h"
#include "holdfast/consensus/pbft/oracle_testing.h"
#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

using Operations = std::vector<std::string>;

// --- Log time ---

TEST(PbftTime, LogTimeIsThatOfTheClocks) {
  Quiet q;
  q.start();
  run(q, 5);
  const int64_t first = q.member(2).state().stamp_ms;
  q.pass(20'000);
  q.submit("later");
  q.deliver();
  EXPECT_NEAR(static_cast<double>(q.member(2).state().stamp_ms - first), 20'000, 50);
}

// --- Crashes ---

TEST(PbftCrash, ARestartedReplicaForgetsNoPromise) {
  Quiet q;
  q.start();
  q.deliver();
  const Slice first = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "a")}});
  const Slice second = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "b")}});
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), first});
  q.wires.clear();
  q.crash(2);
  q.restart(2);
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), second});
  for (const auto& w : q.wires) {
    const Message m = w.message();
    if (const auto* p = std::get_if<Prepare>(&m)) {
      EXPECT_EQ(p->vote.digest, crypto::digest(first.view()));
    }
  }
  // And it still tells others what it voted for.
  q.wires.clear();
  q.say(NodeId(3), NodeId(2), StatusReport{});
  EXPECT_TRUE(std::any_of(q.wires.begin(), q.wires.end(),
                          [](const auto& w) { return std::holds_alternative<Prepare>(w.message()); }));
}

// The record of the view is there, that of the checkpoint it began behind is not: the view's proofs have it.
TEST(PbftCrash, AViewThatBeganFarAheadIsResumedFromItsProofs) {
  Quiet q;
  q.start();
  bool new_view_only = false;
  q.drops = [&](NodeId, NodeId to, const Message& m) {
    if (std::holds_alternative<PrePrepare>(m) && new_view_only) return true;
    return to == NodeId(4) && !(new_view_only && std::holds_alternative<SignedNewView>(m));
  };
  for (int i = 0; i < 42; ++i) {  // farther than any window
    q.submit("op" + std::to_string(i));
    q.pass(40);
  }
  new_view_only = true;
  q.slow.insert(NodeId(4));
  q.submit("nobody proposes it");
  for (int i = 0; i < 300 && q.replica(4).view() == View(); ++i) q.pass(10);
  ASSERT_EQ(q.replica(4).view(), View(1));
  ASSERT_EQ(q.replica(4).executed_upto(), Seq(0));
  q.crash(4, /*kept=*/1);
  q.slow.clear();
  q.restart(4);
  EXPECT_EQ(q.replica(4).view(), View(1));
  q.replica(4).check_invariants();
  q.drops = {};
  q.pass(3000);
  EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash);
}

TEST(PbftCrash, WhatWasCommittedSurvivesTheLossOfPowerEverywhere) {
  Quiet q;
  q.start();
  run(q, 10);
  for (uint64_t i = 1; i <= 4; ++i) q.crash(i);
  q.wires.clear();
  for (uint64_t i = 1; i <= 4; ++i) q.restart(i);
  q.pass(200);
  q.submit("after", 102);
  q.pass(3000);
  EXPECT_EQ(q.answers.size(), 11u);
  for (uint64_t i = 1; i <= 4; ++i) {
    EXPECT_EQ(q.executed[NodeId(i)].size(), 11u);
    EXPECT_EQ(q.executed[NodeId(i)].back(), "after");
  }
}

TEST(PbftCrash, ARestartedPrimaryHandsOverAtOnce) {
  Quiet q;
  q.start();
  run(q, 3);
  q.crash(1);
  q.wires.clear();
  q.restart(1);
  q.deliver();
  q.pass(50);  // far less than any timeout
  for (uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(q.replica(i).view(), View(1));
}

TEST(PbftCrash, RecordsBeforeASnapshotAreNotNeeded) {
  Quiet q;
  q.snapshots = true;
  q.start();
  run(q, 50);
  EXPECT_GE(q.replica(2).snapshot().seq, Seq(44));
  q.member(2).release();
  EXPECT_LT(q.member(2).disk().size(), 80u);
  q.crash(2);
  q.restart(2);
  EXPECT_LE(q.executed[NodeId(2)].size(), 6u);  // again, behind the snapshot
  run(q, 5, "more");
  EXPECT_EQ(q.member(2).state().hash, q.member(3).state().hash);
}

// --- State transfer ---

TEST(PbftTransfer, AReplicaThatWasAwayFetchesBatchesOrASnapshot) {
  for (const bool snapshots : {false, true}) {
    Quiet q;
    q.snapshots = snapshots;
    q.base.transfer_bytes = 50;
    q.start();
    q.crash(4);
    run(q, 40);
    q.restart(4);
    q.pass(3000);
    EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash) << snapshots;
    EXPECT_EQ(q.count<StateReplaced>(4), snapshots ? 1u : 0u);
    run(q, 3, "more");
    EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash);
  }
}

// It hears an old proposal before the votes for it, takes its stamp for the time of day, and believes no later one.
TEST(PbftTransfer, ARestartedReplicaLearnsTheTimeFromWhatTheOthersAgreeOn) {
  Quiet q;
  q.base.checkpoint_interval = 16;
  q.base.window = 32;
  q.base.anchor_interval = Duration::seconds(2);
  q.start();
  run(q, 2);
  std::vector<Quiet::Wire> waiting;
  bool queued = true;
  q.drops = [&](NodeId from, NodeId to, const Message& m) {
    if (to != NodeId(3)) return false;
    if (queued)
      waiting.push_back(
          {from, to, Envelope(m).seal(kQuietCluster, from, to, q.authority(to).key(), q.authority(from))});
    return true;
  };
  q.submit("meanwhile");
  q.pass(40);
  queued = false;
  q.pass(5000);
  q.crash(3);
  q.restart(3);
  q.drops = {};
  for (const Quiet::Wire& w : waiting) q.arrive(w);
  q.pass(200);
  ASSERT_EQ(q.executed[NodeId(3)].back(), "meanwhile");
  q.submit("with the others");
  q.pass(200);
  q.crash(2);
  q.submit("with it");
  q.pass(500);
  EXPECT_EQ(q.executed[NodeId(3)].back(), "with it");
  EXPECT_EQ(q.replica(3).view(), View());
}

TEST(PbftGroup, AMemberKnowsThatTooFewReachIt) {
  Quiet q;
  q.start();
  run(q, 3);
  q.crash(1);
  q.pass(10'000);
  EXPECT_TRUE(q.replica(4).reaches_quorum()) << "f may be silent";
  q.crash(2);
  q.pass(2000);
  EXPECT_TRUE(q.replica(4).reaches_quorum()) << "not yet";
  q.pass(2000);
  EXPECT_FALSE(q.replica(4).reaches_quorum());
  q.restart(2);
  q.pass(2000);
  EXPECT_TRUE(q.replica(4).reaches_quorum());
  // Who was itself suspended has heard nobody, which tells nothing of the others.
  q.now = q.now + Duration::seconds(60);
  q.member(4).tick(q.now);
  EXPECT_TRUE(q.replica(4).reaches_quorum());
}

// Whom the primary leaves out needs one transfer after the other, and a sender that is silent costs time in each.
TEST(PbftTransfer, TheNextOneBeginsWithWhoWasGoodLast) {
  Quiet q;
  q.start();
  bool away = false;
  std::vector<NodeId> asked;
  q.drops = [&](NodeId from, NodeId to, const Message& m) {
    if (from == NodeId(4) && std::holds_alternative<FetchState>(m)) asked.push_back(to);
    const bool silent = from == NodeId(1) && to == NodeId(4) && std::holds_alternative<LogPart>(m);
    return silent || (away && to == NodeId(4));
  };
  std::vector<NodeId> first;
  for (int round = 0; round < 4; ++round) {
    away = true;
    run(q, 20);
    away = false;
    asked.clear();
    q.pass(2000);
    ASSERT_EQ(q.member(4).state().hash, q.member(1).state().hash);
    ASSERT_FALSE(asked.empty());
    first.push_back(asked.front());
  }
  EXPECT_NE(first[1], NodeId(1));
  EXPECT_EQ(std::vector<NodeId>(first.begin() + 1, first.end()), std::vector<NodeId>(3, first[1]));
}

TEST(PbftTransfer, ALiarAmongTheSendersOnlyCostsTime) {
  for (const bool snapshots : {false, true}) {
    for (uint64_t liar = 1; liar <= 3; ++liar) {
      Quiet q;
      q.snapshots = snapshots;
      q.base.transfer_bytes = 50;
      q.start();
      q.crash(4);
      run(q, 40);
      Liar lies(Lie::kFalseState, NodeId(liar), kQuietCluster, Group(q.configuration), Duration::millis(1000),
                q.authority(NodeId(liar)), liar);
      bool inside = false;
      q.drops = [&](NodeId from, NodeId to, const Message& m) {
        if (inside || from != NodeId(liar) || to != NodeId(4)) return false;
        const Packet p = Envelope(m).seal(kQuietCluster, from, to, q.authority(to).key(), q.authority(from));
        inside = true;
        for (const Utterance& u : lies.speak(to, p)) q.arrive({u.as, u.to, u.packet});
        inside = false;
        return true;
      };
      q.restart(4);
      q.pass(6000);
      EXPECT_EQ(q.member(4).state().hash, q.member(1).state().hash) << snapshots << " " << liar;
    }
  }
}

TEST(PbftTransfer, AReplicaWithoutItsDiskIsSilentUntilWhatItMayHaveSaidIsPast) {
  Quiet q;
  q.snapshots = true;
  q.start();
  run(q, 10);
  q.crash(3);
  q.member(3).wipe();
  q.member(3).config().beginning = Beginning::kLostDisk;
  q.wires.clear();
  q.restart(3);
  size_t votes = 0;
  q.drops = [&](NodeId from, NodeId, const Message& m) {
    if (from == NodeId(3) && (std::holds_alternative<Prepare>(m) || std::holds_alternative<Commit>(m))) ++votes;
    return false;
  };
  q.pass(2000);
  run(q, 8, "soon");
  q.pass(1000);
  EXPECT_TRUE(q.replica(3).silent());
  EXPECT_EQ(votes, 0u);
  EXPECT_EQ(q.member(3).state().hash, q.member(1).state().hash);  // it follows all the same
  run(q, 30, "later");
  q.pass(2000);
  EXPECT_FALSE(q.replica(3).silent());
  run(q, 3, "last");
  EXPECT_GT(votes, 0u);
}

// --- Rot ---

TEST(PbftRot, StateThatRotsIsFoundByTheCheckpointAndRepaired) {
  for (const bool snapshots : {false, true}) {
    Quiet q;
    q.snapshots = snapshots;
    q.start();
    run(q, 9);
    q.member(2).rot();
    run(q, 4, "more");
    q.pass(3000);
    EXPECT_EQ(q.count<Rotten>(2), 1u);
    EXPECT_EQ(q.count<StateReplaced>(2), 1u);
    EXPECT_FALSE(q.replica(2).rotten());
    EXPECT_EQ(q.member(2).state().hash, q.member(1).state().hash);
    EXPECT_EQ(q.count<Rotten>(1) + q.count<Rotten>(3) + q.count<Rotten>(4), 0u);
  }
}

TEST(PbftRot, AnAuditFindsItWithoutAnyRequest) {
  Quiet q;
  q.start();
  run(q, 8);
  q.member(2).audit(q.now);
  EXPECT_FALSE(q.replica(2).rotten());
  q.member(2).rot();
  q.member(2).audit(q.now);
  EXPECT_TRUE(q.replica(2).rotten());
  q.pass(3000);
  EXPECT_FALSE(q.replica(2).rotten());
  EXPECT_EQ(q.member(2).state().hash, q.member(1).state().hash);
}

TEST(PbftRot, ARottenReplicaAnswersNobody) {
  Quiet q;
  q.start();
  run(q, 8);
  q.drops = [](NodeId, NodeId to, const Message& m) {
    return to == NodeId(2) && (std::holds_alternative<SnapshotOffer>(m) || std::holds_alternative<LogPart>(m));
  };
  q.member(2).rot();
  q.member(2).audit(q.now);
  size_t answered = 0;
  q.drops = [&](NodeId from, NodeId to, const Message& m) {
    answered += from == NodeId(2) && std::holds_alternative<Reply>(m);
    return to == NodeId(2) && std::holds_alternative<SnapshotOffer>(m);
  };
  run(q, 3, "more");
  EXPECT_EQ(answered, 0u);
  EXPECT_EQ(q.answers.size(), 11u);
}

// --- Reads ---

TEST(PbftRead, AQuorumAnswersWithoutOrdering) {
  Quiet q;
  q.start();
  run(q, 3);
  q.delivered.clear();
  q.read();
  q.deliver();
  EXPECT_EQ(q.answers.back(), q.answers[2]);
  EXPECT_EQ(q.delivered[kind_of<PrePrepare>()], 0u);
  EXPECT_EQ(q.delivered[kind_of<AskRead>()], 4u);
}

TEST(PbftRead, WhenTheRepliesDifferItIsOrdered) {
  Quiet q;
  q.start();
  run(q, 3);
  q.member(1).rot();
  q.member(2).rot();
  q.read();
  q.deliver();
  q.pass(1000);
  EXPECT_EQ(q.delivered[kind_of<PrePrepare>()], 4u * 3);
}

// Why each replica waits for what it had prepared: f + 1 replies to a write may all come before most have executed it.
TEST(PbftRead, SeesEveryAnsweredWrite) {
  Quiet q;
  q.start();
  run(q, 1);
  // Commits reach two members only: those execute and answer, and the client is satisfied.
  q.drops = [](NodeId, NodeId to, const Message& m) {
    return (to == NodeId(3) || to == NodeId(4)) && std::holds_alternative<Commit>(m);
  };
  q.submit("w");
  q.pass(60);  // the client asks again for the whole result
  ASSERT_EQ(q.answers.size(), 2u);
  EXPECT_EQ(q.executed[NodeId(3)].size(), 1u);
  const std::string after = q.answers.back();
  q.read(102);
  q.deliver();
  EXPECT_EQ(q.answers.size(), 2u);  // 3 and 4 have prepared it and wait
  q.drops = {};
  q.pass(400);
  EXPECT_EQ(q.answers.back(), after);
}

// --- Above the budget ---

// Two liars of four make two correct members execute different things, and the oracle of the random runs says so. One
// liar, with the same words, does not get that far.
TEST(PbftBeyond, TwoLiarsOfFourBreakItAndOneDoesNot) {
  for (const uint64_t liars : {1, 2}) {
    Quiet q;
    q.start();
    q.deliver();
    q.drops = [](NodeId from, NodeId to, const Message& m) {
      return from.value() > 2 && to.value() > 2 && !std::holds_alternative<StatusReport>(m);  // 3 and 4 are parted
    };
    for (const uint64_t to : {3, 4}) {
      const Slice batch =
          codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, to == 3 ? "to the left" : "to the right")}});
      const Vote v = q.vote(View(), Seq(1), crypto::digest(batch.view()));
      q.say(NodeId(1), NodeId(to), PrePrepare{0, View(), Seq(1), batch});
      for (uint64_t liar = 1; liar <= liars; ++liar) {
        q.say(NodeId(liar), NodeId(to), q.prepare(NodeId(liar), v));
        q.say(NodeId(liar), NodeId(to), Commit{v});
      }
    }
    q.pass(10);
    Oracle oracle;
    oracle.submits(1, "to the left");
    oracle.submits(2, "to the right");
    for (const uint64_t id : {3, 4}) {
      for (const Event& e : q.events[NodeId(id)]) {
        if (const auto* x = std::get_if<Execute>(&e)) oracle.applies(NodeId(id), *x, q.member(id).state());
      }
    }
    EXPECT_EQ(oracle.violation(), liars == 1 ? "" : "ONE: n4 executes another o1");
  }
}

// --- Keys ---

TEST(PbftKeys, TheRealOnesDoTheSame) {
  Quiet q(4, [](NodeId id) {
    crypto::Seed seed;
    seed.bytes[0] = static_cast<uint8_t>(id.value());
    seed.bytes[1] = static_cast<uint8_t>(id.value() >> 8);
    return std::make_unique<KeyedAuthority>(seed);
  });
  q.snapshots = true;
  q.base.transfer_bytes = 100;
  q.start();
  run(q, 10);
  q.crash(1);
  run(q, 1, "without 1");
  q.pass(4000);
  EXPECT_EQ(q.replica(2).view(), View(1));
  run(q, 20, "more");
  q.restart(1);
  q.pass(2000);
  EXPECT_EQ(q.answers.size(), 31u);
  EXPECT_EQ(q.member(1).state().hash, q.member(2).state().hash);
  const Change change{.added = {q.peer(NodeId(5))}};
  const SignedChange signed_change{change, q.sign(NodeId(999), text_of(kQuietCluster, change))};
  ASSERT_TRUE(q.clients.at(NodeId(101))->reconfigure(++q.tokens, signed_change).ok());
  q.pass(500);
  EXPECT_EQ(q.replica(2).epoch(), 1u);
}

TEST(PbftKeys, APacketIsFromWhomItSaysToWhomItSays) {
  Quiet q;
  q.start();
  q.deliver();
  const Slice batch = codec::encode_flat(Batch{1, {q.request(NodeId(101), 1, "a")}});
  const Message m = PrePrepare{0, View(), Seq(1), batch};
  const auto packet = [&](uint64_t from, uint64_t to, uint64_t coder, uint64_t cluster) {
    return Envelope(m).seal(cluster, NodeId(from), NodeId(to), q.authority(NodeId(to)).key(),
                            q.authority(NodeId(coder)));
  };
  q.arrive({NodeId(1), NodeId(2), packet(1, 2, 3, kQuietCluster)});      // coded by another
  q.arrive({NodeId(1), NodeId(2), packet(1, 3, 1, kQuietCluster)});      // meant for another
  q.arrive({NodeId(1), NodeId(2), packet(1, 2, 1, kQuietCluster + 1)});  // of another cluster
  Packet changed = packet(1, 2, 1, kQuietCluster);
  std::string body = changed.body.str();
  body.back() = static_cast<char>(body.back() ^ 1);
  changed.body = Slice::take(std::move(body));
  q.arrive({NodeId(1), NodeId(2), changed});
  EXPECT_EQ(q.member(2).disk().size(), 2u);
  q.arrive({NodeId(1), NodeId(2), packet(1, 2, 1, kQuietCluster)});
  EXPECT_EQ(q.member(2).disk().size(), 3u);
}

}  // namespace
}  // namespace holdfast::pbft
