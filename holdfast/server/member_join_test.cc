// A member that joins asks several times, and waits between the times; over PBFT it believes what more than may lie
// say.
#include "holdfast/server/member_join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

using testing::HasSubstr;

class Joining : public testing::Test {
 protected:
  Joining() {
    config_.name = "new";
    config_.initial_advertise_peer_urls = {"http://10.0.0.9:2380"};
  }

  // Asks until the `knows`-th time, from when on the cluster knows this member; 0: never.
  StatusOr<MemberIdentity> join(int knows, const Status& trouble = absl::OkStatus()) {
    return join_cluster(
        config_,
        [=, this](size_t enough, Duration) -> StatusOr<std::vector<runtime::MembersReply>> {
          asked_.push_back(enough);
          if (!trouble.ok()) return trouble;
          runtime::MembersReply reply;
          reply.cluster.value = 0xc1;
          reply.engine = theirs_;
          runtime::PeerMember me;
          me.id = NodeId(7);
          me.peer_urls = config_.initial_advertise_peer_urls;
          if (knows != 0 && static_cast<int>(asked_.size()) >= knows) reply.members.push_back(me);
          return std::vector{reply};
        },
        [this](Duration pause) { pauses_.push_back(pause); });
  }

  MemberConfig config_;
  std::string theirs_;  // the engine of the others, as they say it
  std::vector<size_t> asked_;
  std::vector<Duration> pauses_;
};

TEST_F(Joining, AsksOnceWhenItIsKnown) {
  const auto identity = join(1);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->member_id, NodeId(7));
  EXPECT_EQ(asked_, (std::vector<size_t>{1}));
  EXPECT_EQ(pauses_, (std::vector<Duration>{Duration()})) << "nobody waits before the first time";
}

TEST_F(Joining, WaitsForAMemberThatHasNotHeardYet) {
  ASSERT_TRUE(join(3).ok());
  EXPECT_EQ(asked_, (std::vector<size_t>{1, SIZE_MAX, SIZE_MAX})) << "from the second time on all are asked";
  EXPECT_GE(pauses_.back(), Duration::millis(100));
}

TEST_F(Joining, PausesAlsoWhenItIsRefusedAtOnce) {
  EXPECT_THAT(std::string(join(0).status().message()), HasSubstr("Add it first (holdfast member add new"));
  EXPECT_EQ(asked_.size(), 5u);
  Duration all;
  for (const Duration p : pauses_) all = all + p;
  EXPECT_GE(all, Duration::millis(750)) << "an addition that is confirmed elsewhere reaches everybody meanwhile";
  EXPECT_LE(all, Duration::millis(1500));
}

TEST_F(Joining, IsRefusedByAClusterOfAnotherEngine) {
  config_.engine = replica::EngineKind::kPaxos;
  const Status status = join(1).status();  // says nothing: Raft
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("started with --consensus=paxos, but cluster c1"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("start it with --consensus=raft"));
  theirs_ = "paxos";
  EXPECT_TRUE(join(1).ok());
  config_.engine = replica::EngineKind::kRaft;
  EXPECT_THAT(std::string(join(1).status().message()), HasSubstr("start it with --consensus=paxos"));
}

TEST_F(Joining, AFounderIsToldOfAnotherEngineBeforeItHasWrittenAnything) {
  config_.initial_cluster = {{"new", config_.initial_advertise_peer_urls}, {"old", {"http://10.0.0.8:2380"}}};
  const uint64_t cluster =
      found_cluster(config_, [](size_t, Duration) { return absl::UnavailableError("nobody runs yet"); })->cluster_id;
  const auto found = [&](uint64_t id, const std::string& engine) {
    return found_cluster(config_,
                         [&](size_t, Duration) {
                           runtime::MembersReply reply;
                           reply.cluster.value = id;
                           reply.engine = engine;
                           return std::vector{reply};
                         })
        .status();
  };
  EXPECT_THAT(std::string(found(cluster, "paxos").message()), HasSubstr("start it with --consensus=paxos"));
  EXPECT_TRUE(found(cluster, "").ok());
  EXPECT_TRUE(found(cluster, "raft").ok());
  EXPECT_TRUE(found(cluster + 1, "paxos").ok()) << "another cluster is told by its identity";
}

// The only one on the wrong engine has started first, and tells the others that theirs is wrong.
TEST_F(Joining, AFounderBelievesMostOfTheOthersOfTheirEngine) {
  config_.initial_cluster = {{"new", config_.initial_advertise_peer_urls},
                             {"first", {"http://10.0.0.8:2380"}},
                             {"second", {"http://10.0.0.9:2380"}}};
  const uint64_t cluster =
      found_cluster(config_, [](size_t, Duration) { return absl::UnavailableError("nobody runs yet"); })->cluster_id;
  for (const size_t strangers : {1, 2}) {
    const Status status = found_cluster(config_, [&](size_t, Duration) {
                            runtime::MembersReply reply;
                            reply.cluster.value = cluster;
                            reply.engine = "paxos";
                            return std::vector<runtime::MembersReply>(strangers, reply);
                          }).status();
    EXPECT_EQ(status.ok(), strangers == 1) << status.message();
  }
}

TEST_F(Joining, SaysThatNobodyAnswered) {
  const Status status = join(1, absl::UnavailableError("connection refused")).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("connection refused"));
  EXPECT_EQ(asked_.size(), 5u);
}

// --- A group over PBFT -----------------------------------------------------------------------------------------------

