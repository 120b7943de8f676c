// Which signatures are checked, and which need not be: what is not checked must never matter.
#include <gtest/gtest.h>

#include "holdfast/consensus/pbft/evidence.h"
#include "holdfast/consensus/pbft/promptness.h"
#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

uint64_t checks(Quiet& q, uint64_t id) { return static_cast<FastAuthority&>(q.authority(NodeId(id))).verifications(); }
uint64_t checks(Quiet& q) {
  uint64_t n = 0;
  for (uint64_t id = 1; id <= q.members.size(); ++id) n += checks(q, id);
  return n;
}
Signature forged() {
  Signature s;
  s.bytes[0] = 1;
  return s;
}
// Submits, and lets at most so many milliseconds pass until it is answered.
bool answered(Quiet& q, const std::string& operation, int64_t within_ms = 0, uint64_t client = 101) {
  const size_t before = q.answers.size();
  q.submit(operation, client);
  q.deliver();
  for (int64_t ms = 0; ms < within_ms && q.answers.size() == before; ++ms) q.pass(1);
  return q.answers.size() > before;
}

TEST(PbftVotes, NobodyChecksVotesWhenAllAreThere) {
  Quiet q;
  q.start();
  q.deliver();
  const uint64_t before = checks(q);
  ASSERT_TRUE(answered(q, "a"));
  EXPECT_EQ(checks(q) - before, 1u);  // the primary looks at the request that others may have to believe
}

// A liar's vote comes with a right code and a wrong signature. Everybody prepares without looking; the certificates
// carry it, and convince the next view all the same.
TEST(PbftVotes, AWrongSignatureAmongAllVotesDoesNotSpoilTheCertificate) {
  Quiet q;
  q.start();
  q.deliver();
  bool primary_is_gone = false;
  q.drops = [&](NodeId from, NodeId to, const Message& m) {
    if (const auto* c = std::get_if<Commit>(&m); c != nullptr && c->vote.view == View()) return true;
    if (primary_is_gone) return from == NodeId(1) || to == NodeId(1);
    const auto* p = std::get_if<Prepare>(&m);
    return from == NodeId(1) && p != nullptr && p->signature != forged();
  };
  q.submit("a");
  q.deliver();
  ASSERT_TRUE(q.answers.empty());
  const Slice batch = [&] {
    for (const auto& p : q.member(1).disk()) {
      if (const auto* a = std::get_if<Accepted>(&p.record)) return *a->batch;
    }
    return Slice();
  }();
  const Vote v = q.vote(View(), Seq(1), crypto::digest(batch.view()));
  const uint64_t before = checks(q);
  for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(1), NodeId(to), Prepare{v, forged()});
  EXPECT_EQ(checks(q), before);
  for (uint64_t id = 2; id <= 4; ++id) {
    const auto& disk = q.member(id).disk();
    const auto* prepared = std::get_if<Prepared>(&disk.back().record);
    ASSERT_NE(prepared, nullptr) << id;
    EXPECT_EQ(prepared->cert.endorsements.size(), 4u);
  }
  primary_is_gone = true;
  q.pass(3000);
  EXPECT_EQ(q.replica(2).view(), View(1));
  for (uint64_t id = 2; id <= 4; ++id) {
    EXPECT_EQ(q.executed[NodeId(id)], std::vector<std::string>{"a"});
  }
}

TEST(PbftVotes, ACertificateNeedsAQuorumOfRightSignatures) {
  Quiet q(7);
  q.start();
  Judge judge(kQuietCluster, q.base.window, q.authority(NodeId(1)));
  judge.believe(Group(q.configuration), Checkpoint{});
  const Vote v = q.vote(View(2), Seq(3), crypto::digest("a batch"));
  for (size_t wrong = 0; wrong <= 7; ++wrong) {
    PreparedCert cert{v, {}};
    for (uint64_t id = 1; id <= 7; ++id) {
      cert.endorsements.push_back({NodeId(id), id <= wrong ? forged() : q.prepare(NodeId(id), v).signature});
    }
    EXPECT_EQ(judge.valid(cert), wrong <= 2) << wrong;
    EXPECT_TRUE(judge.valid(cert, [](const Vote&, NodeId, const Signature&) { return true; }));
  }
}

