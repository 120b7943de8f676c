// What a faulty member, or a client, can make a replica keep, read and send by asking: no more than a bound.
#include <gtest/gtest.h>

#include <utility>

#include "holdfast/base/codec.h"
#include "holdfast/consensus/pbft/quiet_testing.h"

namespace holdfast::pbft {
namespace {

// What member 1 does about a word, which is not carried out.
class Asked {
 public:
  explicit Asked(Quiet& q) : q_(q) {}
  void by(NodeId from, const Message& m) {
    const NodeId to(1);
    const Packet p = Envelope(m).seal(kQuietCluster, from, to, q_.authority(to).key(), q_.authority(from));
    q_.member(1).replica().on_message(q_.now, from, p, out_);
    take();
  }
  void read(const BlobRead& r) {
    q_.member(1).replica().on_blob(q_.now, BlobData{r.id, r.offset, Slice::copy_of("some")}, out_);
    take();
  }
  std::vector<BlobRead> reads;
  size_t sent = 0, raised = 0;

 private:
  void take() {
    for (const BlobRequest& b : out_.blobs) reads.push_back(std::get<BlobRead>(b));
    sent += out_.sent.size();
    raised += out_.raised.size();
    out_.blobs.clear();
    out_.sent.clear();
    out_.raised.clear();
  }
  Quiet& q_;
  Replica::Out out_;
};

struct WithSnapshot : Quiet {
  WithSnapshot() {
    snapshots = true;
    start();
    run(*this, 40);
    seq = replica(1).snapshot().seq;
    EXPECT_GT(seq, Seq());
  }
  Seq seq;
};

TEST(PbftBounds, OneChunkIsReadAtATimeForEachMemberThatFetches) {
  WithSnapshot q;
  Asked one(q);
  for (uint64_t i = 0; i < 1000; ++i) one.by(NodeId(4), FetchChunk{q.seq, i % 2});
  one.by(NodeId(3), FetchChunk{q.seq, 5});
  ASSERT_EQ(one.reads.size(), 2u);
  EXPECT_EQ(one.reads[0].offset, 0u);
  EXPECT_EQ(one.reads[1].offset, 5u);
  // When it has come, what was asked for last is read.
  one.by(NodeId(4), FetchChunk{q.seq, 7});
  one.read(one.reads[0]);
  EXPECT_EQ(one.sent, 1u);
  ASSERT_EQ(one.reads.size(), 3u);
  EXPECT_EQ(one.reads[2].offset, 7u);
  one.read(one.reads[2]);
  EXPECT_EQ(one.reads.size(), 3u);
  // One that never comes holds it up for a while only.
  one.by(NodeId(4), FetchChunk{q.seq, 8});
  one.by(NodeId(4), FetchChunk{q.seq, 9});
  EXPECT_EQ(one.reads.size(), 4u);
  q.now = q.now + q.base.resend_interval * 31;
  one.by(NodeId(4), FetchChunk{q.seq, 9});
  EXPECT_EQ(one.reads.size(), 5u);
}

TEST(PbftBounds, OnlyMembersAreServedState) {
  WithSnapshot q;
  Asked one(q);
  one.by(NodeId(101), FetchChunk{q.seq, 0});
  one.by(NodeId(101), FetchState{});
  one.by(NodeId(101), FetchState{0, q.replica(1).executed_upto() - 1, false});
  EXPECT_EQ(one.sent + one.reads.size(), 0u);
  one.by(NodeId(4), FetchState{});
  EXPECT_EQ(one.sent, 1u);
}

TEST(PbftBounds, WhoAsksAgainAndAgainIsGivenSoMuchInATime) {
  WithSnapshot q;
  q.say(NodeId(101), NodeId(1), Submit{q.request(NodeId(101), 50, std::string(1000, 'x'))});
  q.drops = [](NodeId, NodeId, const Message& m) { return std::holds_alternative<Prepare>(m); };
  std::optional<BriefPrePrepare> proposal;
  uint64_t bytes = 0;
  q.says = [&](NodeId, NodeId, const Message& m) {
    if (const auto* p = std::get_if<BriefPrePrepare>(&m)) proposal = *p;
    if (const auto* d = std::get_if<BatchData>(&m)) bytes = d->batch.size();
  };
  q.deliver();
  ASSERT_TRUE(proposal.has_value());
  const Message fetch = FetchBatch{proposal->seq, proposal->digest};
  q.say(NodeId(2), NodeId(1), fetch);
  ASSERT_GT(bytes, 1000u);
  const uint64_t enough = q.base.serve_bytes / bytes + 1;
  Asked one(q);
  for (uint64_t i = 0; i < 2 * enough; ++i) one.by(NodeId(4), fetch);
  EXPECT_EQ(one.sent, enough);
  one.by(NodeId(4), FetchState{});
  EXPECT_EQ(one.sent, enough) << "one budget for all";
  one.by(NodeId(3), fetch);
  EXPECT_EQ(one.sent, enough + 1) << "each has its own";
  q.now = q.now + q.base.resend_interval;
  one.by(NodeId(4), fetch);
  EXPECT_EQ(one.sent, enough + 2);
}

TEST(PbftBounds, TheResultsOfARequestAreRepeatedInFullOnlySoOften) {
  Quiet q;
  q.base.serve_bytes = 100;
  q.start();
  const SignedRequest r = q.request(NodeId(102), 1, "a");
  for (uint64_t to = 1; to <= 4; ++to) q.say(NodeId(102), NodeId(to), Submit{r});
  q.deliver();
  size_t full = 0, all = 0;
  q.says = [&](NodeId from, NodeId, const Message& m) {
    const auto* reply = std::get_if<Reply>(&m);
    if (reply == nullptr || from != NodeId(2)) return;
    ++all;
    full += reply->results.has_value();
  };
  for (int i = 0; i < 1000; ++i) q.say(NodeId(102), NodeId(2), Submit{r, /*again=*/true});
  EXPECT_EQ(all, 1000u);
  EXPECT_LT(full, 50u);
  EXPECT_GT(full, 1u);
}

TEST(PbftBounds, NoClientTakesThePlacesOfOthersReads) {
  Quiet q;
  q.start();
  const auto refused = [before = hits_of("pbft.read_refused")] { return hits_of("pbft.read_refused") - before; };
  Asked one(q);
  for (uint64_t i = 1; i <= 5000; ++i) one.by(NodeId(102), AskRead{{NodeId(102), 1, i}, Slice::unowned("?")});
  EXPECT_EQ(refused(), 5000u - 4096u);
  EXPECT_LE(one.raised, 8u) << "answers lie in memory until they are sent";
  one.by(NodeId(101), AskRead{{NodeId(101), 1, 1}, Slice::unowned("?")});
  EXPECT_EQ(refused(), 5000u - 4096u);
  const Slice large = Slice::take(std::string(q.base.max_request_bytes, 'x'));
  for (uint64_t i = 2; i <= 6; ++i) one.by(NodeId(101), AskRead{{NodeId(101), 1, i}, large});
  EXPECT_EQ(refused(), 5000u - 4096u + 2u);
}

TEST(PbftBounds, WhoIsAnsweredManyReadsIsAnsweredAllOfThem) {
  Quiet q;
  q.start();
  for (int i = 0; i < 500; ++i) q.read(102);
  q.deliver();
  EXPECT_EQ(q.answers.size(), 500u);
}

TEST(PbftBounds, ARottenReplicaTakesNoReads) {
  WithSnapshot q;
  q.member(1).rot();
  q.drops = [](NodeId, NodeId to, const Message&) { return to == NodeId(1); };
  run(q, 8);
  q.pass(100);
  q.member(1).audit(q.now);
  q.drops = {};
  Asked one(q);
  const uint64_t before = hits_of("pbft.read_refused");
  const bool rotten = q.replica(1).rotten();
  one.by(NodeId(102), AskRead{{NodeId(102), 1, 1}, Slice::unowned("?")});
  EXPECT_TRUE(rotten);
  EXPECT_EQ(hits_of("pbft.read_refused"), before + 1);
}

// --- Results ---

struct Rooms : Quiet {
  Rooms() {
    base.max_client_result_bytes = 200;
    raises = [this](NodeId id, const Event& e) {
      if (const auto* x = std::get_if<Execute>(&e)) {
        for (size_t i = 0; i < x->requests.size(); ++i) at[id].push_back(x->rooms.at(i));
      }
    };
  }
  void ask(uint64_t sequence, uint64_t floor) {
    Request r{.id = {NodeId(102), 1, sequence}, .floor = floor};
    r.operations = {Slice::unowned("a")};
    const SignedRequest s{r, sign(NodeId(102), text_of(kQuietCluster, r))};
    for (uint64_t to = 1; to <= 4; ++to) say(NodeId(102), NodeId(to), Submit{s});
    deliver();
    pass(2);
  }
  std::map<NodeId, std::vector<uint64_t>> at;
};

TEST(PbftBounds, ResultsThatAClientMayStillAskForTakeItsRoom) {
  Rooms q;
  q.snapshots = true;
  q.start();
  for (uint64_t i = 1; i <= 15; ++i) q.ask(i, 0);
  const std::vector<uint64_t> rooms = q.at[NodeId(2)];
  ASSERT_EQ(rooms.size(), 15u);
  EXPECT_EQ(rooms.front(), 200u);
  for (size_t i = 1; i < rooms.size(); ++i) EXPECT_LE(rooms[i], rooms[i - 1]);
  EXPECT_EQ(rooms.back(), 0u);
  // Also to a member that has the table from a snapshot.
  q.crash(4);
  q.restart(4);
  q.pass(500);
  q.ask(16, 1);
  EXPECT_EQ(q.at[NodeId(2)].back(), 0u);
  EXPECT_EQ(q.at[NodeId(4)].back(), 0u);
  q.ask(17, 16);
  EXPECT_GT(q.at[NodeId(2)].back(), 150u) << "what lies below the floor is forgotten";
  EXPECT_EQ(q.at[NodeId(4)].back(), q.at[NodeId(2)].back());
}

TEST(PbftBounds, AnOfferThatIsTooLargeForAMessageComesInParts) {
  for (const bool lies : {false, true}) {
    Quiet q;
    q.snapshots = true;
    q.base.transfer_bytes = 50;
    q.start();
    run(q, 10);
    q.crash(4);
    run(q, 60);
    size_t twisted = 0;
    const uint64_t refused = hits_of("pbft.offer_part_refused");
    q.drops = [&](NodeId from, NodeId to, const Message& m) {
      const auto* part = std::get_if<OfferPart>(&m);
      EXPECT_FALSE(std::holds_alternative<SnapshotOffer>(m));
      EXPECT_TRUE(part == nullptr || part->bytes.size() <= 200);
      if (part == nullptr || part->offset == 0 || !lies || twisted >= 2) return false;
      OfferPart other = *part;
      if (++twisted == 1) other.bytes = other.bytes.sub(0, 1);  // in small pieces it would last for ever
      if (twisted == 2) other.bytes = Slice::take(std::string(other.bytes.size(), 'x'));
      const auto drops = std::exchange(q.drops, {});
      q.say(from, to, other);
      q.drops = drops;
      return true;
    };
    q.restart(4);
    q.pass(5000);
    EXPECT_EQ(q.replica(4).executed_upto(), q.replica(1).executed_upto());
    EXPECT_GT(q.count<StateReplaced>(4), 0u);
    EXPECT_EQ(twisted, lies ? 2u : 0u);
    EXPECT_EQ(hits_of("pbft.offer_part_refused") - refused, lies ? 1u : 0u);
  }
}

// --- What a lying primary may have the others check and keep ---

TEST(PbftBounds, ABatchIsNoLargerThanABatchMayBe) {
  Quiet q;
  q.start();
  q.deliver();
  const SignedRequest large = q.request(NodeId(101), 1, std::string(q.base.max_request_bytes - 200, 'x'));
  size_t votes = 0;
  q.says = [&](NodeId from, NodeId, const Message& m) { votes += from == NodeId(2) && std::holds_alternative<Prepare>(m); };
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), codec::encode_flat(Batch{1, {large, large}})});
  EXPECT_EQ(votes, 0u);
  q.say(NodeId(1), NodeId(2), PrePrepare{0, View(), Seq(1), codec::encode_flat(Batch{1, {large}})});
  EXPECT_GT(votes, 0u);
}

