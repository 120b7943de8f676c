// Requests that make no sense, against a real member: oversize, malformed, with unknown options, with extreme integers.
// Each is answered with the code and the text that etcd 3.6 gives, changes nothing, and the member lives on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>

#include "holdfast/base/random.h"
#include "tests/one_member.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr size_t kMaxRequestBytes = 100'000;
constexpr char kFuture[] = "11 etcdserver: mvcc: required revision is a future revision";
constexpr char kCompacted[] = "11 etcdserver: mvcc: required revision has been compacted";
constexpr char kNoLease[] = "5 etcdserver: requested lease not found";
constexpr char kNoMember[] = "5 etcdserver: member not found";
constexpr char kTooManyOps[] = "3 etcdserver: too many operations in txn request";

// One member for all tests; each proves at its end that it is still the same process, and that nothing was changed
// that it did not change itself.
class BadRequests : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = cli::temporary_directory();
    member_ = std::make_unique<OneMember>(
        directory_, std::vector<std::string>{cli::cat("--max-request-bytes=", kMaxRequestBytes), "--max-txn-ops=4"});
    ASSERT_TRUE(member_->start()) << member_->process().last_output(10);
    pid_ = member_->process().pid();
    ASSERT_TRUE(member_->put("a", "1").ok());
    ASSERT_TRUE(member_->put("b", "2").ok());
  }
  static void TearDownTestSuite() {
    member_->process().signal(SIGTERM);
    EXPECT_EQ(member_->process().wait(cli::kLong), "exited with code 0");
    member_.reset();
    std::filesystem::remove_all(directory_);
  }

  void SetUp() override { revision_ = revision(); }
  void TearDown() override {
    EXPECT_EQ(member_->process().reap(), std::nullopt) << member_->process().last_output(10);
    EXPECT_EQ(member_->process().pid(), pid_);
    EXPECT_EQ(revision(), revision_) << "a bad request has changed something";
    EXPECT_EQ(member_->get("a").body.kvs(0).value(), "1");
  }

  static int64_t revision() {
    const auto got = member_->get("a");
    EXPECT_EQ(got.status(), "OK");
    return got.body.header().revision();
  }
  static pb::RangeRequest all() {
    pb::RangeRequest request;
    request.set_key(std::string(1, '\0'));
    request.set_range_end(std::string(1, '\0'));
    return request;
  }
  static std::string range_status(const pb::RangeRequest& request) { return member_->range(request).status(); }
  static std::string at_revision(int64_t revision) {
    pb::RangeRequest request = all();
    request.set_revision(revision);
    return range_status(request);
  }
  static std::string compact(int64_t revision) {
    pb::CompactionRequest request;
    request.set_revision(revision);
    return OneMember::call(member_->kv, &pb::KV::StubInterface::Compact, request).status();
  }
  static Answer<pb::LeaseGrantResponse> grant(int64_t ttl, int64_t id) {
    pb::LeaseGrantRequest request;
    request.set_ttl(ttl);
    request.set_id(id);
    return OneMember::call(member_->lease, &pb::Lease::StubInterface::LeaseGrant, request);
  }
  static std::string revoke(int64_t id) {
    pb::LeaseRevokeRequest request;
    request.set_id(id);
    return OneMember::call(member_->lease, &pb::Lease::StubInterface::LeaseRevoke, request).status();
  }
  // The first response to a watch that is not `created`, or `created` alone when nothing follows a progress request.
  static pb::WatchResponse watched(const pb::WatchCreateRequest& create) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + cli::kLong);
    const auto stream = member_->watch->Watch(&context);
    pb::WatchRequest request;
    *request.mutable_create_request() = create;
    pb::WatchResponse response;
    EXPECT_TRUE(stream->Write(request) && stream->Read(&response));
    context.TryCancel();
    stream->Finish();
    return response;
  }

  static inline std::string directory_;
  static inline std::unique_ptr<OneMember> member_;
  static inline pid_t pid_ = 0;
  int64_t revision_ = 0;
};

