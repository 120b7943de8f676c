#include "holdfast/server/member_key.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "holdfast/runtime/key_file.h"

namespace holdfast::server {
namespace {

namespace fs = std::filesystem;
using replica::EngineKind;
using testing::HasSubstr;

crypto::Seed seed_of(uint8_t n) {
  crypto::Seed seed;
  seed.bytes.fill(n);
  return seed;
}
std::string url(uint8_t n, int port) {
  return fmt::format("http://{}@10.0.0.{}:{}", to_hex(crypto::Identity(seed_of(n)).public_key().view()), n, port);
}

TEST(MemberKey, PbftNeedsKeysAndOthersHaveNoUseForThem) {
  const auto said = [](EngineKind engine, const std::vector<InitialMember>& cluster) {
    return std::string(check_keys(engine, cluster).message());
  };
  const std::vector<InitialMember> keys = {
      {"a", {url(1, 1)}}, {"b", {url(2, 1)}}, {"c", {url(3, 1)}}, {"d", {url(4, 1)}}};
  const std::vector<InitialMember> none = {{"a", {"http://a:1"}}, {"b", {"http://b:1"}}};
  EXPECT_EQ(said(EngineKind::kRaft, none), "");
  EXPECT_EQ(said(EngineKind::kPbft, keys), "");
  EXPECT_THAT(said(EngineKind::kPaxos, keys), HasSubstr("\"a\" has a key in its peer URL, which --consensus=paxos"));
  EXPECT_THAT(said(EngineKind::kPbft, {keys[0], keys[1], keys[2], {"d", {"http://d:1"}}}),
              HasSubstr("\"d\" has no key; with --consensus=pbft peer URLs are written http://KEY@HOST:PORT"));
  EXPECT_THAT(said(EngineKind::kPbft, {keys[0], keys[1], keys[2], {"d", {url(1, 9)}}}),
              HasSubstr("\"a\" and \"d\" have the same key"));
  EXPECT_THAT(said(EngineKind::kPbft, {keys[0], keys[1], keys[2]}), HasSubstr("needs at least 4 members"));
}

// The key of the second of four members is in its file.
struct OneOfFour {
  OneOfFour() {
    const auto own = runtime::make_key_file(root + "/data/member.key");
    config.name = "b";
    config.data_dir = root + "/data";
    config.engine = EngineKind::kPbft;
    for (uint8_t i = 1; i <= 4; ++i) {
      const std::string key = i == 2 ? fmt::format("http://{}@10.0.0.2:1", to_hex(own->view())) : url(i, 1);
      config.initial_cluster.push_back({std::string(1, static_cast<char>('a' + i - 1)), {key}});
    }
    config.initial_advertise_peer_urls = config.initial_cluster[1].peer_urls;
    identity.bootstrap = bootstrap_members(config.initial_cluster, "t");
    config.initial_cluster_token = "t";
    found();
    identity.member_id = member_id_of(config.initial_advertise_peer_urls, "t");
    identity.engine = EngineKind::kPbft;
  }
  ~OneOfFour() { fs::remove_all(root); }
  void found() {
    std::vector<NodeId> ids;
    for (const store::Member& m : identity.bootstrap) ids.push_back(m.id);
    identity.cluster_id = cluster_id_of(ids, founding_token(config));
  }
  std::string said() const { return std::string(byzantine_config(config, identity).status().message()); }

  const std::string root = fmt::format("{}/member_key_test_{}", testing::TempDir(), getpid());
  MemberConfig config;
  MemberIdentity identity;
};

TEST(MemberKey, AReplicaKnowsAllKeysAndItsOwnSecret) {
  OneOfFour one;
  one.config.administrator = crypto::Identity(seed_of(9)).public_key();
  EXPECT_THAT(one.said(), HasSubstr("was founded with another --administrator-key"));
  one.found();
  const auto made = byzantine_config(one.config, one.identity);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->cluster, one.identity.cluster_id);
  EXPECT_EQ(made->beginning, pbft::Beginning::kNew);
  EXPECT_EQ(made->configuration.administrator, *one.config.administrator);
  ASSERT_EQ(made->configuration.members.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const pbft::Peer& peer = made->configuration.members[i];
    EXPECT_EQ(peer.id, one.identity.bootstrap[i].id);
    EXPECT_EQ(peer.key == crypto::Identity(made->seed).public_key(), peer.id == one.identity.member_id);
  }
  one.identity.disk_lost = true;
  EXPECT_EQ(byzantine_config(one.config, one.identity)->beginning, pbft::Beginning::kLostDisk);
}

TEST(MemberKey, AMemberThatHasNotItsOwnKeyDoesNotStart) {
  OneOfFour one;
  one.config.key_file = one.root + "/none";
  EXPECT_THAT(one.said(), testing::AllOf(HasSubstr("is not in " + one.root + "/none"), HasSubstr("holdfast key new")));
  ASSERT_TRUE(runtime::make_key_file(one.root + "/other").ok());
  one.config.key_file = one.root + "/other";
  EXPECT_THAT(one.said(), HasSubstr("but the peer URL of b says"));
  one.config.key_file.clear();
  EXPECT_EQ(one.said(), "");
  one.identity.bootstrap[0].peer_urls = {"http://10.0.0.1:1"};
  EXPECT_THAT(one.said(), HasSubstr("IDENTITY names a member without a key"));
}

}  // namespace
}  // namespace holdfast::server
