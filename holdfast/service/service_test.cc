#include "holdfast/service/service.h"

#include <gtest/gtest.h>

#include <functional>

#include "holdfast/base/print.h"
#include "holdfast/base/random.h"
#include "holdfast/service/service_test_cluster.h"

namespace holdfast::service {

// --- The cluster
// ----------------------------------------------------------------------------------------------------------

void TestMember::start() {
  config_.replica.incarnation_hint = ++incarnations_;
  service_ = std::make_unique<Service>(config_);
  pump_ = std::make_unique<host::Pump<Service, TestMember>>(*service_, *this);
  for (const auto& [id, bytes] : blobs_) pump_->recover_blob(id, bytes.size());
  for (const auto& [seq, bytes] : records_) {
    const Status status = pump_->replay(seq, bytes);
    ensure(status.ok(), "a stored record can be read");
  }
  pump_->start(cluster_.now());
}

void TestMember::work() {
  if (!running()) return;
  if (!unsynced_.empty()) {
    auto batch = std::exchange(unsynced_, {});
    for (auto& [seq, bytes] : batch) records_[seq] = bytes;
    pump_->on_stable(cluster_.now(), batch.back().first);
  }
  if (!blob_answers_.empty()) {
    const BlobAnswer answer = blob_answers_.front();
    blob_answers_.pop_front();
    pump_->on_blob(cluster_.now(), answer);
  }
  if (pump_->deadline() <= cluster_.now()) pump_->on_time(cluster_.now());
  service_->check_invariants();
}

CallId TestMember::call(store::Request request, bool has_leader) {
  const CallId id(next_call_++);
  pump_->step([&](Service::Out& out) { service_->call(cluster_.now(), id, std::move(request), has_leader, out); });
  return id;
}

void TestMember::watch(store::StreamId stream, store::WatchRequest request) {
  if (watched.count(stream) == 0) {
    service_->watch_open(stream);
    watched[stream];
  }
  pump_->step([&](Service::Out& out) { service_->watch_request(cluster_.now(), stream, request, out); });
}

void TestMember::transmit(NodeId to, Chain message) { cluster_.send(id(), to, message.flatten()); }

void TestMember::raise(Event event) {
  if (auto* reply = std::get_if<Reply>(&event)) {
    ensure(replies.emplace(reply->call, std::move(reply->response)).second, "a call is answered once");
  } else if (auto* ready = std::get_if<WatchReady>(&event)) {
    for (;;) {
      auto some = service_->take_watch(ready->stream, 16);
      const bool more = some.size() == 16;
      for (auto& r : some) watched[ready->stream].push_back(std::move(r));
      if (!more) break;
    }
  } else if (auto* stop = std::get_if<MustStop>(&event)) {
    stopped.push_back(stop->what);
  }
}

void TestMember::blob(BlobRequest request) {
  if (auto* c = std::get_if<BlobCreate>(&request)) {
    blobs_in_work_[c->id].clear();
  } else if (auto* a = std::get_if<BlobAppend>(&request)) {
    std::string& b = blobs_in_work_[a->id];
    b += a->bytes.view();
    blob_answers_.push_back(BlobAppended{a->id, b.size()});
  } else if (auto* s = std::get_if<BlobSeal>(&request)) {
    blobs_[s->id] = blobs_in_work_[s->id];
    blob_answers_.push_back(BlobSealed{s->id, blobs_[s->id].size()});
  } else if (auto* d = std::get_if<BlobDrop>(&request)) {
    blobs_.erase(d->id);
    blobs_in_work_.erase(d->id);
  } else if (auto* r = std::get_if<BlobRead>(&request)) {
    const auto it = blobs_.find(r->id);
    if (it == blobs_.end()) {
      blob_answers_.push_back(BlobFailed{r->id, "no such blob"});
    } else {
      blob_answers_.push_back(BlobData{r->id, r->offset, Slice::copy_of(it->second.substr(r->offset, r->length))});
    }
  }
}

void TestMember::receive(NodeId from, Slice bytes) {
  if (running()) pump_->on_message(cluster_.now(), from, std::move(bytes));
}

TestCluster::TestCluster(int n) {
  for (int i = 1; i <= n; ++i) {
    founders_.push_back({NodeId(static_cast<uint64_t>(i)),
                         "m" + std::to_string(i),
                         {"http://127.0.0.1:" + std::to_string(9000 + i)},
                         {},
                         false});
  }
  for (const auto& m : founders_) {
    members_[m.id] = std::make_unique<TestMember>(*this, config_of(m.id, m.name));
  }
}

Config TestCluster::config_of(NodeId id, const std::string& name) const {
  Config c;
  c.replica.raft.self = id;
  c.replica.raft.seed = id.value();
  c.name = name;
  c.client_urls = {"http://127.0.0.1:" + std::to_string(8000 + id.value() % 1000)};
  c.bootstrap = founders_;
  return c;
}

TestMember& TestCluster::join(NodeId id, const std::string& name) {
  Config c = config_of(id, name);
  c.bootstrap.clear();
  members_[id] = std::make_unique<TestMember>(*this, c);
  members_[id]->start();
  return *members_[id];
}

void TestCluster::send(NodeId from, NodeId to, Slice bytes) {
  if (cut.count({from, to}) == 0) wire_.push_back({now_ + Duration::millis(1), from, to, std::move(bytes)});
}

void TestCluster::step() {
  bool busy = false;
  for (auto& [id, m] : members_) {
    m->work();
    busy |= m->busy() || m->deadline() <= now_;
  }
  while (!wire_.empty() && wire_.front().at <= now_) {
    InFlight f = std::move(wire_.front());
    wire_.pop_front();
    const auto to = members_.find(f.to);
    if (to != members_.end() && cut.count({f.from, f.to}) == 0) to->second->receive(f.from, std::move(f.bytes));
    busy = true;
  }
  if (busy) return;
  Time next = wire_.empty() ? now_ + Duration::millis(50) : wire_.front().at;
  for (auto& [id, m] : members_) next = std::min(next, m->deadline());
  now_ = std::max(now_, next);
}

bool TestCluster::run_until(const std::function<bool()>& done, Duration limit) {
  const Time end = now_ + limit;
  while (!done()) {
    if (now_ > end) return false;
    step();
  }
  return true;
}

void TestCluster::run_for(Duration d) {
  const Time end = now_ + d;
  run_until([&] { return now_ >= end; }, d + Duration::seconds(1));
}

TestMember& TestCluster::leader() {
  TestMember* found = nullptr;
  const bool ok = run_until([&] {
    for (auto& [id, m] : members_) {
      if (m->running() && m->service().replica().leads() && !m->service().store().members().empty()) found = m.get();
    }
    return found != nullptr;
  });
  ensure(ok, "a leader is elected");
  return *found;
}

store::Response TestCluster::ask(TestMember& member, store::Request request) {
  const CallId id = member.call(std::move(request));
  const bool ok = run_until([&] { return member.replies.count(id) > 0; });
  ensure(ok, "every call is answered");
  return member.replies.at(id);
}

// --- The tests
// --------------------------------------------------------------------------------------------------------------

namespace {

using store::Error;

store::PutRequest put(const std::string& key, const std::string& value) {
  store::PutRequest r;
  r.key = Slice::copy_of(key);
  r.value = Slice::copy_of(value);
  return r;
}
store::RangeRequest get(const std::string& key) {
  store::RangeRequest r;
  r.key = Slice::copy_of(key);
  return r;
}
std::string value_of(const store::Response& r) {
  const auto* range = std::get_if<store::RangeResponse>(&r);
  if (range == nullptr) return "refused";
  return range->kvs.empty() ? "none" : range->kvs[0].value.str();
}
Error error_of(const store::Response& r) {
  const auto* refused = std::get_if<store::Refused>(&r);
  return refused == nullptr ? Error::kNone : refused->error;
}

void start_all(TestCluster& c, int n) {
  for (int i = 1; i <= n; ++i) c[static_cast<uint64_t>(i)].start();
  c.leader();
}

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
    c[m].config().replica.raft.catch_up_entries = 5;
    c[m].config().replica.snapshot_slice_bytes = 512;
    c[m].config().replica.raft.snapshot_chunk_bytes = 256;
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

TEST(Service, AMemberIsAddedPromotedAndRemoved) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));  // until every member has told its name
  TestMember& asked = c[c.leader().id().value() % 3 + 1];
  const auto added = c.ask(asked, store::MemberAddRequest{{"http://127.0.0.1:9009"}, true});
  ASSERT_TRUE(std::holds_alternative<store::MembersResponse>(added)) << print(added);
  const NodeId id = std::get<store::MembersResponse>(added).member.id;
  EXPECT_EQ(std::get<store::MembersResponse>(added).members.size(), 4u);
  EXPECT_EQ(error_of(c.ask(asked, store::MemberAddRequest{{"http://127.0.0.1:9009"}, true})), Error::kPeerUrlExist);
  EXPECT_EQ(error_of(c.ask(asked, store::MemberAddRequest{{"nonsense"}, true})), Error::kMemberBadUrls);
  EXPECT_EQ(error_of(c.ask(asked, store::MemberAddRequest{{"http://127.0.0.1:9010"}, true})), Error::kTooManyLearners);
  c.ask(asked, put("before", "v"));
  TestMember& joined = c.join(id, "m4");
  ASSERT_TRUE(c.run_until(
      [&] { return joined.service().replica().applied_index() >= asked.service().replica().applied_index(); }));
  EXPECT_EQ(error_of(c.ask(joined, put("x", "y"))), Error::kNotSupportedForLearner);
  store::Response promoted;
  ASSERT_TRUE(c.run_until([&] {
    promoted = c.ask(asked, store::MemberPromoteRequest{id});
    return error_of(promoted) == Error::kNone;
  })) << print(promoted);
  ASSERT_TRUE(c.run_until([&] { return !joined.service().replica().raft().membership().is_learner(id); }));
  EXPECT_EQ(error_of(c.ask(joined, put("x", "y"))), Error::kNone);
  EXPECT_EQ(value_of(c.ask(joined, get("before"))), "v");
  ASSERT_EQ(error_of(c.ask(asked, store::MemberRemoveRequest{id})), Error::kNone);
  ASSERT_TRUE(c.run_until([&] { return !joined.stopped.empty(); }));
  EXPECT_EQ(error_of(c.ask(asked, store::MemberRemoveRequest{id})), Error::kMemberNotFound);
  EXPECT_EQ(error_of(c.ask(asked, put("after", "v"))), Error::kNone);
}