// The evidence is right up to the last signature, and is checked once in a while, not each time it is said.
TEST(PbftBounds, ANewViewThatWasRefusedIsNotLookedAtAgainAtOnce) {
  Quiet q;
  q.start();
  q.deliver();
  NewView n{.view = View(4), .changes = {}};
  for (uint64_t from = 1; from <= 3; ++from) {
    ViewChange c{.view = View(4), .from = NodeId(from)};
    c.stable.checkpoint = Quiet::genesis(q.configuration);
    n.changes.push_back({c, q.sign(NodeId(1), text_of(kQuietCluster, c))});
  }
  const SignedNewView forged{n, q.sign(NodeId(1), text_of(kQuietCluster, n))};
  const uint64_t refused = hits_of("pbft.new_view_refused");
  for (int i = 0; i < 20; ++i) q.say(NodeId(1), NodeId(2), forged);
  EXPECT_EQ(hits_of("pbft.new_view_refused") - refused, 1u);
  q.pass(1100);
  q.say(NodeId(1), NodeId(2), forged);
  EXPECT_EQ(hits_of("pbft.new_view_refused") - refused, 2u);
}

// n4 knows a certificate of a place far ahead of what it has executed. What n3 says of all places between is forgotten.
TEST(PbftBounds, WhoIsFarBehindKeepsNothingOfWhatLiesBetween) {
  Quiet q;
  q.start();
  q.deliver();
  q.crash(4);
  for (int i = 0; i < 100; ++i) {
    run(q, 1);
    q.pass(20);  // each in a batch of its own
  }
  // It hears how far the others are, and nothing more.
  q.drops = [](NodeId, NodeId to, const Message& m) { return to == NodeId(4) && !std::holds_alternative<StableNotice>(m); };
  q.restart(4);
  q.pass(1500);
  q.drops = {};
  ASSERT_GT(q.replica(4).stable_checkpoint(), Seq(60));
  ASSERT_EQ(q.replica(4).executed_upto(), Seq());
  for (uint64_t place = 1; place <= 200; ++place) {
    const Vote v = q.vote(View(), Seq(place), crypto::digest("x"));
    const Packet p = Envelope(Commit{v}).seal(kQuietCluster, NodeId(3), NodeId(4), q.authority(NodeId(4)).key(),
                                              q.authority(NodeId(3)));
    q.member(4).step([&](Replica::Out& o) { q.member(4).replica().on_message(q.now, NodeId(3), p, o); });
  }
  EXPECT_LE(q.replica(4).places_kept(), 4 * q.base.window);
}

