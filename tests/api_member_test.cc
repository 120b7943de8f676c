// What etcd's API promises, asked of a running member by gRPC's own client: codes and texts byte for byte, defaults,
// and the behaviours that are easily mistaken. Leases and watches: api_streams_test.cc.
#include "tests/member_kit.h"

namespace holdfast::server {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

Answered refused(StatusCode code, const std::string& text) { return {code, "etcdserver: " + text}; }
const std::string kAll(1, '\0');

class ApiMemberTest : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    MemberConfig c = config();
    c.election_timeout = Duration::millis(1000);  // as by default
    member = std::make_unique<LiveMember>(c);
    ASSERT_TRUE(member->status.ok()) << member->status;
    ASSERT_TRUE(persistently(*member->kv, &pb::KV::Stub::Put, put("first", "1")));
  }
  void TearDown() override {
    member.reset();
    LiveTest::TearDown();
  }
  Answered range(const pb::RangeRequest& r, pb::RangeResponse* response = nullptr) {
    return call(*member->kv, &pb::KV::Stub::Range, r, response);
  }
  Answered do_put(const pb::PutRequest& r, pb::PutResponse* response = nullptr) {
    return call(*member->kv, &pb::KV::Stub::Put, r, response);
  }
  Answered txn(const pb::TxnRequest& r, pb::TxnResponse* response = nullptr) {
    return call(*member->kv, &pb::KV::Stub::Txn, r, response);
  }
  Answered compact(int64_t revision, bool physical = false) {
    pb::CompactionRequest r;
    r.set_revision(revision);
    r.set_physical(physical);
    return call(*member->kv, &pb::KV::Stub::Compact, r);
  }
  int64_t revision() {
    pb::RangeResponse r;
    EXPECT_EQ(range(get("x"), &r), ok());
    return r.header().revision();
  }
  std::vector<std::string> keys_of(const pb::RangeRequest& r) {
    pb::RangeResponse response;
    EXPECT_EQ(range(r, &response), ok());
    std::vector<std::string> keys;
    for (const auto& kv : response.kvs()) keys.push_back(kv.key());
    return keys;
  }

  std::unique_ptr<LiveMember> member;
};

TEST_F(ApiMemberTest, EveryResponseCarriesTheMembersHeader) {
  const uint64_t id = member->id();
  pb::PutResponse written;
  ASSERT_EQ(do_put(put("a", "1"), &written), ok());
  EXPECT_NE(written.header().cluster_id(), 0u);
  EXPECT_EQ(written.header().member_id(), id);
  EXPECT_GE(written.header().raft_term(), 1u);
  EXPECT_EQ(written.header().revision(), 3);  // an empty store is at 1
  pb::RangeResponse read;
  ASSERT_EQ(range(get("a"), &read), ok());
  EXPECT_EQ(read.header().SerializeAsString(), written.header().SerializeAsString());
  ASSERT_EQ(read.kvs_size(), 1);
  EXPECT_EQ(read.kvs(0).create_revision(), 3);
  EXPECT_EQ(read.kvs(0).version(), 1);
}