// --- Too large ---

TEST_F(BadRequests, OversizeRequests) {
  const char kTooLarge[] = "3 etcdserver: request is too large";
  EXPECT_EQ(member_->put("a", std::string(kMaxRequestBytes + 1, 'x')).status(), kTooLarge);
  pb::TxnRequest txn;
  for (int i = 0; i < 4; ++i) {
    pb::PutRequest& put = *txn.add_success()->mutable_request_put();
    put.set_key(cli::cat("big", i));
    put.set_value(std::string(kMaxRequestBytes / 3, 'x'));
  }
  EXPECT_EQ(member_->txn(txn).status(), kTooLarge);
  // Beyond what a message may have at all, gRPC's own refusal, before it is read.
  const auto huge = member_->put("a", std::string(kMaxRequestBytes + (512 << 10), 'x'));
  EXPECT_THAT(huge.status(), StartsWith("8 grpc: received message larger than max ("));
  EXPECT_EQ(member_->get("big0").body.count(), 0);
}

TEST_F(BadRequests, TransactionsOfTooManyOperations) {
  pb::TxnRequest txn;
  for (int i = 0; i < 5; ++i) txn.add_failure()->mutable_request_range()->set_key("a");
  EXPECT_EQ(member_->txn(txn).status(), kTooManyOps);
  txn.clear_failure();
  for (int i = 0; i < 5; ++i) {
    pb::Compare& compare = *txn.add_compare();
    compare.set_key("a");
    compare.set_version(1);
  }
  EXPECT_EQ(member_->txn(txn).status(), kTooManyOps);
  // A nested one has what the outer one leaves over.
  txn.clear_compare();
  txn.add_success()->mutable_request_range()->set_key("a");
  pb::TxnRequest& nested = *txn.add_success()->mutable_request_txn();
  for (int i = 0; i < 3; ++i) nested.add_success()->mutable_request_range()->set_key("a");
  EXPECT_EQ(member_->txn(txn).status(), kTooManyOps);
  nested.mutable_success()->RemoveLast();
  EXPECT_EQ(member_->txn(txn).status(), "OK");
}

TEST_F(BadRequests, TransactionsNestedTooDeep) {
  pb::TxnRequest txn;
  pb::TxnRequest* inner = &txn;
  for (int i = 0; i < 90; ++i) inner = inner->add_success()->mutable_request_txn();
  EXPECT_EQ(member_->txn(txn).code, grpc::StatusCode::INTERNAL) << "deeper than protobuf reads";
}

// --- Unknown options ---

TEST_F(BadRequests, UnknownOptions) {
  pb::RangeRequest range = all();
  range.set_sort_order(static_cast<pb::RangeRequest::SortOrder>(99));
  EXPECT_EQ(range_status(range), "3 etcdserver: invalid sort option");
  range = all();
  range.set_sort_target(static_cast<pb::RangeRequest::SortTarget>(-1));
  EXPECT_EQ(range_status(range), "3 etcdserver: invalid sort option");

  // What etcd takes for something else than was meant is refused here.
  const std::string unknown = "3 etcdserver: the request has an option that this server does not know";
  pb::TxnRequest txn;
  txn.add_compare()->set_key("a");
  txn.mutable_compare(0)->set_target(static_cast<pb::Compare::CompareTarget>(99));
  EXPECT_EQ(member_->txn(txn).status(), unknown);
  txn.mutable_compare(0)->set_target(pb::Compare::VERSION);
  txn.mutable_compare(0)->set_result(static_cast<pb::Compare::CompareResult>(99));
  EXPECT_EQ(member_->txn(txn).status(), unknown);
  pb::AlarmRequest alarm;
  alarm.set_action(static_cast<pb::AlarmRequest::AlarmAction>(99));
  EXPECT_EQ(OneMember::call(member_->maintenance, &pb::Maintenance::StubInterface::Alarm, alarm).status(), unknown);
  alarm.set_action(pb::AlarmRequest::ACTIVATE);
  alarm.set_alarm(static_cast<pb::AlarmType>(99));
  EXPECT_EQ(OneMember::call(member_->maintenance, &pb::Maintenance::StubInterface::Alarm, alarm).status(), unknown);
}

