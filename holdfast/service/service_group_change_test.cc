// Members of a store over PBFT come and go: by what the administrator has signed, and by nothing else.
#include <gtest/gtest.h>

#include "holdfast/consensus/pbft/notary.h"
#include "holdfast/service/group_change.h"
#include "holdfast/service/service_test_cluster.h"

namespace holdfast::service {
namespace {

constexpr uint64_t kCluster = 11;
constexpr NodeId kAdministrator{999};

pbft::Configuration configuration() {
  pbft::Configuration c;
  for (uint64_t n = 1; n <= 4; ++n) c.members.push_back({NodeId(n), pbft::Notary::key_of(NodeId(n))});
  c.administrator = pbft::Notary::key_of(kAdministrator);
  return c;
}

std::string url_of(uint64_t n) { return "http://127.0.0.1:" + std::to_string(9000 + n); }

struct Group {
  Group() : cluster(4) {
    for (uint64_t n = 1; n <= 4; ++n) configure(cluster[n].config());
    // Newcomers know the founders, and nothing else.
    cluster.adjust = [this](Config& c) {
      c.bootstrap = cluster[1].config().bootstrap;
      configure(c);
    };
    for (uint64_t n = 1; n <= 4; ++n) cluster[n].start();
    ensure(cluster.run_until([this] { return published(1) && published(4); }), "founders publish themselves");
  }
  static void configure(Config& c) {
    replica::Config& r = c.replica;
    r.engine = replica::EngineKind::kPbft;
    r.byzantine = replica::ByzantineConfig{.cluster = kCluster, .configuration = configuration()};
    r.byzantine->authority = std::make_shared<pbft::FastAuthority>(pbft::Notary(kCluster), r.consensus.self);
    r.byzantine->checkpoint_interval = 4;
    r.snapshot_count = 20;
  }
  bool published(uint64_t n) {
    const store::Member* m = store(1).member(NodeId(n));
    return m != nullptr && !m->name.empty();
  }
  store::Response ask(uint64_t n, store::Request request) { return cluster.ask(cluster[n], std::move(request)); }
  const store::Store& store(uint64_t n) { return cluster[n].service().store(); }
  uint64_t epoch(uint64_t n) { return cluster[n].service().replica().term().value() >> 32; }

  Slice sign(const pbft::Change& change, NodeId signer = kAdministrator) {
    pbft::FastAuthority authority(pbft::Notary(kCluster), signer);
    return codec::encode_flat(pbft::SignedChange{change, authority.sign(pbft::text_of(kCluster, change))});
  }
  static pbft::Change adds(uint64_t epoch, uint64_t n) {
    store::Member m;
    m.id = NodeId(n);
    m.name = "as it likes";
    m.peer_urls = {url_of(n)};
    return {.epoch = epoch,
            .added = {{NodeId(n), pbft::Notary::key_of(NodeId(n))}},
            .context = codec::encode_flat(GroupChange{{m}})};
  }
  static pbft::Change removes(uint64_t epoch, uint64_t n) {
    return {.epoch = epoch, .removed = {NodeId(n)}, .context = codec::encode_flat(GroupChange{})};
  }
  store::Response add(uint64_t at, const pbft::Change& change) {
    return ask(at, store::MemberAddRequest{.peer_urls = {url_of(5)}, .signed_change = sign(change)});
  }
  store::Response remove(uint64_t at, const pbft::Change& change) {
    return ask(at, store::MemberRemoveRequest{.signed_change = sign(change)});
  }
  // Until all of these are in the epoch, which takes no more than their own doing.
  bool reached(uint64_t epoch_wanted, const std::vector<uint64_t>& members) {
    return cluster.run_until([&] {
      return std::all_of(members.begin(), members.end(), [&](uint64_t n) { return epoch(n) == epoch_wanted; });
    });
  }
  std::vector<uint64_t> members(uint64_t at) {
    std::vector<uint64_t> out;
    for (const store::Member& m : store(at).members()) out.push_back(m.id.value());
    return out;
  }