TEST_F(ApiMemberTest, RangesOfEveryKind) {
  for (const auto& [k, v] : {std::pair("k1", "v8"), {"k2", "v7"}, {"k3", "v6"}, {"k4", "v5"}}) {
    ASSERT_EQ(do_put(put(k, v)), ok());
  }
  ASSERT_EQ(do_put(put("k2", "v0")), ok());
  pb::RangeRequest r = get("k1");
  r.set_range_end("k4");
  EXPECT_THAT(keys_of(r), ElementsAre("k1", "k2", "k3"));
  r.set_range_end(kAll);
  EXPECT_THAT(keys_of(r), ElementsAre("k1", "k2", "k3", "k4"));
  r.set_key(kAll);
  EXPECT_THAT(keys_of(r), ElementsAre("first", "k1", "k2", "k3", "k4"));
  r.set_key("k3");
  r.set_range_end("k1");
  EXPECT_THAT(keys_of(r), SizeIs(0));

  r.set_key("k");
  r.set_range_end("l");
  r.set_limit(2);
  pb::RangeResponse limited;
  ASSERT_EQ(range(r, &limited), ok());
  EXPECT_TRUE(limited.more());
  EXPECT_EQ(limited.count(), 4);  // whatever the limit
  r.set_min_mod_revision(limited.kvs(1).mod_revision());
  ASSERT_EQ(range(r, &limited), ok());
  EXPECT_THAT(limited.kvs(), SizeIs(1));
  EXPECT_FALSE(limited.more());
  EXPECT_EQ(limited.count(), 4);  // nor the bounds
  r.clear_min_mod_revision();
  r.set_limit(0);
  r.set_sort_target(pb::RangeRequest::MOD);  // without an order: ascending
  EXPECT_THAT(keys_of(r), ElementsAre("k1", "k3", "k4", "k2"));
  r.set_sort_target(pb::RangeRequest::VALUE);
  r.set_sort_order(pb::RangeRequest::DESCEND);
  r.set_limit(1);
  EXPECT_THAT(keys_of(r), ElementsAre("k1"));
  r.set_keys_only(true);
  ASSERT_EQ(range(r, &limited), ok());
  EXPECT_EQ(limited.kvs(0).value(), "");
  EXPECT_TRUE(limited.more());
  r.set_count_only(true);
  ASSERT_EQ(range(r, &limited), ok());
  EXPECT_EQ(limited.kvs_size(), 0);
  EXPECT_EQ(limited.count(), 4);
  EXPECT_FALSE(limited.more());
}

TEST_F(ApiMemberTest, RefusalsOfRanges) {
  EXPECT_EQ(range(pb::RangeRequest()), refused(StatusCode::INVALID_ARGUMENT, "key is not provided"));
  pb::RangeRequest r = get("first", true);
  r.set_revision(1000);
  EXPECT_EQ(range(r), refused(StatusCode::OUT_OF_RANGE, "mvcc: required revision is a future revision"));
  ASSERT_EQ(do_put(put("first", "2")), ok());
  ASSERT_EQ(compact(3), ok());
  r.set_revision(2);
  EXPECT_EQ(range(r), refused(StatusCode::OUT_OF_RANGE, "mvcc: required revision has been compacted"));
  r.set_revision(3);
  EXPECT_EQ(range(r), ok());
  r = get("first");
  r.set_sort_order(static_cast<pb::RangeRequest::SortOrder>(77));
  EXPECT_EQ(range(r), refused(StatusCode::INVALID_ARGUMENT, "invalid sort option"));
  r = get("first");
  r.set_sort_target(static_cast<pb::RangeRequest::SortTarget>(-1));
  EXPECT_EQ(range(r), refused(StatusCode::INVALID_ARGUMENT, "invalid sort option"));
}

