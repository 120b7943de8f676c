// The store over PBFT: answers are the group's, and what a faulty gateway asks for harms nobody.
#include <gtest/gtest.h>

#include "holdfast/base/mark.h"
#include "holdfast/service/service_test_group.h"

namespace holdfast::service {
namespace {

TEST(GroupService, EveryMemberServesReadsAndWritesOfFour) {
  Group g;
  g.start(4);
  for (uint64_t m = 1; m <= 4; ++m) {
    const std::string value = "from " + std::to_string(m);
    EXPECT_EQ(error_of(g.ask(m, put("k", value))), Error::kNone);
    for (uint64_t reader = 1; reader <= 4; ++reader) EXPECT_EQ(value_of(g.ask(reader, get("k"))), value);
  }
  EXPECT_EQ(error_of(g.ask(2, put("", "no key"))), Error::kEmptyKey);
  g.cluster.run_for(Duration::seconds(1));
  for (uint64_t m = 2; m <= 4; ++m) EXPECT_EQ(g.store(1).state_digest(), g.store(m).state_digest());
}

TEST(GroupService, OneMemberMayBeDownAndTwoMayNot) {
  Group g;
  g.start(4);
  g.cluster[1].crash();  // the primary
  EXPECT_EQ(error_of(g.ask(2, put("k", "v"))), Error::kNone);
  EXPECT_EQ(value_of(g.ask(3, get("k"))), "v");
  g.cluster[4].crash();
  EXPECT_EQ(error_of(g.ask(2, put("k", "w"))), Error::kTimeout);
  EXPECT_EQ(error_of(g.ask(2, get("k"))), Error::kTimeout);
  g.cluster[1].start();
  g.cluster[4].start();
  EXPECT_EQ(error_of(g.ask(4, put("k", "x"))), Error::kNone);
  EXPECT_EQ(value_of(g.ask(1, get("k"))), "x");
}

TEST(GroupService, LeasesAreKeptAliveByTheGroupAndEndInLogTime) {
  Group g;
  g.start(4);
  const auto granted = std::get<store::LeaseGrantResponse>(g.ask(2, store::LeaseGrantRequest{2, {}}));
  store::PutRequest leased = put("k", "v");
  leased.lease = granted.id;
  ASSERT_EQ(error_of(g.ask(3, leased)), Error::kNone);
  for (int i = 0; i < 6; ++i) {
    g.cluster.run_for(Duration::millis(800));
    const auto kept = std::get<store::LeaseKeepAliveResponse>(g.ask(4, store::LeaseKeepAliveRequest{granted.id}));
    EXPECT_EQ(kept.ttl_seconds, granted.ttl_seconds);
  }
  EXPECT_EQ(value_of(g.ask(1, get("k"))), "v");
  const auto unknown =
      std::get<store::LeaseKeepAliveResponse>(g.ask(4, store::LeaseKeepAliveRequest{store::LeaseId(5)}));
  EXPECT_EQ(unknown.ttl_seconds, 0);
  // Nobody writes any more, and the primary is not there to let time move: another member does.
  g.cluster[1].crash();
  g.cluster.run_for(Duration::millis(6'000));
  EXPECT_FALSE(g.store(2).has_leases());
  EXPECT_EQ(value_of(g.ask(2, get("k"))), "none");
}

TEST(GroupService, ARestartedMemberServesSerializableReadsOnceItIsUpToDate) {
  Group g;
  g.start(4);
  g.cluster[3].crash();
  for (int i = 0; i < 30; ++i) ASSERT_EQ(error_of(g.ask(1, put("k", std::to_string(i)))), Error::kNone);
  g.cluster[3].start();
  store::RangeRequest local = get("k");
  local.serializable = true;
  EXPECT_EQ(value_of(g.ask(3, local)), "29");
}

// Member 3 hears what the group answers, and nothing of what there is to execute.
struct Behind : Group {
  Behind() {
    start(4);
    EXPECT_EQ(error_of(ask(3, put("k", "old"))), Error::kNone);
    hear_no_order();
  }
  void hear_no_order() {
    cluster.lost = [](NodeId to, const Slice& bytes) {
      const auto wire = codec::decode<replica::Wire>(bytes);
      const auto* packet = wire.ok() ? std::get_if<pbft::Packet>(&*wire) : nullptr;
      return to == NodeId(3) && packet != nullptr && packet->part != pbft::Part::kClient;
    };
  }
  void hear_all() {
    cluster.lost = [](NodeId, const Slice&) { return false; };
  }
  bool answered(CallId id) { return cluster[3].replies.contains(id); }
  store::Response local() {
    store::RangeRequest range = get("k");
    range.serializable = true;
    return ask(3, range);
  }
};

TEST(GroupService, NoAnswerIsPassedOnBeforeTheMemberItselfIsAsFar) {
  Behind g;
  const CallId write = g.cluster[3].call(put("k", "new"));
  ASSERT_TRUE(g.cluster.run_until([&] { return g.store(1).revision() > g.store(3).revision(); }));
  const CallId read = g.cluster[3].call(get("k"));
  g.cluster.run_for(Duration::seconds(1));
  EXPECT_FALSE(g.answered(write));
  EXPECT_FALSE(g.answered(read));
  EXPECT_EQ(value_of(g.local()), "old");
  g.hear_all();
  ASSERT_TRUE(g.cluster.run_until([&] { return g.answered(write) && g.answered(read); }));
  EXPECT_EQ(value_of(g.cluster[3].replies.at(read)), "new");
  EXPECT_EQ(value_of(g.local()), "new");
  EXPECT_EQ(error_of(g.cluster[3].replies.at(write)), Error::kNone);
}

TEST(GroupService, AMemberThatStaysBehindLetsItsClientsGo) {
  Behind g;
  EXPECT_EQ(error_of(g.ask(3, put("k", "new"))), Error::kTimeout);
  EXPECT_EQ(value_of(g.ask(1, get("k"))), "new") << "it was executed";
  EXPECT_EQ(error_of(g.ask(3, get("k"))), Error::kTimeout);
  const CallId given_up = g.cluster[3].call(get("k"));
  g.cluster.run_for(Duration::seconds(1));
  g.cluster[3].service().cancel(given_up);
  EXPECT_EQ(value_of(g.local()), "old");
  g.hear_all();
  EXPECT_EQ(value_of(g.ask(3, get("k"))), "new");
  EXPECT_FALSE(g.answered(given_up));
}

// It serves as a gateway, but shows nothing of its own.
TEST(GroupService, AMemberThatHasYetToCatchUpPassesOnWhatItIsTold) {
  Behind g;
  g.cluster[3].crash();
  g.cluster[3].start();
  EXPECT_EQ(error_of(g.ask(3, put("k", "new"))), Error::kNone);
  EXPECT_EQ(value_of(g.ask(3, get("k"))), "new");
  EXPECT_EQ(error_of(g.local()), Error::kTimeout);
  g.hear_all();
  EXPECT_EQ(value_of(g.local()), "new");
}

// Its caller waits until this member is done with it, in whichever order the member executes and is told by the group.
TEST(GroupService, APhysicalCompactionMayBeExecutedHereLongBeforeTheGroupHasAnswered) {
  Group g;
  g.start(4);
  for (int i = 0; i < 3; ++i) g.ask(1, put("k", "v"));
  g.cluster.lost = [](NodeId to, const Slice& bytes) {
    const auto wire = codec::decode<replica::Wire>(bytes);
    const auto* packet = wire.ok() ? std::get_if<pbft::Packet>(&*wire) : nullptr;
    return to == NodeId(3) && packet != nullptr && packet->part == pbft::Part::kClient;
  };
  const store::Revision upto = g.store(3).revision();
  const CallId call = g.cluster[3].call(store::CompactRequest{upto, /*physical=*/true});
  ASSERT_TRUE(g.cluster.run_until([&] { return g.store(3).compact_revision() == upto; }));
  g.cluster.run_for(Duration::millis(200));
  EXPECT_FALSE(g.cluster[3].replies.contains(call));
  g.cluster.lost = [](NodeId, const Slice&) { return false; };
  ASSERT_TRUE(g.cluster.run_until([&] { return g.cluster[3].replies.contains(call); }));
  EXPECT_EQ(error_of(g.cluster[3].replies.at(call)), Error::kNone);
}

TEST(GroupService, APhysicalCompactionMayBeAnsweredBeforeItIsExecutedHere) {
  Behind g;
  const store::Revision upto = g.store(3).revision();
  const CallId call = g.cluster[3].call(store::CompactRequest{upto, /*physical=*/true});
  ASSERT_TRUE(g.cluster.run_until([&] { return g.store(1).compact_revision() == upto; }));
  g.cluster.run_for(Duration::seconds(1));
  EXPECT_FALSE(g.answered(call));
  for (int i = 0; i < 40; ++i) g.ask(1, put("k", "v"));  // beyond a snapshot, which takes the command's place
  g.hear_all();
  ASSERT_TRUE(g.cluster.run_until([&] { return g.answered(call); }));
  EXPECT_EQ(error_of(g.cluster[3].replies.at(call)), Error::kNone);
  EXPECT_EQ(g.store(3).compact_revision(), upto);
}

TEST(GroupService, ThePrimaryHandsOverToTheNextInTurn) {
  Group g;
  g.start(4);
  const NodeId first = g.cluster[1].service().replica().leader();
  const NodeId next(first.value() % 4 + 1);
  const NodeId wrong(next.value() % 4 + 1);
  EXPECT_EQ(error_of(g.ask(first.value(), store::MoveLeaderRequest{wrong})), Error::kBadLeaderTransferee);
  EXPECT_EQ(error_of(g.ask(first.value(), store::MoveLeaderRequest{next})), Error::kNone);
  EXPECT_EQ(g.cluster[first.value()].service().replica().leader(), next);
}

TEST(GroupService, AFalseGatewayGetsNothingThatItsClientsCouldNotAskFor) {
  Group g;
  g.start(3);
  ASSERT_EQ(error_of(g.ask(1, put("k", "v"))), Error::kNone);
  const auto granted = std::get<store::LeaseGrantResponse>(g.ask(1, store::LeaseGrantRequest{60, {}}));
  const std::vector<store::Member> members = g.store(1).members();
  const store::Revision before = g.store(1).revision();
  FalseGateway gateway(g);
  gateway.propose(store::Tick{int64_t{1} << 50});
  gateway.propose(store::SetMembers{{}, NodeId{}});
  gateway.propose(store::Publish{NodeId(1), "stolen", {"http://127.0.0.1:1"}});
  gateway.propose(store::MemberUpdateRequest{NodeId(1), {"http://127.0.0.1:1"}});
  gateway.propose(put("", "no key"));
  gateway.propose(store::TxnRequest{{}, {put("twice", "1"), put("twice", "2")}, {}});
  gateway.propose(Slice::unowned("no command at all"));
  gateway.submit(Slice::unowned("not even an operation"));
  gateway.submit(codec::encode_flat(replica::Operation{true, Slice::unowned("no question")}));
  gateway.propose(put("k", "what its clients may write"));
  EXPECT_EQ(value_of(g.ask(1, get("k"))), "what its clients may write");
  EXPECT_EQ(g.store(1).revision(), before + 1);
  EXPECT_EQ(g.store(1).members(), members);
  EXPECT_LT(g.store(1).clock_ms(), 3'600'000);
  EXPECT_TRUE(g.store(1).lease_ttl_seconds(granted.id).has_value());
  g.cluster.run_for(Duration::seconds(1));
  EXPECT_EQ(g.store(1).state_digest(), g.store(2).state_digest());
  EXPECT_EQ(g.store(1).state_digest(), g.store(3).state_digest());
}

uint64_t hits_of(std::string_view name) {
  for (const Mark* m : all_marks()) {
    if (m->name == name) return m->hits;
  }
  ADD_FAILURE() << "no mark " << name;
  return 0;
}

// A valid image of its own, but an old one: only what was certified tells that it is not the one.
TEST(GroupService, AnOlderSnapshotInThePlaceOfTheLatestIsFoundOut) {
  Group g;
  g.start(4);
  TestMember& three = g.cluster[3];
  const auto write = [&](int from, int to) {
    for (int i = from; i < to; ++i) ASSERT_EQ(error_of(g.ask(1, put("k", std::to_string(i)))), Error::kNone);
  };
  write(0, 30);
  ASSERT_FALSE(three.blobs_.empty());
  const auto [old_id, old_bytes] = *three.blobs_.rbegin();
  write(30, 90);
  ASSERT_NE(three.blobs_.rbegin()->first, old_id);
  three.crash();
  const BlobId latest = three.blobs_.rbegin()->first;
  for (auto& [id, bytes] : three.blobs_) bytes = old_bytes;
  size_t patched = 0;
  for (auto& [seq, bytes] : three.records_) {
    auto record = codec::decode<replica::Record>(bytes);
    ASSERT_TRUE(record.ok());
    auto* pbft = std::get_if<pbft::Record>(&*record);
    auto* mark = pbft == nullptr ? nullptr : std::get_if<pbft::SnapshotMark>(pbft);
    if (mark == nullptr || mark->meta.blob != latest) continue;
    mark->meta.size = old_bytes.size();
    bytes = codec::encode_flat(*record);
    ++patched;
  }
  ASSERT_EQ(patched, 1u);
  const uint64_t before = hits_of("replica.group_snapshot_damaged");
  three.start();
  g.cluster.run_for(Duration::millis(10));
  EXPECT_EQ(hits_of("replica.group_snapshot_damaged"), before + 1);
  ASSERT_TRUE(g.cluster.run_until([&] { return g.store(3).state_digest() == g.store(1).state_digest(); }));
  EXPECT_EQ(value_of(g.ask(3, get("k"))), "89");
}

TEST(GroupService, WhatRotsInTheMemoryOfAMemberThatRestsIsFoundAndReplaced) {
  Group g;
  g.start(4);
  for (int i = 0; i < 60; ++i) ASSERT_EQ(error_of(g.ask(1, put("k", "value " + std::to_string(i)))), Error::kNone);
  g.cluster.run_for(Duration::seconds(1));
  const crypto::Digest sound = g.store(1).state_digest();
  const Slice held = std::get<store::RangeResponse>(g.store(3).range(get("k"))).kvs[0].value;
  const_cast<char*>(held.data())[held.size() / 2] ^= 0x10;  // NOLINT: as a failing memory would
  ASSERT_NE(value_of(g.store(3).range(get("k"))), "value 59");
  ASSERT_EQ(g.store(3).state_digest(), sound) << "the digest that is kept does not show it";
  const uint64_t before = hits_of("service.rot_found");
  g.cluster.run_for(Duration::seconds(25));
  EXPECT_EQ(hits_of("service.rot_found"), before + 1);
  EXPECT_EQ(value_of(g.store(3).range(get("k"))), "value 59");
  EXPECT_EQ(g.store(3).audited_digest(), g.store(1).audited_digest());
  EXPECT_EQ(error_of(g.ask(3, put("k", "it serves"))), Error::kNone);
}

TEST(GroupService, ASnapshotThatIsGoneIsFetchedFromAnotherMember) {
  Group g;
  g.start(4);
  for (int i = 0; i < 60; ++i) ASSERT_EQ(error_of(g.ask(1, put("k", std::to_string(i)))), Error::kNone);
  g.cluster[3].crash();
  ASSERT_FALSE(g.cluster[3].blobs_.empty());
  g.cluster[3].blobs_.clear();
  g.cluster[3].start();
  ASSERT_TRUE(g.cluster.run_until([&] { return g.store(3).state_digest() == g.store(1).state_digest(); }));
  EXPECT_TRUE(g.cluster[3].stopped.empty());
  EXPECT_EQ(value_of(g.ask(3, get("k"))), "59");
}

TEST(GroupService, ADamagedSnapshotIsReplacedByThatOfAnotherMember) {
  Group g;
  g.start(4);
  for (int i = 0; i < 60; ++i) ASSERT_EQ(error_of(g.ask(1, put("k", std::to_string(i)))), Error::kNone);
  ASSERT_FALSE(g.cluster[3].blobs_.empty());
  g.cluster[3].crash();
  for (auto& [id, bytes] : g.cluster[3].blobs_) bytes[bytes.size() / 2] ^= 1;
  g.cluster[3].start();
  EXPECT_TRUE(g.cluster[3].stopped.empty());
  ASSERT_TRUE(g.cluster.run_until([&] { return g.store(3).state_digest() == g.store(1).state_digest(); }));
  EXPECT_EQ(value_of(g.ask(3, get("k"))), "59");
}

}  // namespace
}  // namespace holdfast::service