// The second voter is needed for the decision that makes it one, and cannot join before it is a member.
TEST(Service, AClusterOfOneGrowsThoughTheNewVoterHasNotStarted) {
  TestCluster c(1);
  c[1].start();
  ASSERT_EQ(error_of(c.ask(c.leader(), put("k", "v"))), Error::kNone);
  const auto added = c.ask(c[1], store::MemberAddRequest{{"http://127.0.0.1:9009"}, false});
  ASSERT_TRUE(std::holds_alternative<store::MembersResponse>(added)) << print(added);
  const NodeId id = std::get<store::MembersResponse>(added).member.id;
  EXPECT_EQ(error_of(c.ask(c[1], put("k", "w"))), Error::kNone) << "it is not missed until it has started";
  EXPECT_EQ(error_of(c.ask(c[1], store::MemberAddRequest{{"http://127.0.0.1:9010"}, false})),
            Error::kMemberNotEnoughStarted);
  TestMember& joined = c.join(id, "m2");
  ASSERT_TRUE(c.run_until([&] {
    const store::Member* m = c[1].service().store().member(id);
    return m != nullptr && !m->is_learner && !m->becomes_voter;
  })) << "it promotes itself";
  EXPECT_FALSE(c[1].service().replica().raft().membership().is_learner(id));
  EXPECT_EQ(value_of(c.ask(joined, get("k"))), "w");
  EXPECT_EQ(error_of(c.ask(c[1], store::MemberAddRequest{{"http://127.0.0.1:9010"}, true})), Error::kNone);
}