TEST_F(ApiMemberTest, PutOptionsAndTheirRefusals) {
  EXPECT_EQ(do_put(put("", "v")), refused(StatusCode::INVALID_ARGUMENT, "key is not provided"));
  pb::PutRequest r = put("first", "v");
  r.set_ignore_value(true);
  EXPECT_EQ(do_put(r), refused(StatusCode::INVALID_ARGUMENT, "value is provided"));
  r.clear_value();
  r.set_key("absent");
  EXPECT_EQ(do_put(r), refused(StatusCode::INVALID_ARGUMENT, "key not found"));
  r = put("first", "v");
  r.set_lease(77);
  EXPECT_EQ(do_put(r), refused(StatusCode::NOT_FOUND, "requested lease not found"));
  r.set_ignore_lease(true);
  EXPECT_EQ(do_put(r), refused(StatusCode::INVALID_ARGUMENT, "lease is provided"));
  r.clear_lease();
  r.set_prev_kv(true);
  pb::PutResponse response;
  ASSERT_EQ(do_put(r, &response), ok());
  EXPECT_EQ(response.prev_kv().value(), "1");
  // More than max-request-bytes, but a message that gRPC takes; and one that it does not.
  EXPECT_EQ(do_put(put("k", std::string((3 << 19) + 1, 'x'))),
            refused(StatusCode::INVALID_ARGUMENT, "request is too large"));
  EXPECT_EQ(do_put(put("k", std::string(4 << 19, 'x'))).code, StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(do_put(put("k", std::string((3 << 19) - 100, 'x'))), ok());
}

TEST_F(ApiMemberTest, DeletesCountAndTellWhatTheyDeleted) {
  pb::DeleteRangeRequest r;
  EXPECT_EQ(call(*member->kv, &pb::KV::Stub::DeleteRange, r),
            refused(StatusCode::INVALID_ARGUMENT, "key is not provided"));
  r.set_key("first");
  r.set_prev_kv(true);
  pb::DeleteRangeResponse response;
  ASSERT_EQ(call(*member->kv, &pb::KV::Stub::DeleteRange, r, &response), ok());
  EXPECT_EQ(response.deleted(), 1);
  EXPECT_EQ(response.prev_kvs(0).value(), "1");
  const int64_t at = response.header().revision();
  ASSERT_EQ(call(*member->kv, &pb::KV::Stub::DeleteRange, r, &response), ok());
  EXPECT_EQ(response.deleted(), 0);
  EXPECT_EQ(response.header().revision(), at);
}

TEST_F(ApiMemberTest, TransactionsAndTheirRefusals) {
  pb::TxnRequest r;
  pb::Compare* c = r.add_compare();
  EXPECT_EQ(txn(r), refused(StatusCode::INVALID_ARGUMENT, "key is not provided"));
  c->set_key("absent");
  c->set_target(pb::Compare::VALUE);
  c->set_value("");
  pb::TxnResponse response;
  ASSERT_EQ(txn(r, &response), ok());
  EXPECT_FALSE(response.succeeded());  // what does not exist has no value, not even an empty one
  c->set_target(pb::Compare::VERSION);
  c->set_version(0);
  *r.add_success()->mutable_request_put() = put("t1", "1");
  *r.add_success()->mutable_request_put() = put("t2", "2");
  *r.add_success()->mutable_request_range() = get("t1");
  ASSERT_EQ(txn(r, &response), ok());
  EXPECT_TRUE(response.succeeded());
  ASSERT_EQ(response.responses_size(), 3);
  const int64_t seen = response.responses(2).response_range().kvs(0).mod_revision();
  EXPECT_EQ(seen, response.header().revision());  // all writes share it
  // The interval t1..t2: every key must pass.
  c->set_key("t");
  c->set_range_end("u");
  c->set_target(pb::Compare::CREATE);
  c->set_create_revision(response.header().revision());
  r.clear_success();
  ASSERT_EQ(txn(r, &response), ok());
  EXPECT_TRUE(response.succeeded());
  EXPECT_EQ(response.header().revision(), seen);

  pb::TxnRequest twice;
  *twice.add_success()->mutable_request_put() = put("t", "1");
  *twice.add_success()->mutable_request_put() = put("t", "2");
  EXPECT_EQ(txn(twice), refused(StatusCode::INVALID_ARGUMENT, "duplicate key given in txn request"));
  pb::TxnRequest arms;
  auto* nested = arms.add_success()->mutable_request_txn();
  *nested->add_success()->mutable_request_put() = put("t", "then");
  *nested->add_failure()->mutable_request_put() = put("t", "else");
  EXPECT_EQ(txn(arms), ok());
  pb::TxnRequest empty;
  empty.add_success();
  EXPECT_EQ(txn(empty), refused(StatusCode::INVALID_ARGUMENT, "key not found"));
  pb::TxnRequest many;
  for (int i = 0; i < 128; ++i) *many.add_failure()->mutable_request_range() = get("k");
  EXPECT_EQ(txn(many), ok());
  *many.add_failure()->mutable_request_range() = get("k");
  EXPECT_EQ(txn(many), refused(StatusCode::INVALID_ARGUMENT, "too many operations in txn request"));
  pb::TxnRequest deep;  // a nested one has what the outer one left
  for (int i = 0; i < 100; ++i) *deep.add_success()->mutable_request_range() = get("k");
  auto* inner = deep.mutable_success(99)->mutable_request_txn();
  for (int i = 0; i < 28; ++i) *inner->add_success()->mutable_request_range() = get("k");
  EXPECT_EQ(txn(deep), ok());
  *inner->add_success()->mutable_request_range() = get("k");
  EXPECT_EQ(txn(deep), refused(StatusCode::INVALID_ARGUMENT, "too many operations in txn request"));
}

TEST_F(ApiMemberTest, CompactionsAndTheirRefusals) {
  for (int i = 0; i < 10; ++i) ASSERT_EQ(do_put(put("k", std::to_string(i))), ok());
  const int64_t now = revision();
  EXPECT_EQ(compact(now + 1), refused(StatusCode::OUT_OF_RANGE, "mvcc: required revision is a future revision"));
  EXPECT_EQ(compact(now - 1, true), ok());
  EXPECT_EQ(compact(now - 1), refused(StatusCode::OUT_OF_RANGE, "mvcc: required revision has been compacted"));
  EXPECT_EQ(compact(-5), refused(StatusCode::OUT_OF_RANGE, "mvcc: required revision has been compacted"));
}

TEST_F(ApiMemberTest, MembersAndTheirRefusals) {
  pb::MemberListResponse list;
  EXPECT_TRUE(eventually([&] {  // it publishes where it is reached once it leads
    EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberList, {}, &list), ok());
    return list.members_size() == 1 && list.members(0).clienturls_size() == 1;
  }));
  ASSERT_EQ(list.members_size(), 1);
  EXPECT_EQ(list.members(0).name(), "m1");
  EXPECT_THAT(list.members(0).peerurls(), ElementsAre(peer_url(1)));
  EXPECT_THAT(list.members(0).clienturls(), ElementsAre(config().advertise_client_urls[0]));
  pb::MemberAddRequest add;
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberAdd, add),
            refused(StatusCode::INVALID_ARGUMENT, "given member URLs are invalid"));
  for (const char* bad : {"127.0.0.1:1", "http://127.0.0.1", "ftp://127.0.0.1:1", "http://127.0.0.1:1/path"}) {
    add.clear_peerurls();
    add.add_peerurls(bad);
    EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberAdd, add),
              refused(StatusCode::INVALID_ARGUMENT, "given member URLs are invalid"))
        << bad;
  }
  add.set_peerurls(0, peer_url(1));
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberAdd, add),
            refused(StatusCode::FAILED_PRECONDITION, "Peer URLs already exists"));
  pb::MemberRemoveRequest remove;
  remove.set_id(77);
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberRemove, remove),
            refused(StatusCode::NOT_FOUND, "member not found"));
  remove.set_id(member->id());
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberRemove, remove),
            refused(StatusCode::FAILED_PRECONDITION, "re-configuration failed due to not enough started members"));
  pb::MemberPromoteRequest promote;
  promote.set_id(77);
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberPromote, promote),
            refused(StatusCode::NOT_FOUND, "member not found"));
  promote.set_id(member->id());
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberPromote, promote),
            refused(StatusCode::FAILED_PRECONDITION, "can only promote a learner member"));
  pb::MemberUpdateRequest update;
  update.set_id(77);
  update.add_peerurls("http://127.0.0.1:1");
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberUpdate, update),
            refused(StatusCode::NOT_FOUND, "member not found"));
  update.set_id(member->id());
  pb::MemberUpdateResponse updated;
  ASSERT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberUpdate, update, &updated), ok());
  EXPECT_THAT(updated.members(0).peerurls(), ElementsAre("http://127.0.0.1:1"));

  // A learner that never starts is not ready, the only one allowed, and can be removed.
  add.set_peerurls(0, peer_url(9));
  add.set_islearner(true);
  pb::MemberAddResponse added;
  ASSERT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberAdd, add, &added), ok());
  EXPECT_TRUE(added.member().islearner());
  EXPECT_EQ(added.member().name(), "");
  EXPECT_EQ(added.members_size(), 2);
  promote.set_id(added.member().id());
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberPromote, promote),
            refused(StatusCode::FAILED_PRECONDITION, "can only promote a learner member which is in sync with leader"));
  add.set_peerurls(0, peer_url(8));
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberAdd, add),
            refused(StatusCode::FAILED_PRECONDITION, "too many learner members in cluster"));
  pb::MoveLeaderRequest move;
  move.set_targetid(added.member().id());
  EXPECT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::MoveLeader, move),
            refused(StatusCode::FAILED_PRECONDITION, "bad leader transferee"));
  move.set_targetid(12345);
  EXPECT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::MoveLeader, move),
            refused(StatusCode::FAILED_PRECONDITION, "bad leader transferee"));
  remove.set_id(added.member().id());
  EXPECT_EQ(call(*member->cluster, &pb::Cluster::Stub::MemberRemove, remove), ok());
}

