// The store over PBFT: answers are the group's, and what a faulty gateway asks for harms nobody.
#include <gtest/gtest.h>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/client.h"
#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/replica/byzantine_replica.h"
#include "holdfast/service/service_test_cluster.h"

namespace holdfast::service {
namespace {

constexpr uint64_t kCluster = 11;

pbft::Configuration configuration() {
  pbft::Configuration c;
  for (uint64_t n = 1; n <= 4; ++n) c.members.push_back({NodeId(n), pbft::Notary::key_of(NodeId(n))});
  return c;
}

struct Group {
  Group() : cluster(4) {
    for (uint64_t n = 1; n <= 4; ++n) {
      replica::Config& r = cluster[n].config().replica;
      r.engine = replica::EngineKind::kPbft;
      r.byzantine = replica::ByzantineConfig{.cluster = kCluster, .configuration = configuration()};
      r.byzantine->authority = std::make_shared<pbft::FastAuthority>(pbft::Notary(kCluster), NodeId(n));
      r.byzantine->checkpoint_interval = 4;
      r.snapshot_count = 20;
    }
  }
  // With three, the fourth member is whatever a test says in its name.
  void start(uint64_t members) {
    for (uint64_t n = 1; n <= members; ++n) cluster[n].start();
    ASSERT_TRUE(cluster.run_until([&] { return published(members); }));
  }
  bool published(uint64_t members) {
    for (uint64_t n = 1; n <= members; ++n) {
      const store::Member* m = cluster[1].service().store().member(NodeId(n));
      if (m == nullptr || m->name.empty()) return false;
    }
    return true;
  }
  store::Response ask(uint64_t n, store::Request request) { return cluster.ask(cluster[n], std::move(request)); }
  const store::Store& store(uint64_t n) { return cluster[n].service().store(); }

  TestCluster cluster;
};

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

// A gateway of its own making, under the name and the key of member 4, which is not running.
class FalseGateway {
 public:
  explicit FalseGateway(Group& group)
      : group_(group), authority_(pbft::Notary(kCluster), NodeId(4)), client_(config(), authority_) {}

  void propose(const Slice& command) { submit(codec::encode_flat(replica::Operation{false, command})); }
  void propose(const store::Command& command) { propose(codec::encode_flat(command)); }
  void submit(const Slice& operation) {
    ASSERT_TRUE(client_.submit(++last_, operation).ok());
    client_.on_time(group_.cluster.now(), out_);
    for (auto& s : std::exchange(out_.sent, {})) {
      group_.cluster.send(NodeId(4), s.to, codec::encode_flat(replica::Wire(std::move(s.wire))));
    }
    out_.clear();
    const auto before = group_.cluster[1].service().replica().commit_index();
    group_.cluster.run_until([&] { return group_.cluster[1].service().replica().commit_index() > before; },
                             Duration::millis(300));
  }

 private:
  static pbft::ClientConfig config() {
    pbft::ClientConfig c;
    c.self = NodeId(4);
    c.cluster = kCluster;
    c.configuration = configuration();
    c.incarnation = 1'000;
    c.in_flight = 60;
    return c;
  }
  Group& group_;
  pbft::FastAuthority authority_;
  pbft::Client client_;
  pbft::Client::Out out_;
  uint64_t last_ = 0;
};

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