// Four founders are asked by a fifth; `says` is what each of them says of it.
class JoiningGroup : public testing::Test {
 protected:
  enum Says { kSilent, kUnknown, kFresh, kStarted, kOfAnotherCluster };

  JoiningGroup() {
    config_.name = "e";
    config_.engine = replica::EngineKind::kPbft;
    config_.initial_cluster_state = ClusterState::kExisting;
    config_.initial_advertise_peer_urls = {url(5)};
    for (int n = 1; n <= 4; ++n) config_.initial_cluster.push_back({std::string(1, "abcd"[n - 1]), {url(n)}});
  }
  static std::string url(int n) {
    return "http://" + std::string(64, static_cast<char>('0' + n)) + "@10.0.0." + std::to_string(n) + ":2380";
  }
  AskMembers answering(const std::vector<Says>& says) {
    const NodeId self = member_id_of(config_.initial_advertise_peer_urls, config_.initial_cluster_token);
    MemberConfig founder = config_;
    founder.initial_cluster_state = ClusterState::kNew;
    const auto nobody = [](size_t, Duration) -> StatusOr<std::vector<runtime::MembersReply>> {
      return absl::UnavailableError("nobody");
    };
    cluster_ = found_cluster(founder, nobody)->cluster_id;
    return [=, this](size_t, Duration) -> StatusOr<std::vector<runtime::MembersReply>> {
      std::vector<runtime::MembersReply> replies;
      for (const Says what : says) {
        if (what == kSilent) continue;
        runtime::MembersReply& reply = replies.emplace_back();
        reply.cluster.value = what == kOfAnotherCluster ? 1 : cluster_;
        reply.engine = "pbft";
        if (what != kFresh && what != kStarted) continue;
        runtime::PeerMember& me = reply.members.emplace_back();
        me.id = self;
        if (what == kStarted) me.client_urls = {"http://10.0.0.5:2379"};
      }
      return replies.empty() ? StatusOr<std::vector<runtime::MembersReply>>(absl::UnavailableError("nobody")) : replies;
    };
  }
  StatusOr<MemberIdentity> join(const std::vector<Says>& says) {
    return join_group(config_, answering(says), [](Duration) {});
  }

  MemberConfig config_;
  uint64_t cluster_ = 0;
};

TEST_F(JoiningGroup, ItFollowsFromTheFoundersWhoItIs) {
  EXPECT_TRUE(joins_group(config_));
  const auto identity = join({kFresh, kFresh, kFresh, kSilent});
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->cluster_id, cluster_);
  EXPECT_EQ(identity->bootstrap.size(), 4u);
  EXPECT_EQ(identity->members.size(), 5u);
  EXPECT_EQ(identity->members.back().id, identity->member_id);
  EXPECT_FALSE(identity->disk_lost);
}

TEST_F(JoiningGroup, WhoMayHaveVotedBeforeStartsSilent) {
  EXPECT_FALSE(join({kFresh, kFresh})->disk_lost);
  EXPECT_TRUE(join({kFresh})->disk_lost) << "one alone may lie";
  EXPECT_TRUE(join({kFresh, kFresh, kStarted})->disk_lost) << "it has started before";
  EXPECT_TRUE(join({})->disk_lost) << "nobody can say that it has not";
  EXPECT_TRUE(join({kUnknown})->disk_lost);
}

TEST_F(JoiningGroup, WhoWasNotAddedIsTold) {
  for (const auto& says : {std::vector<Says>{kUnknown, kUnknown}, {kUnknown, kUnknown, kUnknown, kFresh}}) {
    EXPECT_THAT(std::string(join(says).status().message()), HasSubstr("Add it first (holdfast member add e"));
  }
  EXPECT_TRUE(join({kOfAnotherCluster, kOfAnotherCluster})->disk_lost);  // the handshake will say what is wrong
}

// d, a founder, is started as new in an empty directory. The other founders may have been replaced but for one.
TEST_F(JoiningGroup, AFounderThatOneKnowsIsRefusedUnlessEnoughContradict) {
  config_.name = "d";
  config_.initial_advertise_peer_urls = {url(4)};
  config_.initial_cluster_state = ClusterState::kNew;
  const auto found = [&](const std::vector<Says>& says) { return found_cluster(config_, answering(says)).status(); };
  EXPECT_TRUE(found({}).ok());
  EXPECT_TRUE(found({kFresh}).ok());
  EXPECT_THAT(std::string(found({kStarted, kStarted}).message()), HasSubstr("--initial-cluster-state=existing"));
  EXPECT_THAT(std::string(found({kStarted}).message()), HasSubstr("as member 0 says, but"));
  EXPECT_FALSE(found({kStarted, kFresh}).ok());
  EXPECT_TRUE(found({kStarted, kFresh, kFresh}).ok()) << "one alone may lie";
  config_.initial_cluster_state = ClusterState::kExisting;
  EXPECT_TRUE(found({kStarted, kStarted}).ok());
}

TEST_F(JoiningGroup, WhoeverTheFoundersNameIsNoNewcomer) {
  config_.initial_cluster[3] = {"e", {url(5)}};
  EXPECT_FALSE(joins_group(config_));
  config_.initial_cluster[3] = {"d", {url(5)}};
  EXPECT_FALSE(joins_group(config_));
  config_.initial_cluster[3] = {"d", {url(4)}};
  config_.initial_cluster_state = ClusterState::kNew;
  EXPECT_FALSE(joins_group(config_));
  config_.initial_cluster_state = ClusterState::kExisting;
  config_.engine = replica::EngineKind::kRaft;
  EXPECT_FALSE(joins_group(config_));
}

}  // namespace
}  // namespace holdfast::server
