// Watches and leases as etcd's API promises them, asked of a running member by gRPC's own client.
#include "tests/member_kit.h"

namespace holdfast::server {
namespace {

using grpc::StatusCode;
using testing::AllOf;
using testing::Gt;
using testing::Le;

Answered refused(StatusCode code, const std::string& text) { return {code, "etcdserver: " + text}; }

// One watch stream. Reads end with the test at the latest.
class Watching {
 public:
  explicit Watching(LiveMember& m, bool has_leader = false) {
    if (has_leader) context_.AddMetadata("hasleader", "true");
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    stream_ = m.watch->Watch(&context_);
  }
  ~Watching() {
    context_.TryCancel();
    (void)stream_->Finish();
  }
  pb::WatchResponse create(const pb::WatchCreateRequest& request) {
    pb::WatchRequest r;
    *r.mutable_create_request() = request;
    return send(r).next();
  }
  Watching& send(const pb::WatchRequest& request) {
    EXPECT_TRUE(stream_->Write(request));
    return *this;
  }
  pb::WatchResponse next() {
    pb::WatchResponse r;
    EXPECT_TRUE(stream_->Read(&r)) << "the stream has ended";
    return r;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::WatchRequest, pb::WatchResponse>> stream_;
};

pb::WatchCreateRequest watch(const std::string& key, int64_t from = 0) {
  pb::WatchCreateRequest r;
  r.set_key(key);
  r.set_start_revision(from);
  return r;
}

class ApiStreamsTest : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    MemberConfig c = config();
    c.election_timeout = Duration::millis(1000);  // as by default
    c.watch_progress_notify_interval = Duration::millis(100);
    member = std::make_unique<LiveMember>(c);
    ASSERT_TRUE(member->status.ok()) << member->status;
    ASSERT_TRUE(persistently(*member->kv, &pb::KV::Stub::Put, put("first", "1")));
  }
  void TearDown() override {
    member.reset();
    LiveTest::TearDown();
  }
  int64_t do_put(const std::string& key, const std::string& value, int64_t lease = 0) {
    pb::PutRequest r = put(key, value);
    r.set_lease(lease);
    pb::PutResponse response;
    EXPECT_EQ(call(*member->kv, &pb::KV::Stub::Put, r, &response), ok());
    return response.header().revision();
  }
  Answered grant(int64_t ttl, int64_t id, pb::LeaseGrantResponse* response = nullptr) {
    pb::LeaseGrantRequest r;
    r.set_ttl(ttl);
    r.set_id(id);
    return call(*member->lease, &pb::Lease::Stub::LeaseGrant, r, response);
  }
  pb::LeaseTimeToLiveResponse time_to_live(int64_t id) {
    pb::LeaseTimeToLiveRequest r;
    r.set_id(id);
    r.set_keys(true);
    pb::LeaseTimeToLiveResponse response;
    EXPECT_EQ(call(*member->lease, &pb::Lease::Stub::LeaseTimeToLive, r, &response), ok());
    return response;
  }