// --- The client ---

TEST(PbftBounds, WhatMembersOfTheOldGroupReadCountsForNothingInTheNext) {
  Quiet q(4);
  Configuration next = q.configuration;
  next.epoch = 1;
  next.members = {q.peer(NodeId(3)), q.peer(NodeId(4)), q.peer(NodeId(5)), q.peer(NodeId(6))};
  Client client({.self = NodeId(101), .cluster = kQuietCluster, .configuration = q.configuration, .incarnation = 1},
                q.authority(NodeId(101)));
  Client::Out out;
  ASSERT_TRUE(client.read(q.now, 1, Slice::unowned("?"), out).ok());
  const auto says = [&](uint64_t member) {
    Reply r{.id = {NodeId(101), 1, 1}, .read = true};
    r.results = std::vector<Slice>{Slice::unowned("old")};
    r.digest = digest_of_results(r.id, *r.results);
    const NodeId from(member);
    client.on_message(q.now, from,
                      Envelope(Message(r)).seal(kQuietCluster, from, NodeId(101), q.authority(NodeId(101)).key(),
                                                q.authority(from)),
                      out);
  };
  says(1);
  says(2);
  client.configure(q.now, next, out);
  says(3);
  EXPECT_TRUE(out.raised.empty()) << "two who answered are members no more";
}

}  // namespace
}  // namespace holdfast::pbft