TEST_F(ApiMemberTest, StatusAndAlarms) {
  pb::StatusResponse s = member->state();
  EXPECT_EQ(s.version(), "3.6.0");
  EXPECT_EQ(s.storageversion(), "3.6.0");
  EXPECT_EQ(s.leader(), member->id());
  EXPECT_GT(s.raftindex(), 0u);
  EXPECT_EQ(s.raftindex(), s.raftappliedindex());
  EXPECT_GT(s.dbsize(), 0);
  EXPECT_LE(s.dbsizeinuse(), s.dbsize());
  EXPECT_EQ(s.dbsizequota(), int64_t{2} << 30);
  EXPECT_FALSE(s.islearner());
  EXPECT_EQ(s.errors_size(), 0);

  pb::AlarmRequest alarm;
  pb::AlarmResponse alarms;
  ASSERT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::Alarm, alarm, &alarms), ok());
  EXPECT_EQ(alarms.alarms_size(), 0);
  alarm.set_action(pb::AlarmRequest::ACTIVATE);
  alarm.set_alarm(pb::NOSPACE);
  alarm.set_memberid(member->id());
  ASSERT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::Alarm, alarm), ok());
  EXPECT_EQ(do_put(put("k", "v")), refused(StatusCode::RESOURCE_EXHAUSTED, "mvcc: database space exceeded"));
  pb::LeaseGrantRequest grant;
  grant.set_ttl(60);
  EXPECT_EQ(call(*member->lease, &pb::Lease::Stub::LeaseGrant, grant),
            refused(StatusCode::RESOURCE_EXHAUSTED, "mvcc: database space exceeded"));
  pb::DeleteRangeRequest erase;
  erase.set_key("first");
  EXPECT_EQ(call(*member->kv, &pb::KV::Stub::DeleteRange, erase), ok());
  s = member->state();
  ASSERT_EQ(s.errors_size(), 1);
  EXPECT_THAT(s.errors(0), HasSubstr("NOSPACE"));
  EXPECT_THAT(member->http("/health"), HasSubstr("{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}"));
  alarm.set_action(pb::AlarmRequest::DEACTIVATE);
  ASSERT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::Alarm, alarm, &alarms), ok());
  EXPECT_EQ(alarms.alarms_size(), 1);
  EXPECT_EQ(do_put(put("k", "v")), ok());
}