  std::unique_ptr<LiveMember> member;
};

TEST_F(ApiStreamsTest, ManyWatchersOnOneStreamEachToldOnceInOrder) {
  Watching w(*member);
  const pb::WatchResponse a = w.create(watch("a"));
  EXPECT_TRUE(a.created());
  EXPECT_EQ(a.watch_id(), 0);
  pb::WatchCreateRequest named = watch("b");
  named.set_watch_id(7);
  named.set_prev_kv(true);
  EXPECT_EQ(w.create(named).watch_id(), 7);
  pb::WatchCreateRequest no_puts = watch("a");
  no_puts.add_filters(pb::WatchCreateRequest::NOPUT);
  EXPECT_EQ(w.create(no_puts).watch_id(), 1);
  do_put("b", "1");
  do_put("b", "2");
  pb::WatchResponse r = w.next();
  EXPECT_EQ(r.watch_id(), 7);
  EXPECT_EQ(r.events(0).kv().value(), "1");
  EXPECT_FALSE(r.events(0).has_prev_kv());
  r = w.next();
  EXPECT_EQ(r.events(0).prev_kv().value(), "1");
  EXPECT_EQ(r.events(0).kv().version(), 2);
  do_put("a", "1");
  EXPECT_EQ(w.next().watch_id(), 0);
  pb::DeleteRangeRequest erase;
  erase.set_key("a");
  EXPECT_EQ(call(*member->kv, &pb::KV::Stub::DeleteRange, erase), ok());
  std::vector<int64_t> told = {w.next().watch_id()};
  r = w.next();
  told.push_back(r.watch_id());
  EXPECT_THAT(told, testing::UnorderedElementsAre(0, 1));
  EXPECT_EQ(r.events(0).type(), mvccpb::Event::DELETE);
  EXPECT_EQ(r.events(0).kv().key(), "a");
  EXPECT_EQ(r.events(0).kv().create_revision(), 0);
  pb::WatchRequest cancel;
  cancel.mutable_cancel_request()->set_watch_id(7);
  r = w.send(cancel).next();
  EXPECT_TRUE(r.canceled());
  EXPECT_EQ(r.watch_id(), 7);
}

TEST_F(ApiStreamsTest, HistoryComesBeforeTheLiveEventsAndATransactionInOneResponse) {
  const int64_t from = do_put("h1", "1");
  pb::TxnRequest txn;
  *txn.add_success()->mutable_request_put() = put("h2", "2");
  *txn.add_success()->mutable_request_put() = put("h3", "3");
  ASSERT_EQ(call(*member->kv, &pb::KV::Stub::Txn, txn), ok());
  Watching w(*member);
  pb::WatchCreateRequest all = watch("h", from);
  all.set_range_end("i");
  EXPECT_TRUE(w.create(all).created());
  std::vector<std::string> keys;
  while (keys.size() < 3) {
    const pb::WatchResponse r = w.next();
    for (const auto& e : r.events()) keys.push_back(e.kv().key());
  }
  EXPECT_THAT(keys, testing::ElementsAre("h1", "h2", "h3"));
  txn.mutable_success(0)->mutable_request_put()->set_value("4");
  ASSERT_EQ(call(*member->kv, &pb::KV::Stub::Txn, txn), ok());
  EXPECT_EQ(w.next().events_size(), 2);
}

TEST_F(ApiStreamsTest, WatchesThatCannotBeMadeAreCreatedAndCancelled) {
  Watching w(*member);
  EXPECT_EQ(w.create(watch("a")).watch_id(), 0);
  pb::WatchCreateRequest r = watch("a");
  r.set_watch_id(5);
  EXPECT_EQ(w.create(r).watch_id(), 5);
  const auto expect_refused = [&](const pb::WatchCreateRequest& request, const std::string& why) {
    const pb::WatchResponse no = w.create(request);
    EXPECT_TRUE(no.created() && no.canceled()) << why;
    EXPECT_EQ(no.watch_id(), -1);
    EXPECT_EQ(no.cancel_reason(), why);
  };
  expect_refused(r, "mvcc: duplicate watch ID provided on the WatchStream");
  pb::WatchCreateRequest empty = watch("b");
  empty.set_range_end("a");
  expect_refused(empty, "mvcc: watcher range is empty");
  expect_refused(watch("a", -1), "etcdserver: mvcc: required revision has been compacted");
  // A union without an arm means nothing.
  EXPECT_EQ(w.send(pb::WatchRequest()).create(watch("c")).watch_id(), 1);

  for (int i = 0; i < 5; ++i) do_put("k", std::to_string(i));
  pb::CompactionRequest compact;
  compact.set_revision(5);
  ASSERT_EQ(call(*member->kv, &pb::KV::Stub::Compact, compact), ok());
  EXPECT_TRUE(w.create(watch("k", 2)).created());
  const pb::WatchResponse gone = w.next();
  EXPECT_TRUE(gone.canceled());
  EXPECT_EQ(gone.compact_revision(), 5);
  // The empty key is the smallest one, so this watches everything.
  pb::WatchCreateRequest all = watch("");
  all.set_range_end(std::string(1, '\0'));
  EXPECT_TRUE(w.create(all).created());
  const int64_t at = do_put("anything", "v");
  EXPECT_EQ(w.next().events(0).kv().mod_revision(), at);
}

TEST_F(ApiStreamsTest, ProgressIsToldOnRequestAndAfterQuietTimes) {
  Watching w(*member);
  w.create(watch("a"));
  pb::WatchRequest progress;
  progress.mutable_progress_request();
  const int64_t at = do_put("other", "v");
  const pb::WatchResponse told = w.send(progress).next();
  EXPECT_EQ(told.watch_id(), -1);
  EXPECT_EQ(told.events_size(), 0);
  EXPECT_EQ(told.header().revision(), at);
  pb::WatchCreateRequest notified = watch("b");
  notified.set_progress_notify(true);
  const int64_t id = w.create(notified).watch_id();
  const pb::WatchResponse quiet = w.next();
  EXPECT_EQ(quiet.watch_id(), id);
  EXPECT_EQ(quiet.events_size(), 0);
  EXPECT_EQ(quiet.header().revision(), at);
}

TEST_F(ApiStreamsTest, LargeResponsesAreCutForThoseWhoAskForIt) {
  Watching w(*member);
  pb::WatchCreateRequest r = watch("f");
  r.set_range_end("g");
  r.set_fragment(true);
  const int64_t from = do_put("f0", std::string(1 << 20, 'x'));
  for (int i = 1; i < 4; ++i) do_put("f" + std::to_string(i), std::string(1 << 20, 'x'));
  r.set_start_revision(from);
  EXPECT_TRUE(w.create(r).created());
  int events = 0;
  int fragments = 0;
  while (events < 4) {
    const pb::WatchResponse part = w.next();
    EXPECT_LE(part.ByteSizeLong(), size_t{2} << 20) << "max-request-bytes and 512 KiB";
    events += part.events_size();
    fragments += part.fragment() ? 1 : 0;
    EXPECT_EQ(part.fragment(), events < 4);
  }
  EXPECT_GE(fragments, 1);
}

TEST_F(ApiStreamsTest, LeasesAreGrantedWithinLimits) {
  pb::LeaseGrantResponse granted;
  ASSERT_EQ(grant(0, 0, &granted), ok());
  EXPECT_GT(granted.id(), 0);
  EXPECT_EQ(granted.ttl(), 2);  // one and a half election timeouts
  ASSERT_EQ(grant(300, 77, &granted), ok());
  EXPECT_EQ(granted.id(), 77);
  EXPECT_EQ(grant(300, 77), refused(StatusCode::FAILED_PRECONDITION, "lease already exists"));
  EXPECT_EQ(grant(9'000'000'001, 0), refused(StatusCode::OUT_OF_RANGE, "too large lease TTL"));
  EXPECT_EQ(grant(9'000'000'000, 0), ok());
  do_put("leased", "v", 77);
  const pb::LeaseTimeToLiveResponse left = time_to_live(77);
  EXPECT_EQ(left.grantedttl(), 300);
  EXPECT_THAT(left.ttl(), AllOf(Gt(200), Le(300)));
  EXPECT_THAT(left.keys(), testing::ElementsAre("leased"));
  EXPECT_EQ(time_to_live(78).ttl(), -1);  // no error
  pb::LeaseLeasesResponse all;
  ASSERT_EQ(call(*member->lease, &pb::Lease::Stub::LeaseLeases, {}, &all), ok());
  EXPECT_EQ(all.leases_size(), 3);
  pb::LeaseRevokeRequest revoke;
  revoke.set_id(78);
  EXPECT_EQ(call(*member->lease, &pb::Lease::Stub::LeaseRevoke, revoke),
            refused(StatusCode::NOT_FOUND, "requested lease not found"));
  revoke.set_id(77);
  ASSERT_EQ(call(*member->lease, &pb::Lease::Stub::LeaseRevoke, revoke), ok());
  EXPECT_EQ(value_of(*member, "leased"), "(none)");
}

TEST_F(ApiStreamsTest, KeepAlivesRenewAndALeaseThatIsNotRenewedEnds) {
  ASSERT_EQ(grant(2, 77), ok());
  ASSERT_EQ(grant(2, 78), ok());
  do_put("kept", "v", 77);
  do_put("lost", "v", 78);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  const auto stream = member->lease->LeaseKeepAlive(&context);
  const auto renew = [&](int64_t id) {
    pb::LeaseKeepAliveRequest r;
    r.set_id(id);
    pb::LeaseKeepAliveResponse response;
    EXPECT_TRUE(stream->Write(r) && stream->Read(&response));
    EXPECT_EQ(response.id(), id);
    return response.ttl();
  };
  EXPECT_EQ(renew(999), 0);  // unknown, and no error
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(renew(77), 2);
    return value_of(*member, "lost") == "(none)";
  }));
  EXPECT_EQ(value_of(*member, "kept"), "v");
  EXPECT_EQ(renew(78), 0);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace holdfast::server
