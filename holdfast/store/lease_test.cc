// Leases, members and alarms, behaviour by behaviour.
#include <gtest/gtest.h>

#include "holdfast/store/store_test_kit.h"

namespace holdfast::store {
namespace {

class LeaseTest : public StoreTest {};

TEST_F(LeaseTest, LeaseGrantErrors) {
  lease(7, 10);
  EXPECT_EQ(error(LeaseGrantRequest{10, LeaseId(7)}), Error::kLeaseExist);
  EXPECT_EQ(error(LeaseGrantRequest{10, LeaseId(0)}), Error::kLeaseNotFound);
  EXPECT_EQ(error(LeaseGrantRequest{9'000'000'001, LeaseId(7)}), Error::kLeaseTtlTooLarge);
  EXPECT_EQ(error(LeaseRevokeRequest{LeaseId(8)}), Error::kLeaseNotFound);
  Request r = LeaseGrantRequest{-5, LeaseId(9)};
  EXPECT_EQ(admit(r, limits_), Error::kNone);
  EXPECT_EQ(std::get<LeaseGrantRequest>(r).ttl_seconds, 2);
  EXPECT_EQ(validate(LeaseGrantRequest{9'000'000'001, {}}, limits_), Error::kLeaseTtlTooLarge);
  lease(10, 9'000'000'000);
  EXPECT_EQ(time_to_live(10).ttl_seconds, 9'000'000'000);
}

TEST_F(LeaseTest, LeasesEndInLogTimeOldestFirstOneRevisionEach) {
  lease(1, 10);
  tick(4000);
  lease(2, 2);
  lease(3, 6);
  EXPECT_EQ(store_.next_expiry_ms(), 6001) << "never early, though log time is in whole milliseconds";
  for (const char* k : {"z", "y"}) ok<PutResponse>(put(k, "", 2));  // 2, 3
  ok<PutResponse>(put("x", "", 1));                                 // 4
  ok<PutResponse>(put("w", "", 3));                                 // 5
  EXPECT_EQ(time_to_live(1).ttl_seconds, 6);
  EXPECT_EQ(time_to_live(1, 1500).ttl_seconds, 4);
  EXPECT_EQ(time_to_live(1).granted_ttl_seconds, 10);
  EXPECT_EQ(print(time_to_live(2).keys), print(std::vector<Slice>{s("y"), s("z")}));
  tick(6000);
  EXPECT_EQ(store_.revision(), Revision(5));
  tick(3000);
  EXPECT_EQ(store_.clock_ms(), 6000) << "log time never goes back";
  tick(10'001);
  std::string events;
  for (const Event& e : store_.last_events())
    events += e.kv.key.str() + std::to_string(e.kv.mod_revision.value()) + " ";
  EXPECT_EQ(events, "y6 z6 x7 w8 ");
  EXPECT_EQ(time_to_live(2).ttl_seconds, -1);
  EXPECT_FALSE(store_.has_leases());
  EXPECT_EQ(store_.next_expiry_ms(), std::nullopt);
}

TEST_F(LeaseTest, RenewalStartsTheTtlAfresh) {
  lease(1, 10);
  lease(2, 10);
  tick(9000);
  store_.apply(LeaseRenew{{LeaseId(1), LeaseId(99)}});
  tick(10'001);
  EXPECT_EQ(store_.lease_ttl_seconds(LeaseId(1)), 10);
  EXPECT_EQ(store_.lease_ttl_seconds(LeaseId(2)), std::nullopt);
  EXPECT_EQ(store_.next_expiry_ms(), 19'001);
}

TEST_F(LeaseTest, ATickRevokesABoundedNumber) {
  for (int i = 1; i <= kMaxExpiriesPerTick + 1; ++i) lease(i, 2);
  tick(2001);
  EXPECT_TRUE(store_.has_leases());
  const LeaseId last(kMaxExpiriesPerTick + 1);
  EXPECT_EQ(store_.lease_ttl_seconds(last), std::nullopt) << "it has ended, though it is not revoked yet";
  store_.apply(LeaseRenew{{last}});
  EXPECT_EQ(store_.next_expiry_ms(), 2001);
  tick(2001);
  EXPECT_FALSE(store_.has_leases());
}

TEST_F(LeaseTest, RevokingWithoutKeysMakesNoRevision) {
  lease(1, 10);
  ok<LeaseRevokeResponse>(LeaseRevokeRequest{LeaseId(1)});
  EXPECT_EQ(store_.revision(), Revision(1));
  EXPECT_EQ(std::get<LeaseLeasesResponse>(store_.lease_leases()).leases.size(), 0u);
}

TEST_F(LeaseTest, MovingAKeyBetweenLeases) {
  lease(1, 10);
  lease(2, 20);
  ok<PutResponse>(put("a", "1", 1));
  ok<PutResponse>(put("a", "2", 2));
  EXPECT_TRUE(time_to_live(1).keys.empty());
  tick(10'000);
  EXPECT_EQ(keys(get("a")), "a");
  ok<DeleteRangeResponse>(del("a"));
  EXPECT_TRUE(time_to_live(2).keys.empty());
}

TEST_F(LeaseTest, Members) {
  SetMembers set;
  set.members = {{NodeId(2), "", {"http://b:1"}, {}, true}, {NodeId(1), "", {"http://a:1"}, {}, false}};
  set.added = NodeId(2);
  EXPECT_EQ(ok<MembersResponse>(set).member.id, NodeId(2));
  EXPECT_EQ(store_.members().at(0).id, NodeId(1));
  ok<MembersResponse>(Publish{NodeId(2), "beta", {"http://b:2"}});
  EXPECT_EQ(store_.member(NodeId(2))->name, "beta");
  EXPECT_EQ(error(MemberUpdateRequest{NodeId(3), {"http://x:1"}}), Error::kMemberNotFound);
  EXPECT_EQ(error(MemberUpdateRequest{NodeId(2), {"http://a:1"}}), Error::kPeerUrlExist);
  ok<MembersResponse>(MemberUpdateRequest{NodeId(2), {"http://b:9"}});
  set.members[0].is_learner = false;  // a promotion, decided before the table changed
  set.added = {};
  ok<MembersResponse>(set);
  EXPECT_EQ(print(*store_.member(NodeId(2))), print(Member{NodeId(2), "beta", {"http://b:9"}, {"http://b:2"}, false}));
  set.members.pop_back();
  EXPECT_EQ(ok<MembersResponse>(set).members.size(), 1u);
  EXPECT_EQ(validate(MemberAddRequest{{"a:1"}, false}, limits_), Error::kMemberBadUrls);
  EXPECT_EQ(validate(MemberAddRequest{{}, false}, limits_), Error::kMemberBadUrls);
  EXPECT_EQ(validate(MemberAddRequest{{"http://a:1/path"}, false}, limits_), Error::kMemberBadUrls);
  EXPECT_EQ(validate(MemberAddRequest{{"https://[::1]:2380", "unix://sock"}, false}, limits_), Error::kNone);
}

TEST_F(LeaseTest, NoSpaceRefusesWhatAddsAndAllowsWhatFrees) {
  lease(1, 10);
  ok<PutResponse>(put("a", "1"));
  ok<AlarmResponse>(AlarmRequest{AlarmAction::kActivate, NodeId(3), AlarmType::kNoSpace});
  EXPECT_EQ(error(put("a", "2")), Error::kNoSpace);
  EXPECT_EQ(error(LeaseGrantRequest{10, LeaseId(2)}), Error::kNoSpace);
  TxnRequest t;
  t.success = {get("a"), del("zz")};
  ok<TxnResponse>(t);
  TxnRequest inner;
  inner.failure = {put("b", "")};
  t.success.push_back(inner);
  EXPECT_EQ(error(t), Error::kNoSpace);
  ok<DeleteRangeResponse>(del("a"));
  ok<CompactResponse>(CompactRequest{Revision(3)});
  ok<LeaseRevokeResponse>(LeaseRevokeRequest{LeaseId(1)});
  EXPECT_EQ(std::get<AlarmResponse>(store_.alarms()).alarms.size(), 1u);
  EXPECT_EQ(std::get<AlarmResponse>(store_.alarms(AlarmType::kCorrupt)).alarms.size(), 0u);
  EXPECT_EQ(ok<AlarmResponse>(AlarmRequest{AlarmAction::kDeactivate, {}, AlarmType::kNoSpace}).alarms.size(), 1u);
  ok<PutResponse>(put("a", "2"));
}

TEST_F(LeaseTest, ADamagedStoreChangesNothing) {
  lease(1, 2);
  ok<AlarmResponse>(AlarmRequest{AlarmAction::kActivate, NodeId(3), AlarmType::kCorrupt});
  EXPECT_EQ(error(put("a", "2")), Error::kCorrupt);
  EXPECT_EQ(error(del("a")), Error::kCorrupt);
  EXPECT_EQ(error(TxnRequest{}), Error::kCorrupt);
  EXPECT_EQ(error(CompactRequest{Revision(1)}), Error::kCorrupt);
  EXPECT_EQ(error(LeaseRevokeRequest{LeaseId(1)}), Error::kCorrupt);
  tick(5000);
  EXPECT_TRUE(store_.has_leases());
  EXPECT_EQ(store_.next_expiry_ms(), std::nullopt) << "no tick is due for it, however long it is over";
  ok<AlarmResponse>(AlarmRequest{AlarmAction::kDeactivate, NodeId(), AlarmType::kNone});
  EXPECT_EQ(store_.next_expiry_ms(), 2001);
  tick(5000);
  EXPECT_FALSE(store_.has_leases());
}

TEST_F(LeaseTest, Quota) {
  Limits small;
  small.quota_bytes = 2000;
  Store store(small);
  EXPECT_TRUE(store.has_room(put("a", std::string(1000, 'x'))));
  EXPECT_FALSE(store.has_room(put("a", std::string(2000, 'x'))));
  EXPECT_TRUE(store.has_room(del("a")));
  TxnRequest t;
  t.failure = {put("a", std::string(900, 'x')), put("b", std::string(900, 'x'))};
  EXPECT_FALSE(store.has_room(t));
}

}  // namespace
}  // namespace holdfast::store
