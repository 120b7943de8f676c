// What one lying member, or a gateway of one, can make the others keep, work out and send: no more than a bound.
#include <gtest/gtest.h>

#include "holdfast/service/service_test_group.h"

namespace holdfast::service {
namespace {

// What is said in a member's name, with its key.
class FalseMember {
 public:
  FalseMember(Group& group, NodeId id) : group_(group), id_(id), authority_(pbft::Notary(kCluster), id) {}

  void say(NodeId to, const pbft::Message& message) {
    const pbft::Packet packet =
        pbft::Envelope(message).seal(kCluster, id_, to, pbft::Notary::key_of(to), authority_);
    group_.cluster.send(id_, to, codec::encode_flat(replica::Wire(packet)));
  }
  void say_to_others(const pbft::Message& message) {
    for (uint64_t n = 1; n <= 4; ++n) {
      if (NodeId(n) != id_) say(NodeId(n), message);
    }
  }
  // Its client waits for nothing, and so is never made to wait; or for everything.
  pbft::SignedRequest request(std::vector<Slice> operations, bool waits = false) {
    ++last_;
    pbft::Request r{.id = {id_, 1'000, last_}, .floor = waits ? 1 : last_, .operations = std::move(operations)};
    return {r, authority_.sign(pbft::text_of(kCluster, r))};
  }

 private:
  Group& group_;
  NodeId id_;
  pbft::FastAuthority authority_;
  uint64_t last_ = 0;
};

const pbft::Replica& core(Group& g, uint64_t n) {
  return static_cast<const replica::ByzantineReplica&>(g.cluster[n].service().replica()).pbft();
}

// What is kept until a snapshot takes its place: records of so many bytes.
size_t log_bytes(Group& g, uint64_t n) {
  size_t bytes = 0;
  for (const auto& [seq, record] : g.cluster[n].records_) bytes += record.size();
  return bytes;
}

void expect_bounded_by_snapshots(Group& g, uint64_t n, size_t bytes) {
  EXPECT_GT(core(g, n).executed_upto(), pbft::Seq(150)) << "it was all executed";
  EXPECT_GT(core(g, n).snapshot().seq + 60, core(g, n).executed_upto()) << "no snapshot takes the place of the log";
  EXPECT_LT(log_bytes(g, n), bytes);
}

TEST(GroupBounds, WhatMakesNoSenseAndWhatIsOnlyAskedIsForgottenWithTheNextSnapshot) {
  for (const bool question : {false, true}) {
    Group g;
    g.start(3);
    FalseMember four(g, NodeId(4));
    const std::string padding(10'000, 'x');
    for (int i = 0; i < 160; ++i) {
      const Slice senseless = Slice::copy_of(padding + std::to_string(i));
      four.say_to_others(
          pbft::Submit{four.request({question ? codec::encode_flat(replica::Operation{true, senseless}) : senseless})});
      g.cluster.run_for(Duration::millis(20));
    }
    for (uint64_t n = 1; n <= 3; ++n) expect_bounded_by_snapshots(g, n, 1'200'000);
  }
}

// The primary of the first view proposes nothing at all, and again and again what was executed.
TEST(GroupBounds, EmptyAndRepeatedBatchesAreForgottenWithTheNextSnapshot) {
  Group g;
  for (uint64_t n = 2; n <= 4; ++n) g.cluster[n].start();
  FalseMember one(g, NodeId(1));
  const pbft::SignedRequest request = one.request({Slice::copy_of(std::string(10'000, 'x'))});
  for (uint64_t place = 1; place <= 160; ++place) {
    pbft::Batch batch;
    if (place % 2 == 0) batch.requests = {request};
    one.say_to_others(pbft::PrePrepare{0, pbft::View(), pbft::Seq(place), codec::encode_flat(batch)});
    g.cluster.run_until([&] { return core(g, 2).executed_upto() >= pbft::Seq(place); }, Duration::millis(100));
  }
  for (uint64_t n = 2; n <= 4; ++n) expect_bounded_by_snapshots(g, n, 1'200'000);
}

// --- Answers ---

// Four megabytes of keys and values, and what the others send to member 4.
struct Full : Group {
  Full(uint64_t members) {
    start(members);
    for (int i = 0; i < 40; ++i) {
      EXPECT_EQ(error_of(ask(1, put("k" + std::to_string(i), std::string(100'000, 'v')))), Error::kNone);
    }
    cluster.lost = [this](NodeId to, const Slice& bytes) {
      const auto wire = codec::decode<replica::Wire>(bytes);
      const auto* packet = wire.ok() ? std::get_if<pbft::Packet>(&*wire) : nullptr;
      if (to != NodeId(4) || packet == nullptr || packet->part != pbft::Part::kClient) return false;
      const auto message = codec::decode<pbft::Message>(packet->body);
      const auto* reply = message.ok() ? std::get_if<pbft::Reply>(&*message) : nullptr;
      if (reply != nullptr && reply->results) results.insert(results.end(), reply->results->begin(), reply->results->end());
      largest = std::max(largest, bytes.size());
      return false;
    };
  }
  static Slice question() {
    return codec::encode_flat(replica::Operation{true, codec::encode_flat(store::Request(everything()))});
  }
  static store::RangeRequest everything() {
    store::RangeRequest r = get("k");
    r.range_end = Slice::unowned("l");
    return r;
  }
  size_t bytes() const {
    size_t n = 0;
    for (const Slice& r : results) n += r.size();
    return n;
  }
  std::vector<Slice> results;
  size_t largest = 0;
};

TEST(GroupBounds, AllAnswersToOneBundleAreNoMoreThanAMessageHolds) {
  Full g(3);
  FalseMember four(g, NodeId(4));
  four.say_to_others(pbft::Submit{four.request(std::vector<Slice>(200, Full::question()))});
  g.cluster.run_for(Duration::millis(500));
  ASSERT_EQ(g.results.size(), 200u) << "each has its answer, if only that there is no room for it";
  EXPECT_GT(g.bytes(), 4'000'000u);
  EXPECT_LT(g.largest, 9'000'000u);
  EXPECT_EQ(value_of(g.ask(1, get("k7"))), std::string(100'000, 'v'));
}

TEST(GroupBounds, AnswersThatAGatewayMayAskForAgainAreBounded) {
  Full g(3);
  FalseMember four(g, NodeId(4));
  for (int i = 0; i < 20; ++i) {
    four.say_to_others(pbft::Submit{four.request({Full::question()}, /*waits=*/true)});
    g.cluster.run_for(Duration::millis(100));
  }
  EXPECT_GE(g.results.size(), 14u) << "now and then it is member 4 who is to say the whole";
  EXPECT_GT(g.bytes(), 20'000'000u);
  EXPECT_LT(g.bytes(), 33'600'000u);
}

TEST(GroupBounds, AnAnswerThatIsTooLargeIsRefusedAndChangesNothing) {
  Full g(4);
  const auto whole = g.ask(2, Full::everything());
  ASSERT_TRUE(std::holds_alternative<store::RangeResponse>(whole));
  EXPECT_EQ(std::get<store::RangeResponse>(whole).kvs.size(), 40u);
  store::TxnRequest txn;
  txn.success.assign(3, Full::everything());
  EXPECT_EQ(error_of(g.ask(2, txn)), Error::kAnswerTooLarge);
  txn.success.emplace_back(put("new", "v"));
  EXPECT_EQ(error_of(g.ask(2, txn)), Error::kAnswerTooLarge);
  EXPECT_EQ(value_of(g.ask(3, get("new"))), "none");
  txn.success.erase(txn.success.begin(), txn.success.begin() + 2);
  EXPECT_EQ(error_of(g.ask(2, txn)), Error::kNone);
  EXPECT_EQ(value_of(g.ask(3, get("new"))), "v");
}

}  // namespace
}  // namespace holdfast::service