TEST_F(BadRequests, OperationsOfNoKind) {
  pb::TxnRequest txn;
  txn.add_success();
  EXPECT_EQ(member_->txn(txn).status(), "3 etcdserver: key not found");
  // A request of no kind on a watch is passed over; the stream serves the next one.
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + cli::kLong);
  const auto stream = member_->watch->Watch(&context);
  EXPECT_TRUE(stream->Write(pb::WatchRequest()));
  pb::WatchRequest create;
  create.mutable_create_request()->set_key("a");
  EXPECT_TRUE(stream->Write(create));
  pb::WatchResponse response;
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.created());
  context.TryCancel();
  stream->Finish();
}

// --- Extreme integers ---

TEST_F(BadRequests, ExtremeLimits) {
  for (const int64_t limit : {kMin, int64_t{-1}, int64_t{0}, kMax - 1, kMax}) {
    for (const bool sorted : {false, true}) {
      pb::RangeRequest request = all();
      request.set_limit(limit);
      if (sorted) request.set_sort_order(pb::RangeRequest::DESCEND);
      const auto got = member_->range(request);
      EXPECT_EQ(got.status(), "OK") << limit;
      EXPECT_EQ(got.body.kvs_size(), got.body.count()) << limit;
      EXPECT_FALSE(got.body.more()) << limit;
    }
  }
}

TEST_F(BadRequests, ExtremeRevisions) {
  EXPECT_EQ(at_revision(kMin), "OK");  // negative: now
  EXPECT_EQ(at_revision(-1), "OK");
  EXPECT_EQ(at_revision(revision_ + 1), kFuture);
  EXPECT_EQ(at_revision(kMax), kFuture);
  EXPECT_EQ(compact(kMax), kFuture);
  EXPECT_EQ(compact(revision_ + 1), kFuture);
  EXPECT_EQ(compact(kMin), kCompacted);
  pb::HashKVRequest hash;
  hash.set_revision(kMax);
  EXPECT_EQ(OneMember::call(member_->maintenance, &pb::Maintenance::StubInterface::HashKV, hash).status(), kFuture);
  for (const int64_t bound : {kMin, kMax}) {
    pb::RangeRequest request = all();
    request.set_min_mod_revision(bound);
    EXPECT_EQ(member_->range(request).body.kvs_size() > 0, bound == kMin);
    request = all();
    request.set_max_create_revision(bound);
    EXPECT_EQ(member_->range(request).body.kvs_size() > 0, bound == kMax);
  }
  pb::TxnRequest txn;
  txn.add_success()->mutable_request_range()->set_key("a");
  txn.mutable_success(0)->mutable_request_range()->set_revision(kMax);
  EXPECT_EQ(member_->txn(txn).status(), kFuture);
  txn.add_success()->mutable_request_put()->set_key("half");
  EXPECT_EQ(member_->txn(txn).status(), kFuture);
  EXPECT_EQ(member_->get("half").body.count(), 0);
}

