// A primary that votes for two things in one place, and is proven to (Zyzzyva, section 3.2).
#include <gtest/gtest.h>

#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

const Seq kPlace(1);

// n1 is the primary of view 0, and says nothing by itself.
struct Group : Quiet {
  explicit Group(int n = 4) : Quiet(n) {
    start();
    deliver();
    drops = [](NodeId from, NodeId, const Message&) { return from == NodeId(1); };
    says = [this](NodeId from, NodeId, const Message& m) {
      if (std::holds_alternative<VoteOfPrimary>(m)) ++accusations[from];
      if (std::holds_alternative<ProofOfMisbehavior>(m)) ++proofs[from];
    };
  }
  Slice batch(const std::string& operation) {
    return codec::encode_flat(Batch{1, {request(NodeId(101), 1, operation)}});
  }
  Vote of(const std::string& operation, Seq place = kPlace, View view = {}) {
    return vote(view, place, crypto::digest(batch(operation).view()));
  }
  Prepare by(uint64_t voter, const std::string& operation, Seq place = kPlace, View view = {}) {
    return prepare(NodeId(voter), of(operation, place, view));
  }
  Prepare forged(uint64_t voter, const std::string& operation) {
    Prepare p = by(voter, operation);
    p.signature.bytes[7] ^= 1;
    return p;
  }
  // In the name of a faulty member.
  void lie(uint64_t from, uint64_t to, const Message& m) {
    const auto honest = std::exchange(drops, {});
    say(NodeId(from), NodeId(to), m);
    drops = honest;
  }
  void show(uint64_t to, const std::string& operation, Seq place = kPlace) {
    lie(1, to, PrePrepare{0, View(), place, batch(operation)});
    lie(1, to, by(1, operation, place));
  }
  bool left(uint64_t member) { return replica(member).view() > View(); }

  std::map<NodeId, size_t> accusations, proofs;
};

TEST(PbftEquivocation, APrimaryThatDeceivesOneMemberIsVotedOutAtOnce) {
  Group g;
  for (const uint64_t to : {2, 3}) g.show(to, "a");
  g.show(4, "b");
  const Time before = g.now;
  g.deliver();
  for (const uint64_t i : {2, 3, 4}) EXPECT_EQ(g.replica(i).view(), View(1)) << i;
  EXPECT_EQ(g.now, before) << "no time has to pass";
  EXPECT_EQ(g.accusations[NodeId(4)], 3u);
  EXPECT_EQ(g.accusations[NodeId(2)], 0u) << "nobody but n4 voted for the other";
  // What was prepared stays, and the group goes on.
  g.submit("c", 102);
  g.pass(100);
  for (const uint64_t i : {2, 3, 4}) EXPECT_EQ(g.executed[NodeId(i)], (std::vector<std::string>{"a", "c"})) << i;
}

TEST(PbftEquivocation, AnOtherVoteThanProposalIsAProofAsWell) {
  Group g;
  for (const uint64_t to : {2, 3}) g.show(to, "a");
  g.lie(1, 4, PrePrepare{0, View(), kPlace, g.batch("a")});
  g.lie(1, 4, g.by(1, "b"));
  g.deliver();
  for (const uint64_t i : {2, 3, 4}) EXPECT_EQ(g.replica(i).view(), View(1)) << i;
}

TEST(PbftEquivocation, TwoVotesToOneMemberAreAProof) {
  Group g;
  g.show(2, "a");
  g.lie(1, 2, g.by(1, "a"));
  g.lie(1, 2, g.by(1, "a", Seq(2)));
  EXPECT_FALSE(g.left(2)) << "the same again, and another place";
  g.lie(3, 2, g.by(3, "a"));
  g.lie(3, 2, g.by(3, "b"));
  EXPECT_FALSE(g.left(2)) << "a backup's prove nothing against the primary";
  g.lie(1, 2, g.by(1, "b"));
  EXPECT_TRUE(g.left(2));
  g.deliver();
  for (const uint64_t i : {2, 3, 4}) EXPECT_EQ(g.replica(i).view(), View(1)) << i;
}

TEST(PbftEquivocation, FVotesOfOthersAreNoReasonToAccuse) {
  for (const int n : {4, 7}) {
    Group g(n);
    g.show(2, "a");
    const uint64_t f = static_cast<uint64_t>(n - 1) / 3;
    for (uint64_t i = 0; i < f; ++i) g.lie(3 + i, 2, g.by(3 + i, "b"));
    EXPECT_EQ(g.accusations[NodeId(2)], 0u) << n;
    g.lie(3 + f, 2, g.by(3 + f, "b"));
    EXPECT_EQ(g.accusations[NodeId(2)], static_cast<size_t>(n - 1)) << n;
    g.lie(4 + f, 2, g.by(4 + f, "b"));
    EXPECT_EQ(g.accusations[NodeId(2)], static_cast<size_t>(n - 1)) << "once is enough";
  }
}

