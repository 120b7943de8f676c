// A member that joins asks several times, and waits between the times.
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

TEST_F(Joining, SaysThatNobodyAnswered) {
  const Status status = join(1, absl::UnavailableError("connection refused")).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("connection refused"));
  EXPECT_EQ(asked_.size(), 5u);
}

}  // namespace
}  // namespace holdfast::server