// Who is away is waited for once, and then no more, until it has been there for a while.
TEST(PbftVotes, WhoIsAwayIsNotWaitedForAgain) {
  Quiet q;
  q.start();
  q.deliver();
  ASSERT_TRUE(answered(q, "a1") && answered(q, "a2"));
  q.crash(4);
  EXPECT_FALSE(answered(q, "b"));
  q.pass(1);
  ASSERT_EQ(q.answers.size(), 3u);
  const uint64_t before = checks(q);
  EXPECT_TRUE(answered(q, "c"));
  EXPECT_GT(checks(q), before + 1);
  q.restart(4);
  q.pass(2000);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(answered(q, "more" + std::to_string(i)));
  const uint64_t later = checks(q);
  ASSERT_TRUE(answered(q, "d"));
  EXPECT_EQ(checks(q), later + 1);
}

TEST(PbftVotes, AVoteForSomethingElseIsNotWaitedOut) {
  Quiet q;
  q.start();
  q.deliver();
  q.drops = [](NodeId from, NodeId, const Message& m) {
    return from == NodeId(4) && std::holds_alternative<Prepare>(m);
  };
  q.submit("a");
  // Member 4's vote for another batch is there before those for this one.
  const Vote other = q.vote(View(), Seq(1), Digest{});
  q.drops = {};
  for (uint64_t to = 1; to <= 3; ++to) q.say(NodeId(4), NodeId(to), q.prepare(NodeId(4), other));
  q.deliver();
  EXPECT_EQ(q.answers.size(), 1u);
}

// Who is prompt just as long as it has to be, and then late, delays one certificate in sixty-five.
TEST(PbftVotes, BeingLateOnPurposeCostsTheGroupLessAndLess) {
  Promptness p;
  const NodeId late(4);
  uint64_t certificates = 0, waits = 0;
  while (certificates < 100'000) {
    if (p.expected(late)) {
      p.missed(late);
      ++waits;
    } else {
      p.came(late);
    }
    ++certificates;
  }
  EXPECT_LE(waits, 100'000u / 65 + 5);
  EXPECT_GE(waits, 100'000u / 65 - 5);
}

// --- Requests ---

// What a backup has from the client itself it need not check, and may be false to others. The client's own loss.
TEST(PbftVotes, AForgedRequestIsNoReasonToBlameThePrimary) {
  Quiet q;
  q.start();
  SignedRequest r = q.request(NodeId(101), 1, "forged");
  r.signature = forged();
  for (uint64_t to = 1; to <= 4; ++to) q.say(NodeId(101), NodeId(to), Submit{r});
  q.pass(10'000);
  for (uint64_t id = 1; id <= 4; ++id) {
    EXPECT_EQ(q.replica(id).view(), View());
    EXPECT_TRUE(q.executed[NodeId(id)].empty());
  }
  EXPECT_TRUE(answered(q, "b", 10, 102));
}

TEST(PbftVotes, ANewPrimaryDoesNotProposeWhatIsForged) {
  Quiet q;
  q.start();
  q.deliver();
  SignedRequest r = q.request(NodeId(101), 1, "forged");
  r.signature = forged();
  for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(101), NodeId(to), Submit{r});
  q.crash(1);
  q.restart(1);  // it resigns, so nobody complains of it, and looks at what waits
  EXPECT_TRUE(answered(q, "b", 3000, 102));
  q.pass(10'000);
  for (uint64_t id = 1; id <= 4; ++id) {
    EXPECT_EQ(q.replica(id).view(), View(1));
    EXPECT_EQ(q.executed[NodeId(id)], std::vector<std::string>{"b"});
  }
}

// In another's name there is no code: a request that a member passes on is checked by whoever takes it.
TEST(PbftVotes, WhatIsPassedOnIsChecked) {
  Quiet q;
  q.start();
  SignedRequest r = q.request(NodeId(101), 1, "forged");
  r.signature = forged();
  for (uint64_t to = 2; to <= 4; ++to) q.say(NodeId(1), NodeId(to), Submit{r});
  const uint64_t before = checks(q, 2);
  q.say(NodeId(1), NodeId(2), Submit{q.request(NodeId(101), 2, "right")});
  EXPECT_EQ(checks(q, 2), before + 1);
  // A proposal that holds the forged one finds nobody who has it from its client.
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), codec::encode_flat(Batch{1, {r}})});
  EXPECT_EQ(std::count_if(q.wires.begin(), q.wires.end(),
                          [](const auto& w) { return std::holds_alternative<Prepare>(w.message()); }),
            0);
}

}  // namespace
}  // namespace holdfast::pbft
