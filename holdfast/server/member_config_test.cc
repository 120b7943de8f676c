#include "holdfast/server/member_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

using testing::HasSubstr;

TEST(MemberConfig, TheDefaultsAreAMemberAlone) {
  const MemberConfig config;
  EXPECT_TRUE(check(config).ok()) << check(config);
  EXPECT_EQ(data_dir_of(config), "default.holdfast");
  EXPECT_EQ(wal_dir_of(config), "default.holdfast/wal");
  EXPECT_EQ(initial_cluster_of(config), (std::vector<InitialMember>{{"default", {"http://localhost:2380"}}}));
}

TEST(MemberConfig, ReadsAnInitialCluster) {
  const auto cluster = parse_initial_cluster("a=http://h:1,b=http://h:2,a=http://h:3");
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ(*cluster, (std::vector<InitialMember>{{"a", {"http://h:1", "http://h:3"}}, {"b", {"http://h:2"}}}));
  for (const char* text : {"", "a", "=http://h:1", "a=", ",,"}) {
    EXPECT_EQ(parse_initial_cluster(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(MemberConfig, NamesTheFlagThatIsWrong) {
  const auto message = [](auto change) {
    MemberConfig config;
    change(config);
    const Status s = check(config);
    EXPECT_EQ(s.code(), StatusCode::kInvalidArgument) << s;
    return std::string(s.message());
  };
  EXPECT_THAT(message([](MemberConfig& c) { c.name = ""; }), HasSubstr("--name"));
  EXPECT_THAT(message([](MemberConfig& c) { c.listen_peer_urls = {}; }), HasSubstr("--listen-peer-urls"));
  EXPECT_THAT(message([](MemberConfig& c) { c.listen_client_urls = {"https://a:1"}; }),
              HasSubstr("--listen-client-urls"));
  EXPECT_THAT(message([](MemberConfig& c) { c.advertise_client_urls = {"http://a:0"}; }), HasSubstr("port 0"));
  EXPECT_THAT(message([](MemberConfig& c) { c.heartbeat_interval = Duration(); }), HasSubstr("--heartbeat-interval"));
  EXPECT_THAT(message([](MemberConfig& c) { c.election_timeout = Duration::millis(499); }),
              HasSubstr("--election-timeout"));
  EXPECT_THAT(message([](MemberConfig& c) { c.election_timeout = Duration::seconds(51); }), HasSubstr("50000ms"));
  EXPECT_THAT(message([](MemberConfig& c) { c.max_request_bytes = 0; }), HasSubstr("--max-request-bytes"));
  EXPECT_THAT(message([](MemberConfig& c) { c.max_txn_ops = 0; }), HasSubstr("--max-txn-ops"));
  EXPECT_THAT(message([](MemberConfig& c) { c.snapshot_count = 0; }), HasSubstr("--snapshot-count"));
}

TEST(MemberConfig, TheInitialClusterMustNameThisMemberAtItsUrls) {
  MemberConfig config;
  config.name = "b";
  config.initial_advertise_peer_urls = {"http://h:2"};
  config.initial_cluster = {{"a", {"http://h:1"}}};
  EXPECT_THAT(check(config).message(), HasSubstr("add b=http://h:2"));
  config.initial_cluster.push_back({"b", {"http://h:3"}});
  EXPECT_THAT(check(config).message(), HasSubstr("both must name the same URLs"));
  config.initial_cluster.back().peer_urls = {"http://h:2"};
  EXPECT_TRUE(check(config).ok()) << check(config);
  config.initial_cluster.front().peer_urls.push_back("http://h:2");
  EXPECT_THAT(check(config).message(), HasSubstr("given twice"));
}

}  // namespace
}  // namespace holdfast::server
