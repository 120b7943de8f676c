// Several members as users run them: what learners, followers, a group without a majority and members that come back
// wrongly do, over real sockets, seen by gRPC's own client.
#include <list>

#include "holdfast/base/mark.h"
#include "holdfast/base/random.h"
#include "tests/cut_proxy.h"
#include "tests/member_kit.h"

namespace holdfast::server {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;

Answered refused(StatusCode code, const std::string& text) { return {code, "etcdserver: " + text}; }

class ApiClusterTest : public LiveTest {
 protected:
  static pb::MemberAddResponse add(LiveMember& at, const std::string& url, bool learner) {
    pb::MemberAddRequest r;
    r.add_peerurls(url);
    r.set_islearner(learner);
    pb::MemberAddResponse response;
    EXPECT_TRUE(persistently(*at.cluster, &pb::Cluster::Stub::MemberAdd, r, &response));
    return response;
  }
  static bool promote(LiveMember& at, uint64_t id) {
    pb::MemberPromoteRequest r;
    r.set_id(id);
    return persistently(*at.cluster, &pb::Cluster::Stub::MemberPromote, r);
  }
  static uint32_t hash_of(LiveMember& m) {
    pb::HashKVResponse r;
    EXPECT_EQ(call(*m.maintenance, &pb::Maintenance::Stub::HashKV, {}, &r), ok());
    return r.hash();
  }
  // Once all have applied everything.
  static void expect_agreement(std::vector<std::unique_ptr<LiveMember>>& members) {
    EXPECT_TRUE(persistently(*members[0]->kv, &pb::KV::Stub::Put, put("the", "end")));
    for (auto& m : members) EXPECT_EQ(value_of(*m, "the"), "end");
    for (auto& m : members) EXPECT_EQ(hash_of(*m), hash_of(*members[0]));
  }
};

TEST_F(ApiClusterTest, ALearnerServesStatusAndSerializableRangesUntilItIsPromoted) {
  LiveMember first(config(1));
  ASSERT_TRUE(first.status.ok()) << first.status;
  ASSERT_TRUE(persistently(*first.kv, &pb::KV::Stub::Put, put("k", "v")));
  const uint64_t id = add(first, peer_url(2), true).member().id();
  MemberConfig c = config(2, 2);
  c.initial_cluster_state = ClusterState::kExisting;
  LiveMember learner(c);
  ASSERT_TRUE(learner.status.ok()) << learner.status;
  pb::RangeResponse r;
  EXPECT_TRUE(eventually(
      [&] { return call(*learner.kv, &pb::KV::Stub::Range, get("k", true), &r) == ok() && r.kvs_size() == 1; }));
  EXPECT_TRUE(learner.state().islearner());
  const Answered no = refused(StatusCode::FAILED_PRECONDITION, "rpc not supported for learner");
  EXPECT_EQ(call(*learner.kv, &pb::KV::Stub::Range, get("k")), no);
  EXPECT_EQ(call(*learner.kv, &pb::KV::Stub::Put, put("k", "w")), no);
  EXPECT_EQ(call(*learner.cluster, &pb::Cluster::Stub::MemberList, {}), no);
  EXPECT_EQ(call(*learner.lease, &pb::Lease::Stub::LeaseLeases, {}), no);
  {
    grpc::ClientContext context;
    const auto stream = learner.watch->Watch(&context);
    pb::WatchResponse none;
    EXPECT_FALSE(stream->Read(&none));
    EXPECT_EQ(of(stream->Finish()), no);
  }
  EXPECT_THAT(learner.http("/readyz"), HasSubstr("503"));
  ASSERT_TRUE(promote(first, id));
  EXPECT_TRUE(persistently(*learner.kv, &pb::KV::Stub::Put, put("k", "w")));
  EXPECT_EQ(value_of(first, "k"), "w");
  EXPECT_FALSE(learner.state().islearner());
}

TEST_F(ApiClusterTest, FollowersForwardAndLeadershipMovesOnRequest) {
  auto members = three();
  LiveMember& leader = leader_of(members);
  std::vector<LiveMember*> followers;
  for (auto& m : members) {
    if (m.get() != &leader) followers.push_back(m.get());
  }
  EXPECT_EQ(call(*followers[0]->kv, &pb::KV::Stub::Put, put("k", "forwarded")), ok());
  pb::RangeResponse r;
  ASSERT_EQ(call(*followers[1]->kv, &pb::KV::Stub::Range, get("k"), &r), ok());
  ASSERT_EQ(r.kvs_size(), 1);
  EXPECT_EQ(r.kvs(0).value(), "forwarded");
  pb::LeaseGrantRequest grant;
  grant.set_ttl(100);
  pb::LeaseGrantResponse granted;
  EXPECT_EQ(call(*followers[0]->lease, &pb::Lease::Stub::LeaseGrant, grant, &granted), ok());
  pb::LeaseTimeToLiveRequest left;
  left.set_id(granted.id());
  pb::LeaseTimeToLiveResponse lives;
  EXPECT_EQ(call(*followers[1]->lease, &pb::Lease::Stub::LeaseTimeToLive, left, &lives), ok());
  EXPECT_GT(lives.ttl(), 0);

  pb::MoveLeaderRequest move;
  move.set_targetid(followers[0]->id());
  EXPECT_EQ(call(*followers[1]->maintenance, &pb::Maintenance::Stub::MoveLeader, move),
            refused(StatusCode::FAILED_PRECONDITION, "not leader"));
  ASSERT_EQ(call(*leader.maintenance, &pb::Maintenance::Stub::MoveLeader, move), ok());
  EXPECT_TRUE(eventually([&] { return followers[0]->leads(); }));
  EXPECT_EQ(call(*leader.kv, &pb::KV::Stub::Put, put("k", "moved")), ok());
}

TEST_F(ApiClusterTest, WithoutAMajorityNothingIsPromisedAndTheLeaderStepsDown) {
  auto members = three();
  LiveMember& leader = leader_of(members);
  grpc::ClientContext context;
  context.AddMetadata("hasleader", "true");
  const auto stream = leader.watch->Watch(&context);
  pb::WatchRequest create;
  create.mutable_create_request()->set_key("k");
  pb::WatchResponse response;
  ASSERT_TRUE(stream->Write(create) && stream->Read(&response));

  for (auto& m : members) {
    if (m.get() != &leader) m->abandon();
  }
  EXPECT_EQ(call(*leader.kv, &pb::KV::Stub::Put, put("k", "lost")),
            refused(StatusCode::UNAVAILABLE, "request timed out"));
  EXPECT_EQ(leader.state().leader(), 0u);
  EXPECT_THAT(leader.state().errors(), testing::ElementsAre("etcdserver: no leader"));
  const Answered no_leader = refused(StatusCode::UNAVAILABLE, "no leader");
  pb::PutResponse ignored;
  EXPECT_EQ(call(*leader.kv, &pb::KV::Stub::Put, put("k", "lost"), &ignored, /*has_leader=*/true), no_leader);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(of(stream->Finish()), no_leader);
  EXPECT_THAT(leader.http("/health"), testing::AllOf(HasSubstr("503"), HasSubstr("RAFT NO LEADER")));
  EXPECT_EQ(call(*leader.kv, &pb::KV::Stub::Range, get("turn", /*serializable=*/true)), ok());

  for (int n = 1; n <= 3; ++n) {
    auto& m = members[static_cast<size_t>(n - 1)];
    if (m.get() == &leader) continue;
    m = std::make_unique<LiveMember>(config(n, 3));
    ASSERT_TRUE(m->status.ok()) << m->status;
  }
  EXPECT_EQ(value_of(leader, "turn"), "the wheel");
  expect_agreement(members);
}

TEST_F(ApiClusterTest, AStoppingLeaderHandsOverLongBeforeAnElectionIsDue) {
  std::vector<std::unique_ptr<LiveMember>> members;
  for (int n = 1; n <= 3; ++n) {
    MemberConfig c = config(n, 3);
    c.election_timeout = Duration::seconds(5);
    members.push_back(std::make_unique<LiveMember>(c));
    ASSERT_TRUE(members.back()->status.ok()) << members.back()->status;
  }
  for (auto& m : members) ASSERT_TRUE(persistently(*m->kv, &pb::KV::Stub::Put, put("k", "v")));
  LiveMember& leader = leader_of(members);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(leader.stop().ok());
  LiveMember& other = members[0].get() == &leader ? *members[1] : *members[0];
  EXPECT_TRUE(persistently(*other.kv, &pb::KV::Stub::Put, put("k", "w")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
}

TEST_F(ApiClusterTest, AMemberWithAnOldDiskIsBroughtUpAndChangesNothing) {
  auto members = three();
  ASSERT_TRUE(persistently(*members[0]->kv, &pb::KV::Stub::Put, put("early", "v")));
  EXPECT_EQ(value_of(*members[2], "early"), "v");
  EXPECT_TRUE(members[2]->stop().ok());
  fs::copy(dir / "m3", dir / "old", fs::copy_options::recursive);
  members[2] = std::make_unique<LiveMember>(config(3, 3));
  ASSERT_TRUE(members[2]->status.ok()) << members[2]->status;
  EXPECT_EQ(value_of(*members[2], "early"), "v") << "it learns what is committed though nothing is written meanwhile";
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(persistently(*members[static_cast<size_t>(i % 3)]->kv, &pb::KV::Stub::Put,
                             put(std::to_string(i % 7), std::to_string(i))));
  }
  EXPECT_EQ(value_of(*members[2], "3"), "199");
  EXPECT_TRUE(members[2]->stop().ok());
  fs::remove_all(dir / "m3");
  fs::rename(dir / "old", dir / "m3");
  members[2] = std::make_unique<LiveMember>(config(3, 3));
  ASSERT_TRUE(members[2]->status.ok()) << members[2]->status;
  EXPECT_EQ(value_of(*members[2], "3"), "199");
  EXPECT_EQ(value_of(*members[0], "early"), "v");
  expect_agreement(members);
}

TEST_F(ApiClusterTest, AMemberOfAnotherClusterAtTheAddressOfAMemberDoesNoHarm) {
  std::vector<std::unique_ptr<LiveMember>> members;
  for (int n = 1; n <= 3; ++n) {
    MemberConfig c = config(n, 3);
    if (n == 3) c.initial_cluster_token = "another";
    members.push_back(std::make_unique<LiveMember>(c));
    ASSERT_TRUE(members.back()->status.ok()) << members.back()->status;
  }
  for (int n = 0; n < 2; ++n) {
    ASSERT_TRUE(persistently(*members[static_cast<size_t>(n)]->kv, &pb::KV::Stub::Put, put("k", "v")));
  }
  EXPECT_TRUE(eventually([&] {
    return members[2]->http("/metrics").find("holdfast_peer_refused_connections_total 0") == std::string::npos;
  }));
  EXPECT_EQ(members[2]->state().leader(), 0u);
  pb::PutResponse ignored;
  EXPECT_EQ(call(*members[2]->kv, &pb::KV::Stub::Put, put("k", "w"), &ignored, /*has_leader=*/true),
            refused(StatusCode::UNAVAILABLE, "no leader"));
  EXPECT_TRUE(members[2]->stop().ok());
  fs::remove_all(dir / "m3");
  members[2] = std::make_unique<LiveMember>(config(3, 3));
  ASSERT_TRUE(members[2]->status.ok()) << members[2]->status;
  EXPECT_EQ(value_of(*members[2], "k"), "v");
  expect_agreement(members);
}

TEST_F(ApiClusterTest, ASnapshotReachesAJoiningMemberThoughItsConnectionIsCutAgainAndAgain) {
  MemberConfig one = config(1);
  one.snapshot_count = 10;
  one.snapshot_catchup_entries = 1;
  LiveMember first(one);
  ASSERT_TRUE(first.status.ok()) << first.status;
  Random random(7);
  constexpr size_t kValue = size_t{256} << 10;
  constexpr uint64_t kValues = 40;
  const auto snapshots = [&] {
    const auto files = fs::directory_iterator(dir / "m1" / "snapshots");
    return std::count_if(fs::begin(files), fs::end(files),
                         [](const auto& f) { return fs::file_size(f) > kValue * 12; });
  };
  for (uint64_t i = 0; i < kValues; ++i) {
    std::string value(kValue, '\0');
    for (char& c : value) c = static_cast<char>(random.next());
    ASSERT_TRUE(persistently(*first.kv, &pb::KV::Stub::Put, put("k" + std::to_string(i), value)));
  }
  ASSERT_TRUE(eventually([&] { return snapshots() > 0; }));

  constexpr int kCuts = 4;
  constexpr uint64_t kCutAfter = uint64_t{2} << 20;
  const auto port = [](int n) { return static_cast<uint16_t>(23800 + n); };
  CutProxy proxy(own_host(), port(3), port(2), kCutAfter, kCuts);
  const uint64_t received = MarkHolder<"replica.snapshot_received">::mark.hits;
  const uint64_t id = add(first, peer_url(3), true).member().id();
  MemberConfig joiner = config(2);
  joiner.initial_advertise_peer_urls = {peer_url(3)};
  joiner.initial_cluster = {{"m1", {peer_url(1)}}, {"m2", {peer_url(3)}}};
  joiner.initial_cluster_state = ClusterState::kExisting;
  LiveMember second(joiner);
  ASSERT_TRUE(second.status.ok()) << second.status;
  ASSERT_TRUE(promote(first, id));
  EXPECT_EQ(value_of(second, "k39").size(), kValue);
  EXPECT_EQ(hash_of(second), hash_of(first));
  EXPECT_EQ(MarkHolder<"replica.snapshot_received">::mark.hits, received + 1);
  EXPECT_EQ(proxy.cuts, kCuts);
  // Started afresh after each cut, it would never have come to its end, and would have cost as much again each time.
  EXPECT_LT(proxy.carried, kValues * kValue + kCuts * kCutAfter * 3 / 4);
}

// Leader leases: reads cost no round, and end with the lease at the latest.
TEST_F(ApiClusterTest, ALeaderByLeaseServesNoReadsOnceItMayBeDeposed) {
  auto members = three([](MemberConfig& c) { c.read_mode = consensus::ReadMode::kLease; });
  LiveMember& leader = leader_of(members);
  for (int i = 0; i < 20; ++i) {
    LiveMember& at = *members[static_cast<size_t>(i % 3)];
    ASSERT_TRUE(persistently(*at.kv, &pb::KV::Stub::Put, put("k", std::to_string(i))));
    for (auto& m : members) EXPECT_EQ(value_of(*m, "k"), std::to_string(i));
  }
  for (auto& m : members) {
    if (m.get() != &leader) m->abandon();
  }
  EXPECT_TRUE(eventually([&] { return leader.state().leader() == 0; }));
  pb::RangeResponse ignored;
  EXPECT_EQ(call(*leader.kv, &pb::KV::Stub::Range, get("k"), &ignored, /*has_leader=*/true),
            refused(StatusCode::UNAVAILABLE, "no leader"));
  EXPECT_EQ(call(*leader.kv, &pb::KV::Stub::Range, get("k")), refused(StatusCode::UNAVAILABLE, "request timed out"));
}

TEST_F(ApiClusterTest, AMemberThatCannotBeReachedHoldsNobodyUpAndCatchesUp) {
  const auto port = [](int n) { return static_cast<uint16_t>(23800 + n); };
  CutProxy proxy(own_host(), port(4), port(3), 0, 0);
  auto members = three([&](MemberConfig& c) {
    c.initial_cluster[2].peer_urls = {peer_url(4)};
    if (c.name == "m3") c.initial_advertise_peer_urls = {peer_url(4)};
  });
  if (&leader_of(members) == members[2].get()) {
    pb::MoveLeaderRequest move;
    move.set_targetid(members[0]->id());
    EXPECT_EQ(call(*members[2]->maintenance, &pb::Maintenance::Stub::MoveLeader, move), ok());
  }
  proxy.holds = true;
  // More than the sockets, the queue towards the member and what may be in flight can take together.
  const std::string value(size_t{1} << 20, 'x');
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(persistently(*members[0]->kv, &pb::KV::Stub::Put, put("k" + std::to_string(i % 5), value)));
  }
  EXPECT_LT(proxy.carried, uint64_t{60} << 20);
  proxy.holds = false;
  EXPECT_EQ(value_of(*members[2], "k4").size(), value.size());
  expect_agreement(members);
}

TEST_F(ApiClusterTest, AThousandConnectionsCostOnlyTheirDescriptors) {
  LiveMember m(config(1));
  ASSERT_TRUE(m.status.ok()) << m.status;
  ASSERT_TRUE(persistently(*m.kv, &pb::KV::Stub::Put, put("k", "v")));
  asio::io_context loop;
  std::list<asio::ip::tcp::socket> idle;
  const asio::ip::tcp::endpoint at(asio::ip::make_address(own_host()), 23701);
  asio::error_code error;
  while (idle.size() < 1000) {
    idle.emplace_back(loop).connect(at, error);
    if (error) break;  // out of our own descriptors
  }
  EXPECT_GT(idle.size(), 400u);
  // Each says a word, so that it is a connection to the server and not only to the system.
  for (auto& s : idle) {
    if (s.is_open()) asio::write(s, asio::buffer("PRI * ", 6), error);
  }
  EXPECT_TRUE(persistently(*m.kv, &pb::KV::Stub::Put, put("k", "w")));
  EXPECT_EQ(value_of(m, "k"), "w");
  idle.clear();
  EXPECT_TRUE(persistently(*m.kv, &pb::KV::Stub::Put, put("k", "x")));
}

}  // namespace
}  // namespace holdfast::server