TEST_F(ApiMemberTest, TheQuotaRaisesAnAlarmThatStaysUntilDisarmed) {
  member.reset();
  MemberConfig c = config();
  c.quota_backend_bytes = 200'000;
  member = std::make_unique<LiveMember>(c);
  ASSERT_TRUE(member->status.ok()) << member->status;
  ASSERT_TRUE(persistently(*member->kv, &pb::KV::Stub::Put, put("big", std::string(50'000, 'x'))));
  EXPECT_EQ(do_put(put("bigger", std::string(180'000, 'x'))),
            refused(StatusCode::RESOURCE_EXHAUSTED, "mvcc: database space exceeded"));
  EXPECT_TRUE(eventually([&] { return member->state().errors_size() == 1; }));
  EXPECT_EQ(do_put(put("small", "x")), refused(StatusCode::RESOURCE_EXHAUSTED, "mvcc: database space exceeded"));
  EXPECT_EQ(value_of(*member, "big").size(), 50'000u);
  pb::AlarmRequest disarm;
  disarm.set_action(pb::AlarmRequest::DEACTIVATE);
  ASSERT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::Alarm, disarm), ok());
  EXPECT_EQ(do_put(put("small", "x")), ok());
}

TEST_F(ApiMemberTest, HashesFollowTheContents) {
  pb::HashKVRequest r;
  pb::HashKVResponse one, two;
  ASSERT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::HashKV, r, &one), ok());
  EXPECT_EQ(one.hash_revision(), one.header().revision());
  ASSERT_EQ(do_put(put("k", "v")), ok());
  ASSERT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::HashKV, r, &two), ok());
  EXPECT_NE(one.hash(), two.hash());
  r.set_revision(one.hash_revision());
  ASSERT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::HashKV, r, &two), ok());
  EXPECT_EQ(one.hash(), two.hash());
  r.set_revision(1000);
  EXPECT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::HashKV, r),
            refused(StatusCode::OUT_OF_RANGE, "mvcc: required revision is a future revision"));
}