TEST_F(BadRequests, ExtremeLeases) {
  const char kTooLong[] = "11 etcdserver: too large lease TTL";
  EXPECT_EQ(grant(kMax, 0).status(), kTooLong);
  EXPECT_EQ(grant(9'000'000'001, 0).status(), kTooLong);
  for (const int64_t ttl : {kMin, int64_t{-1}, int64_t{0}}) {  // raised to the least
    const auto granted = grant(ttl, 0);
    EXPECT_EQ(granted.status(), "OK") << ttl;
    EXPECT_EQ(granted.body.ttl(), 2) << ttl;
    EXPECT_EQ(revoke(granted.body.id()), "OK");
  }
  for (const int64_t id : {kMin, int64_t{-1}, kMax}) {
    const auto longest = grant(9'000'000'000, id);
    EXPECT_EQ(longest.status(), "OK") << id;
    EXPECT_EQ(longest.body.ttl(), 9'000'000'000);
    EXPECT_EQ(grant(10, id).status(), "9 etcdserver: lease already exists");
    EXPECT_EQ(revoke(id), "OK");
    EXPECT_EQ(revoke(id), kNoLease);
    pb::LeaseTimeToLiveRequest asked;
    asked.set_id(id);
    const auto left = OneMember::call(member_->lease, &pb::Lease::StubInterface::LeaseTimeToLive, asked);
    EXPECT_EQ(left.body.ttl(), -1);
    pb::PutRequest put;
    put.set_key("leased");
    put.set_lease(id);
    EXPECT_EQ(OneMember::call(member_->kv, &pb::KV::StubInterface::Put, put).status(), kNoLease);
  }
  EXPECT_EQ(revoke(0), kNoLease);
}

TEST_F(BadRequests, ExtremeWatches) {
  pb::WatchCreateRequest create;
  create.set_key("a");
  create.set_start_revision(kMin);
  const pb::WatchResponse negative = watched(create);
  EXPECT_TRUE(negative.created() && negative.canceled());
  EXPECT_EQ(negative.watch_id(), -1);
  EXPECT_EQ(negative.cancel_reason(), "etcdserver: mvcc: required revision has been compacted");
  create.set_start_revision(kMax);
  EXPECT_FALSE(watched(create).canceled());
  create.set_start_revision(0);
  for (const int64_t id : {kMin, kMax}) {
    create.set_watch_id(id);
    EXPECT_TRUE(watched(create).created()) << id;
  }
}

TEST_F(BadRequests, ExtremeMembers) {
  for (const uint64_t id : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
    pb::MemberRemoveRequest remove;
    remove.set_id(id);
    EXPECT_EQ(OneMember::call(member_->cluster, &pb::Cluster::StubInterface::MemberRemove, remove).status(), kNoMember);
    pb::MemberPromoteRequest promote;
    promote.set_id(id);
    EXPECT_EQ(OneMember::call(member_->cluster, &pb::Cluster::StubInterface::MemberPromote, promote).status(),
              kNoMember);
    pb::MoveLeaderRequest move;
    move.set_targetid(id);
    EXPECT_EQ(OneMember::call(member_->maintenance, &pb::Maintenance::StubInterface::MoveLeader, move).status(),
              "9 etcdserver: bad leader transferee");
  }
  pb::MemberAddRequest add;
  EXPECT_EQ(OneMember::call(member_->cluster, &pb::Cluster::StubInterface::MemberAdd, add).status(),
            "3 etcdserver: given member URLs are invalid");
}

// --- What is not even a request ---

// Sends bytes to a port and reads until the other side closes, or has been silent for a while.
void throw_at(uint16_t port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  (void)!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  char answer[4096];
  pollfd waiting{fd, POLLIN, 0};
  while (poll(&waiting, 1, 1000) == 1 && recv(fd, answer, sizeof answer, 0) > 0) {
  }
  close(fd);
}

TEST_F(BadRequests, BytesThatAreNoRequest) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  Random random(17);
  for (int i = 0; i < 60; ++i) {
    std::string noise(1 + random.below(3000), '\0');
    for (char& c : noise) c = static_cast<char>(random.next());
    const std::string begins[] = {"", preface, preface + settings, "HOLDFAST", "GET /health HTTP/1.1\r\n"};
    throw_at(i % 2 == 0 ? member_->client_port() : member_->peer_port(), begins[random.below(5)] + noise);
  }
  // Frames that promise more than anybody may send.
  throw_at(member_->client_port(), preface + std::string("\xff\xff\xff\0\0\0\0\0\1", 9));
  throw_at(member_->peer_port(), "HOLDFAST" + std::string("\xff\xff\xff\xff\1\0\0\0\0\0\0\0", 12));
}

}  // namespace
}  // namespace holdfast