TEST(Service, MembersAreNotChangedWhenThoseInReachWouldBeNoMajority) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));  // until every member has told its name
  TestMember& leader = c.leader();
  TestMember& down = c[leader.id().value() % 3 + 1];
  TestMember& other = c[down.id().value() % 3 + 1];
  down.crash();
  c.run_for(Duration::seconds(2));
  const store::MemberAddRequest add{{"http://127.0.0.1:9009"}, false};
  EXPECT_EQ(error_of(c.ask(leader, add)), Error::kUnhealthy) << "two of four";
  EXPECT_EQ(error_of(c.ask(other, store::MemberRemoveRequest{other.id()})), Error::kUnhealthy) << "one of two";
  EXPECT_EQ(error_of(c.ask(other, put("k", "v"))), Error::kNone);
  down.start();
  c.run_for(Duration::seconds(2));
  EXPECT_EQ(error_of(c.ask(other, add)), Error::kNone);
}

TEST(Service, AMemberThatIsDownCanBeRemoved) {
  TestCluster c(3);
  start_all(c, 3);
  c.run_for(Duration::seconds(2));
  TestMember& leader = c.leader();
  TestMember& down = c[leader.id().value() % 3 + 1];
  down.crash();
  c.run_for(Duration::seconds(2));
  EXPECT_EQ(error_of(c.ask(leader, store::MemberRemoveRequest{down.id()})), Error::kNone);
  EXPECT_EQ(error_of(c.ask(leader, put("k", "v"))), Error::kNone);
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

}  // namespace
}  // namespace holdfast::service