TEST_F(ApiMemberTest, WhatIsNotServedSaysSo) {
  EXPECT_EQ(call(*member->maintenance, &pb::Maintenance::Stub::Defragment, {}).code, StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(call(*member->auth, &pb::Auth::Stub::UserList, {}).code, StatusCode::UNIMPLEMENTED);
  pb::AuthStatusResponse off;
  ASSERT_EQ(call(*member->auth, &pb::Auth::Stub::AuthStatus, {}, &off), ok());
  EXPECT_FALSE(off.enabled());
  // Clients that were given a name and a password ask for a token first, and go on without one at exactly this answer.
  pb::AuthenticateRequest root;
  root.set_name("root");
  EXPECT_EQ(call(*member->auth, &pb::Auth::Stub::Authenticate, root),
            refused(StatusCode::FAILED_PRECONDITION, "authentication is not enabled"));
  grpc::ClientContext context;
  const auto stream = member->kv->RangeStream(&context, get("first"));
  pb::RangeStreamResponse none;
  EXPECT_FALSE(stream->Read(&none));
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::UNIMPLEMENTED);
}

TEST_F(ApiMemberTest, EndpointsBesideTheApi) {
  EXPECT_THAT(member->http("/health"), HasSubstr("{\"health\":\"true\",\"reason\":\"\"}"));
  EXPECT_THAT(member->http("/health?serializable=true"), HasSubstr("\"true\""));
  EXPECT_THAT(member->http("/version"), HasSubstr("\"etcdserver\":\"3.6.0\",\"etcdcluster\":\"3.6.0\""));
  EXPECT_THAT(member->http("/livez"), HasSubstr("200 OK"));
  EXPECT_THAT(member->http("/readyz?verbose"), HasSubstr("[+]linearizable_read ok"));
  const std::string metrics = member->http("/metrics");
  for (const char* name : {"etcd_server_has_leader 1", "etcd_server_is_leader 1", "holdfast_store_revision 2",
                           "grpc_server_handled_total{", "holdfast_log_sync_seconds_count", "holdfast_raft_term "}) {
    EXPECT_THAT(metrics, HasSubstr(name));
  }
}

}  // namespace
}  // namespace holdfast::server
