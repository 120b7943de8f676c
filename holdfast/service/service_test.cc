#include "holdfast/service/service.h"

#include <gtest/gtest.h>

#include "holdfast/base/random.h"
#include "holdfast/service/service_test_cluster.h"

namespace holdfast::service {
namespace {

TEST(Service, ASingleMemberServesAtOnceAndKeepsItsDataOverARestart) {
  TestCluster c(1);
  c[1].start();
  EXPECT_TRUE(std::holds_alternative<store::PutResponse>(c.ask(c[1], put("a", "1"))));
  EXPECT_EQ(value_of(c.ask(c[1], get("a"))), "1");
  c[1].crash();
  c[1].start();
  EXPECT_EQ(value_of(c.ask(c[1], get("a"))), "1");
}

TEST(Service, EveryMemberServesReadsAndWritesOfThree) {
  TestCluster c(3);
  start_all(c, 3);
  for (uint64_t m = 1; m <= 3; ++m) {
    const std::string value = "from " + std::to_string(m);
    EXPECT_EQ(error_of(c.ask(c[m], put("k", value))), Error::kNone);
    for (uint64_t reader = 1; reader <= 3; ++reader) EXPECT_EQ(value_of(c.ask(c[reader], get("k"))), value);
  }
  c.run_for(Duration::seconds(1));
  EXPECT_EQ(c[1].service().store().state_hash(), c[2].service().store().state_hash());
  EXPECT_EQ(c[1].service().store().state_hash(), c[3].service().store().state_hash());
}

TEST(Service, AWriteSurvivesTheLeaderThatWasToCommitIt) {
  TestCluster c(3);
  start_all(c, 3);
  TestMember& old = c.leader();
  const uint64_t other = old.id().value() % 3 + 1;
  old.crash();
  // Asked for before anybody knows: forwarded to the dead leader, then to the next one.
  EXPECT_EQ(error_of(c.ask(c[other], put("k", "v"))), Error::kNone);
  EXPECT_EQ(value_of(c.ask(c[other], get("k"))), "v");
  old.start();
  EXPECT_EQ(value_of(c.ask(old, get("k"))), "v");
}

TEST(Service, WithoutAQuorumNothingIsAnsweredButTimeouts) {
  TestCluster c(3);
  start_all(c, 3);
  TestMember& leader = c.leader();
  for (uint64_t m = 1; m <= 3; ++m) {
    if (m != leader.id().value()) c[m].crash();
  }
  EXPECT_EQ(error_of(c.ask(leader, put("k", "v"))), Error::kTimeout);
  EXPECT_EQ(error_of(c.ask(leader, get("k"))), Error::kTimeout);
  EXPECT_EQ(error_of([&] {
              const CallId id = leader.call(get("k"), /*has_leader=*/true);
              c.run_until([&] { return leader.replies.count(id) > 0; });
              return leader.replies.at(id);
            }()),
            Error::kNoLeader);
}

TEST(Service, WhatAMemberHasSeenIsReadWithoutAQuorumAtOnce) {
  TestCluster c(3);
  start_all(c, 3);
  TestMember& leader = c.leader();
  ASSERT_EQ(error_of(c.ask(leader, put("k", "v"))), Error::kNone);
  for (uint64_t m = 1; m <= 3; ++m) {
    if (m != leader.id().value()) c[m].crash();
  }
  store::RangeRequest local = get("k");
  local.serializable = true;
  const CallId id = leader.call(local);
  ASSERT_EQ(leader.replies.count(id), 1u);
  EXPECT_EQ(value_of(leader.replies.at(id)), "v");
}

TEST(Service, SnapshotsAreTakenAndOneMemberComesBackThroughOne) {
  TestCluster c(3);
  for (uint64_t m = 1; m <= 3; ++m) {
    c[m].config().replica.snapshot_count = 20;
    c[m].config().replica.consensus.catch_up_entries = 5;
    c[m].config().replica.snapshot_slice_bytes = 512;
    c[m].config().replica.consensus.snapshot_chunk_bytes = 256;
  }
  start_all(c, 3);
  const uint64_t away = c.leader().id().value() % 3 + 1;
  const uint64_t here = away % 3 + 1;
  c[away].crash();
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(error_of(c.ask(c[here], put("k" + std::to_string(i % 50), std::string(100, 'x') + std::to_string(i)))),
              Error::kNone);
  }
  EXPECT_LE(c[here].blobs_.size(), 3u);
  EXPECT_LT(c[here].records_.size(), 150u) << "old records are released";
  c[away].start();
  ASSERT_TRUE(c.run_until(
      [&] { return c[away].service().replica().applied_index() == c[here].service().replica().applied_index(); }));
  EXPECT_EQ(c[away].service().store().state_hash(), c[here].service().store().state_hash());
  for (uint64_t m = 1; m <= 3; ++m) c[m].crash();
  for (uint64_t m = 1; m <= 3; ++m) c[m].start();
  EXPECT_EQ(value_of(c.ask(c[away], get("k49"))), std::string(100, 'x') + "199");
}

TEST(Service, WritingSnapshotsOfALargeStateCostsNoMoreThanWritingTheLog) {
  TestCluster c(1);
  c[1].config().replica.snapshot_count = 10;
  c[1].start();
  holdfast::Random random(7);
  const auto bytes = [&] {
    std::string out(2000, ' ');
    for (char& b : out) b = static_cast<char>(random.below(256));
    return out;
  };
  for (int i = 0; i < 100; ++i) c.ask(c[1], put("large" + std::to_string(i), bytes()));
  const BlobId newest = c[1].blobs_.rbegin()->first;
  const size_t size = c[1].blobs_.rbegin()->second.size();
  ASSERT_GT(size, 50'000u);
  for (int i = 0; i < 200; ++i) c.ask(c[1], put("small", "v"));
  EXPECT_EQ(c[1].blobs_.rbegin()->first, newest) << "200 entries of few bytes are not worth an image of " << size;
  for (size_t written = 0; written < size; written += 2000) c.ask(c[1], put("large", bytes()));
  EXPECT_GT(c[1].blobs_.rbegin()->first, newest);
}

TEST(Service, ADamagedNewestSnapshotIsPassedOverForTheOlderOne) {
  TestCluster c(1);
  c[1].config().replica.snapshot_count = 20;
  c[1].start();
  for (int i = 0; i < 70; ++i) c.ask(c[1], put("k" + std::to_string(i), "v"));
  ASSERT_EQ(c[1].blobs_.size(), 2u);
  c[1].crash();
  std::string& newest = c[1].blobs_.rbegin()->second;
  newest[newest.size() / 2] ^= 1;
  c[1].start();
  EXPECT_EQ(value_of(c.ask(c[1], get("k69"))), "v");
  EXPECT_EQ(value_of(c.ask(c[1], get("k0"))), "v");
  EXPECT_TRUE(c[1].stopped.empty());
}

TEST(Service, WithEverySnapshotDamagedTheMemberRefusesToStartAndSaysSo) {
  TestCluster c(1);
  c[1].config().replica.snapshot_count = 20;
  c[1].start();
  for (int i = 0; i < 70; ++i) c.ask(c[1], put("k" + std::to_string(i), "v"));
  c[1].crash();
  for (auto& [id, bytes] : c[1].blobs_) bytes[bytes.size() / 2] ^= 1;
  c[1].start();
  c.run_for(Duration::seconds(1));
  ASSERT_EQ(c[1].stopped.size(), 1u);
  EXPECT_NE(c[1].stopped[0].find("damaged"), std::string::npos) << c[1].stopped[0];
}

TEST(Service, LeasesEndInLogTimeAndNotBeforeAndNoNewLeaderStartsThemAfresh) {
  TestCluster c(3);
  start_all(c, 3);
  store::LeaseGrantRequest grant;
  grant.ttl_seconds = 6;
  const store::Response granted = c.ask(c.leader(), grant);
  ASSERT_TRUE(std::holds_alternative<store::LeaseGrantResponse>(granted)) << print(granted);
  const store::LeaseId lease = std::get<store::LeaseGrantResponse>(granted).id;
  const Time begin = c.now();
  store::PutRequest attached = put("leased", "v");
  attached.lease = lease;
  ASSERT_EQ(error_of(c.ask(c.leader(), attached)), Error::kNone);
  c.run_for(Duration::seconds(3));
  c.leader().crash();  // never to return
  TestMember& next = c.leader();
  EXPECT_EQ(value_of(c.ask(next, get("leased"))), "v");
  ASSERT_TRUE(c.run_until([&] { return value_of(c.ask(next, get("leased"))) == "none"; }, Duration::seconds(15)));
  const int64_t lived = (c.now() - begin).millis();
  EXPECT_GE(lived, 6000);
  EXPECT_LE(lived, 11000) << "at most the time without a leader, and a tick, longer";
}

TEST(Service, ALeaseThatMayNotEndCostsNoMoreTicksThanAnyOther) {
  TestCluster c(1);
  c[1].start();
  store::LeaseGrantRequest grant;
  grant.ttl_seconds = 2;
  ASSERT_TRUE(std::holds_alternative<store::LeaseGrantResponse>(c.ask(c[1], grant)));
  store::AlarmRequest corrupt{store::AlarmAction::kActivate, NodeId(1), store::AlarmType::kCorrupt};
  ASSERT_TRUE(std::holds_alternative<store::AlarmResponse>(c.ask(c[1], corrupt)));
  c.run_for(Duration::seconds(5));
  const auto before = c[1].service().replica().applied_index();
  c.run_for(Duration::seconds(5));
  EXPECT_TRUE(c[1].service().store().has_leases());
  EXPECT_LE(c[1].service().replica().applied_index().value(), before.value() + 15) << "two a second";
}

TEST(Service, KeepAlivesRenewAndTellOfUnknownLeases) {
  TestCluster c(3);
  start_all(c, 3);
  TestMember& follower = c[c.leader().id().value() % 3 + 1];
  store::LeaseGrantRequest grant;
  grant.ttl_seconds = 3;
  grant.id = store::LeaseId(77);
  ASSERT_EQ(error_of(c.ask(follower, grant)), Error::kNone);
  for (int i = 0; i < 5; ++i) {
    c.run_for(Duration::seconds(2));
    const auto r = c.ask(follower, store::LeaseKeepAliveRequest{store::LeaseId(77)});
    EXPECT_EQ(std::get<store::LeaseKeepAliveResponse>(r).ttl_seconds, 3);
  }
  const auto unknown = c.ask(follower, store::LeaseKeepAliveRequest{store::LeaseId(5)});
  EXPECT_EQ(std::get<store::LeaseKeepAliveResponse>(unknown).ttl_seconds, 0);
  c.run_for(Duration::seconds(5));
  const auto gone = c.ask(follower, store::LeaseTimeToLiveRequest{store::LeaseId(77)});
  EXPECT_EQ(std::get<store::LeaseTimeToLiveResponse>(gone).ttl_seconds, -1);
}

TEST(Service, WatchersSeeEveryEventOnce) {
  TestCluster c(3);
  start_all(c, 3);
  store::WatchCreateRequest create;
  create.key = Slice::copy_of("a");
  create.range_end = Slice::copy_of("b");
  c[1].watch(store::StreamId(1), create);
  for (int i = 0; i < 5; ++i) c.ask(c[2], put("a" + std::to_string(i), "v"));
  std::vector<std::string> keys;
  ASSERT_TRUE(c.run_until([&] {
    keys.clear();
    for (const auto& r : c[1].watched[store::StreamId(1)]) {
      for (const auto& e : r.events) keys.push_back(e.kv.key.str());
    }
    return keys.size() == 5;
  }));
  EXPECT_EQ(keys, (std::vector<std::string>{"a0", "a1", "a2", "a3", "a4"}));
}

TEST(Service, AStoppingLeaderHandsOver) {
  TestCluster c(3);
  start_all(c, 3);
  TestMember& leader = c.leader();
  leader.stop();
  ASSERT_TRUE(c.run_until([&] { return leader.service().stopped(); }, Duration::millis(500)));
  EXPECT_FALSE(leader.service().replica().leads());
  EXPECT_EQ(error_of(c.ask(leader, put("a", "b"))), Error::kStopped);
}

TEST(Service, TooManyWaitingCallsAreRefused) {
  TestCluster c(3);
  c[1].config().max_calls = 5;
  c[1].start();  // alone: nothing can be decided
  std::vector<CallId> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(c[1].call(put("k", "v")));
  EXPECT_EQ(c[1].replies.size(), 3u);
  EXPECT_EQ(error_of(c[1].replies.at(ids[5])), Error::kTooManyRequests);
  EXPECT_EQ(error_of(c.ask(c[1], store::StatusRequest{})), Error::kNone) << "status is always answered";
}

TEST(Service, TheBytesOfWaitingWritesAreBounded) {
  TestCluster c(3);
  c[1].config().max_call_bytes = 10'000;
  c[1].start();  // alone: nothing can be decided
  std::vector<CallId> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(c[1].call(put("k", std::string(3000, 'v'))));
  EXPECT_EQ(c[1].replies.size(), 5u);
  EXPECT_EQ(error_of(c[1].replies.at(ids[3])), Error::kTooManyRequests);
  c[1].service().cancel(ids[0]);
  const CallId fits_again = c[1].call(put("k", std::string(3000, 'v')));
  EXPECT_EQ(c[1].replies.count(fits_again), 0u);
  c.run_for(Duration::seconds(10));  // all have timed out
  EXPECT_EQ(error_of(c[1].replies.at(fits_again)), Error::kTimeout);
  c[1].service().check_invariants();
  c[2].start();
  EXPECT_EQ(error_of(c.ask(c[1], put("k", std::string(9000, 'v')))), Error::kNone);
}

// Clients whose patience ends before the member's must not leave their writes behind: while there is no leader these
// would gather without bound.
TEST(Service, WritesAndRenewalsOfClientsThatLeaveAreForgotten) {
  TestCluster c(3);
  c[1].start();  // alone: nothing can be decided
  for (int round = 0; round < 20; ++round) {
    const CallId write = c[1].call(put("k", "v"));
    const CallId renewal = c[1].call(store::LeaseKeepAliveRequest{store::LeaseId(7)});
    const CallId other = c[1].call(store::LeaseKeepAliveRequest{store::LeaseId(8)});
    c.run_for(Duration::millis(50));
    EXPECT_EQ(c[1].service().replica().proposals_waiting(), 2u) << "the renewals are one proposal";
    c[1].service().cancel(write);
    c[1].service().cancel(renewal);
    EXPECT_EQ(c[1].service().replica().proposals_waiting(), 1u) << "the other renewal still waits";
    c[1].service().cancel(other);
    EXPECT_EQ(c[1].service().replica().proposals_waiting(), 0u);
  }
  EXPECT_TRUE(c[1].replies.empty());
  const CallId renewal = c[1].call(store::LeaseKeepAliveRequest{store::LeaseId(7)});
  c.run_for(Duration::seconds(10));
  EXPECT_EQ(error_of(c[1].replies.at(renewal)), Error::kTimeout);
  EXPECT_EQ(c[1].service().replica().proposals_waiting(), 0u);
  c[2].start();
  EXPECT_EQ(error_of(c.ask(c[1], put("k", "w"))), Error::kNone);
}

TEST(Service, ACallThatNeedsALeaderIsRefusedWithoutOneStatusToo) {
  TestCluster c(3);
  c[1].start();
  const CallId status = c[1].call(store::StatusRequest{}, /*has_leader=*/true);
  EXPECT_EQ(error_of(c[1].replies.at(status)), Error::kNoLeader);
  EXPECT_EQ(error_of(c.ask(c[1], store::StatusRequest{})), Error::kNone);
}

TEST(Service, RequestsLargerThanTheLimitAreRefused) {
  TestCluster c(1);
  c[1].config().max_request_bytes = 1000;
  c[1].start();
  EXPECT_EQ(error_of(c.ask(c[1], put("k", std::string(2000, 'v')))), Error::kRequestTooLarge);
  EXPECT_EQ(error_of(c.ask(c[1], put("k", std::string(500, 'v')))), Error::kNone);
}

// What the log cannot be read back from must not get into it: every member would stop at it, for good.
TEST(Service, AWriteThatMembersCouldNotReadBackIsRefusedAndNotLogged) {
  TestCluster c(1);
  c[1].start();
  c.leader();
  store::TxnRequest txn;
  txn.success.emplace_back(put("k", "v"));
  for (int levels = 1; levels <= 100; ++levels) {
    const Error error = error_of(c.ask(c[1], txn));
    ASSERT_EQ(error, levels <= 31 ? Error::kNone : Error::kTooManyOps) << levels;
    store::TxnRequest outer;
    outer.success.emplace_back(std::move(txn));
    txn = std::move(outer);
  }
  EXPECT_TRUE(c[1].stopped.empty());
  EXPECT_EQ(value_of(c.ask(c[1], get("k"))), "v");
}

// Else slow disks would get several times the work, and be slower still.
TEST(Service, AWriteThatTakesLongIsNotLoggedAgainWhileItIsOnItsWay) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));
  TestMember& leader = c.leader();
  TestMember& follower = c[leader.id().value() % 3 + 1];
  for (uint64_t i = 1; i <= 3; ++i) c[i].sync_takes = Duration::seconds(2);
  const consensus::Index before = leader.service().replica().engine()->last_index();
  EXPECT_EQ(error_of(c.ask(follower, put("k", "v"))), Error::kNone);
  EXPECT_EQ(leader.service().replica().engine()->last_index(), before + 1);
}

}  // namespace
}  // namespace holdfast::service