TEST(PbftEquivocation, AnAccusationCountsWithAnotherSignedVoteOfThePrimaryOnly) {
  Group g;
  g.show(2, "a");
  g.lie(4, 2, VoteOfPrimary{g.by(1, "a")});
  g.lie(4, 2, VoteOfPrimary{g.by(1, "b", Seq(2))});
  g.lie(4, 2, VoteOfPrimary{g.by(1, "b", kPlace, View(1))});
  g.lie(101, 2, VoteOfPrimary{g.by(1, "b")});
  EXPECT_FALSE(g.left(2));
  g.lie(4, 2, VoteOfPrimary{g.by(4, "b")});
  EXPECT_FALSE(g.left(2)) << "not the primary's";
  g.lie(4, 2, VoteOfPrimary{g.by(1, "b")});
  EXPECT_FALSE(g.left(2)) << "who has accused falsely is not heard again in this view";
  g.lie(3, 2, VoteOfPrimary{g.by(1, "b")});
  EXPECT_TRUE(g.left(2));
}

TEST(PbftEquivocation, AForgedVoteOfThePrimaryIsNotHeldAgainstIt) {
  Group g;
  g.lie(1, 2, PrePrepare{0, View(), kPlace, g.batch("a")});
  g.lie(1, 2, g.forged(1, "a"));
  g.lie(3, 2, VoteOfPrimary{g.by(1, "b")});
  EXPECT_FALSE(g.left(2));
  g.lie(1, 2, g.by(1, "a"));  // the forged one is forgotten
  g.lie(3, 2, VoteOfPrimary{g.by(1, "b")});
  EXPECT_TRUE(g.left(2)) << "and who had told the truth is heard";
  // Who has only a forged one accuses nobody.
  Group h;
  h.lie(1, 2, h.forged(1, "a"));
  for (const uint64_t from : {3, 4}) h.lie(from, 2, h.by(from, "b"));
  EXPECT_EQ(h.accusations[NodeId(2)], 0u);
}

TEST(PbftEquivocation, AProofIsTwoContraryVotesOfThePrimaryOfThisView) {
  Group g;
  for (const auto& [one, other] :
       {std::pair{g.by(1, "a"), g.by(1, "a")}, {g.by(1, "a"), g.forged(1, "b")}, {g.forged(1, "a"), g.by(1, "b")},
        {g.by(4, "a"), g.by(4, "b")}, {g.by(1, "a"), g.by(1, "b", Seq(2))},
        {g.by(1, "a"), g.by(1, "b", kPlace, View(4))}}) {
    Group h;
    h.lie(4, 2, ProofOfMisbehavior{one, other});
    EXPECT_FALSE(h.left(2));
    h.lie(4, 2, ProofOfMisbehavior{h.by(1, "a"), h.by(1, "b")});
    EXPECT_FALSE(h.left(2)) << "who has accused falsely is not heard again in this view";
    h.lie(3, 2, ProofOfMisbehavior{h.by(1, "a", kPlace, View(4)), h.by(1, "b", kPlace, View(4))});
    h.lie(101, 2, ProofOfMisbehavior{h.by(1, "a"), h.by(1, "b")});
    EXPECT_FALSE(h.left(2)) << "of another view; of a client";
    h.lie(3, 2, ProofOfMisbehavior{h.by(1, "a"), h.by(1, "b")});
    EXPECT_TRUE(h.left(2));
  }
}

// Otherwise who left first would stand alone in the next view, and vote no more.
TEST(PbftEquivocation, AProofThatIsLostIsSaidAgain) {
  Group g;
  const auto honest = g.drops;
  g.lie(1, 2, g.by(1, "a"));
  g.lie(1, 2, g.by(1, "b"));
  g.drops = [](NodeId, NodeId, const Message&) { return true; };
  g.deliver();
  EXPECT_TRUE(g.left(2));
  EXPECT_FALSE(g.left(3));
  g.drops = honest;
  g.pass(200);
  for (const uint64_t i : {2, 3, 4}) EXPECT_EQ(g.replica(i).view(), View(1)) << i;
  g.proofs.clear();
  g.pass(5000);
  EXPECT_TRUE(g.proofs.empty()) << "when the next view has begun nobody needs it";
}

}  // namespace
}  // namespace holdfast::pbft