  TestCluster cluster;
};

TEST(GroupChange, WithoutASignatureTheMembersStay) {
  Group g;
  const std::vector<std::string> urls = {"http://127.0.0.1:9999"};
  EXPECT_EQ(error_of(g.ask(1, store::MemberAddRequest{urls, false})), Error::kAdministratorNeeded);
  EXPECT_EQ(error_of(g.ask(2, store::MemberRemoveRequest{NodeId(2)})), Error::kAdministratorNeeded);
  EXPECT_EQ(error_of(g.ask(1, store::MemberAddRequest{urls, true})), Error::kNoLearners);
  EXPECT_EQ(error_of(g.ask(1, store::MemberPromoteRequest{NodeId(2)})), Error::kNoLearners);
  EXPECT_EQ(g.members(1), (std::vector<uint64_t>{1, 2, 3, 4}));
}

TEST(GroupChange, AMemberIsAddedServesAndIsRemovedAgain) {
  Group g;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(error_of(g.ask(1, put("k" + std::to_string(i), "before"))), Error::kNone);
  const auto added = std::get<store::MembersResponse>(g.add(2, Group::adds(0, 5)));
  EXPECT_EQ(added.member.id, NodeId(5));
  EXPECT_EQ(added.member.peer_urls, std::vector<std::string>{url_of(5)});
  EXPECT_EQ(added.founders.size(), 4u);
  // Nobody asks for anything more: the epoch ends by itself.
  ASSERT_TRUE(g.reached(1, {1, 2, 3, 4}));
  for (uint64_t n = 1; n <= 4; ++n) EXPECT_EQ(g.members(n), (std::vector<uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(g.store(3).member(NodeId(5))->peer_urls, std::vector<std::string>{url_of(5)});
  EXPECT_EQ(g.store(3).member(NodeId(5))->name, "");  // until it has said so itself
  g.cluster.join(NodeId(5), "m5");
  ASSERT_TRUE(g.cluster.run_until([&] { return g.published(5); }));
  EXPECT_EQ(value_of(g.ask(5, get("k3"))), "before");
  g.cluster[4].crash();  // of five four decide: the newcomer is needed
  EXPECT_EQ(error_of(g.ask(5, put("k", "after"))), Error::kNone);
  g.cluster[4].start();
  EXPECT_EQ(error_of(g.remove(5, Group::removes(1, 2))), Error::kNone);
  ASSERT_TRUE(g.reached(2, {1, 3, 4, 5}));
  ASSERT_TRUE(g.cluster.run_until([&] { return !g.cluster[2].stopped.empty(); }));
  EXPECT_NE(g.cluster[2].stopped[0].find("removed from the cluster"), std::string::npos);
  for (const uint64_t n : {1, 3, 4, 5}) {
    EXPECT_EQ(g.members(n), (std::vector<uint64_t>{1, 3, 4, 5}));
    EXPECT_TRUE(g.cluster[n].service().replica().was_removed(NodeId(2)));
    EXPECT_EQ(value_of(g.ask(n, get("k"))), "after");
    EXPECT_EQ(g.store(n).state_digest(), g.store(1).state_digest());
  }
}

TEST(GroupChange, AMemberIsReplacedInOneStep) {
  Group g;
  pbft::Change change = Group::adds(0, 5);
  change.removed = {NodeId(4)};
  ASSERT_EQ(error_of(g.add(1, change)), Error::kNone);
  ASSERT_TRUE(g.reached(1, {1, 2, 3}));
  g.cluster.join(NodeId(5), "m5");
  ASSERT_TRUE(g.cluster.run_until([&] { return g.published(5); }));
  EXPECT_EQ(g.members(5), (std::vector<uint64_t>{1, 2, 3, 5}));
}

TEST(GroupChange, WhatIsWrongIsRefusedAndNothingHappens) {
  Group g;
  const auto add = [&](const pbft::Change& c) { return error_of(g.add(3, c)); };
  EXPECT_EQ(error_of(g.ask(1, store::MemberAddRequest{.peer_urls = {url_of(5)},
                                                      .signed_change = g.sign(Group::adds(0, 5), NodeId(1))})),
            Error::kChangeUnsigned);
  EXPECT_EQ(error_of(g.ask(
                1, store::MemberAddRequest{.peer_urls = {url_of(5)}, .signed_change = Slice::unowned("nonsense")})),
            Error::kChangeImpossible);
  EXPECT_EQ(add(Group::adds(1, 5)), Error::kChangeOutdated);
  EXPECT_EQ(add(Group::adds(0, 4)), Error::kChangeImpossible);
  EXPECT_EQ(error_of(g.remove(1, Group::removes(0, 4))), Error::kChangeImpossible);  // three are too few
  pbft::Change other_names = Group::adds(0, 5);
  other_names.context = Group::adds(0, 6).context;
  EXPECT_EQ(add(other_names), Error::kChangeImpossible);
  pbft::Change no_names = Group::adds(0, 5);
  no_names.context = Slice::unowned("nonsense");
  EXPECT_EQ(add(no_names), Error::kChangeImpossible);
  store::Member twice;
  twice.id = NodeId(5);
  twice.peer_urls = {url_of(2)};
  pbft::Change same_place = Group::adds(0, 5);
  same_place.context = codec::encode_flat(GroupChange{{twice}});
  EXPECT_EQ(add(same_place), Error::kPeerUrlExist);
  g.cluster.run_for(Duration::seconds(2));
  EXPECT_EQ(g.epoch(1), 0u);
  EXPECT_EQ(g.members(1), (std::vector<uint64_t>{1, 2, 3, 4}));
}

TEST(GroupChange, OfTwoAtATimeOneIsTakenAndTheOtherHearsOfIt) {
  Group g;
  const CallId first =
      g.cluster[1].call(store::MemberAddRequest{.peer_urls = {url_of(5)}, .signed_change = g.sign(Group::adds(0, 5))});
  const CallId second =
      g.cluster[2].call(store::MemberAddRequest{.peer_urls = {url_of(5)}, .signed_change = g.sign(Group::adds(0, 6))});
  ASSERT_TRUE(g.cluster.run_until(
      [&] { return g.cluster[1].replies.contains(first) && g.cluster[2].replies.contains(second); }));
  std::vector<Error> said = {error_of(g.cluster[1].replies.at(first)), error_of(g.cluster[2].replies.at(second))};
  std::sort(said.begin(), said.end());
  EXPECT_EQ(said, (std::vector<Error>{Error::kNone, Error::kChangeUnderWay}));
  ASSERT_TRUE(g.reached(1, {1, 2, 3, 4}));
  EXPECT_EQ(g.members(1).size(), 5u);
  EXPECT_EQ(error_of(g.add(1, Group::adds(0, 7))), Error::kChangeOutdated);
}

// A context that no honest tool writes, by a gateway that does not look at it: all members come to the same table.
TEST(GroupChange, TheTableNamesWhoeverBelongsWhateverTheContextSays) {
  Group g;
  for (const bool restarted : {false, true}) {
    const uint64_t epoch = restarted ? 1 : 0, id = restarted ? 6 : 5;
    pbft::Change change = Group::adds(epoch, id);
    change.context = restarted ? Group::adds(epoch, 1).context : Slice::unowned("nonsense");
    auto& replica = const_cast<replica::Replica&>(g.cluster[1].service().replica());
    replica.propose_change(g.sign(change));
    ASSERT_TRUE(g.reached(epoch + 1, {1, 2, 3, 4}));
    EXPECT_TRUE(g.store(1).member(NodeId(id))->peer_urls.empty());
    EXPECT_EQ(g.store(1).member(NodeId(1))->peer_urls, std::vector<std::string>{url_of(1)});
    for (uint64_t n = 2; n <= 4; ++n) EXPECT_EQ(g.store(n).members(), g.store(1).members());
    g.cluster.join(NodeId(id), "m" + std::to_string(id));
    ASSERT_TRUE(g.cluster.run_until([&] { return g.published(id); }));
  }
}

// Everybody stops in the middle of an epoch that is about to end, and all come back to the same place.
TEST(GroupChange, AChangeUnderWaySurvivesThatAllRestart) {
  for (int after = 0; after < 40; after += 4) {
    Group g;
    g.cluster[1].call(store::MemberAddRequest{.peer_urls = {url_of(5)}, .signed_change = g.sign(Group::adds(0, 5))});
    g.cluster.run_for(Duration::millis(after));
    for (uint64_t n = 1; n <= 4; ++n) g.cluster[n].crash();
    for (uint64_t n = 1; n <= 4; ++n) g.cluster[n].start();
    ASSERT_EQ(error_of(g.ask(2, put("k", "v"))), Error::kNone);
    const bool taken = g.cluster.run_until([&] { return g.epoch(1) == 1; }, Duration::seconds(3));
    if (!taken) {
      ASSERT_EQ(error_of(g.add(2, Group::adds(0, 5))), Error::kNone) << after;
    }
    ASSERT_TRUE(g.reached(1, {1, 2, 3, 4})) << after;
    for (uint64_t n = 1; n <= 4; ++n) EXPECT_EQ(g.members(n), (std::vector<uint64_t>{1, 2, 3, 4, 5}));
    g.cluster.join(NodeId(5), "m5");
    ASSERT_TRUE(g.cluster.run_until([&] { return g.published(5); }));
    EXPECT_EQ(value_of(g.ask(5, get("k"))), "v");
  }
}

}  // namespace
}  // namespace holdfast::service
