// The face over a real socket: calls, streams, deadlines, back-pressure.
#include <gmock/gmock.h>

#include "health.pb.h"
#include "holdfast/server/client_test_kit.h"
#include "holdfast/server/methods.h"
#include "rpc.pb.h"
#include "v3election.pb.h"
#include "v3lock.pb.h"

namespace holdfast::server {
namespace {

constexpr char kRange[] = "/etcdserverpb.KV/Range";
constexpr char kPut[] = "/etcdserverpb.KV/Put";
constexpr char kWatch[] = "/etcdserverpb.Watch/Watch";
constexpr char kKeepAlive[] = "/etcdserverpb.Lease/LeaseKeepAlive";

store::PutRequest put(std::string key, std::string value) {
  return {.key = Slice::take(std::move(key)), .value = Slice::take(std::move(value))};
}
store::RangeRequest get(const char* key) { return {.key = Slice::unowned(key)}; }
store::WatchRequest watch(const char* key, const char* end = "") {
  return store::WatchCreateRequest{.key = Slice::unowned(key), .range_end = Slice::unowned(end)};
}

TEST(Face, KnowsEveryMethodOfTheApiByItsShape) {
  size_t count = 0;
  for (const google::protobuf::FileDescriptor* file :
       {etcdserverpb::RangeRequest::descriptor()->file(), v3lockpb::LockRequest::descriptor()->file(),
        v3electionpb::LeaderKey::descriptor()->file(), grpc::health::v1::HealthCheckRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m, ++count) {
        const auto* method = file->service(s)->method(m);
        const Method* ours = find_method("/" + file->service(s)->full_name() + "/" + method->name());
        ASSERT_NE(ours, nullptr) << method->full_name();
        const Shape shape = method->client_streaming()   ? Shape::kBidiStream
                            : method->server_streaming() ? Shape::kServerStream
                                                         : Shape::kUnary;
        EXPECT_EQ(ours->shape, shape) << method->full_name();
        EXPECT_EQ(ours->service, file->service(s)->full_name());
        EXPECT_EQ(ours->name, method->name());
      }
    }
  }
  EXPECT_EQ(count, methods().size());
}

TEST(Face, EveryUnaryMethodAnswersAnEmptyMessage) {
  TestServer server;
  Http2Client client(server);
  for (const Method& m : methods()) {
    if (m.shape != Shape::kUnary) continue;
    const Answer answer = client.call(std::string(m.path), grpc_frame(""));
    EXPECT_EQ(answer.header(":status"), "200");
    if (m.handler == Handler::kUnserved) {
      EXPECT_EQ(answer.grpc_status(), 12) << m.path;
      EXPECT_NE(answer.header("grpc-message").find(m.name), std::string::npos) << m.path;
    } else {
      EXPECT_THAT(answer.grpc_status(), testing::AnyOf(0, 3, 5, 9, 11)) << m.path << answer.header("grpc-message");
      EXPECT_EQ(answer.messages().size(), answer.grpc_status() == 0 ? 1u : 0u) << m.path;
    }
  }
}

TEST(Face, ResponsesCarryTheMembersHeader) {
  TestServer server;
  Http2Client client(server);
  const Answer answer = client.call(kPut, grpc_message(put("k", "v")));
  etcdserverpb::PutResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.messages().at(0)));
  EXPECT_EQ(response.header().cluster_id(), 0xc1u);
  EXPECT_EQ(response.header().member_id(), 0x11u);
  EXPECT_EQ(response.header().revision(), 2);
  EXPECT_EQ(response.header().raft_term(), 3u);
  EXPECT_EQ(answer.header("content-type"), "application/grpc");
}

TEST(Face, MessagesOfMegabytesTravelBothWays) {
  TestServer server;
  Http2Client client(server);
  std::string value(1'500'000, '\0');
  for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 7919 >> 8);
  client.call_ok<store::PutResponse>(kPut, put("k", value));
  const auto response = client.call_ok<store::RangeResponse>(kRange, get("k"));
  ASSERT_EQ(response.kvs.size(), 1u);
  EXPECT_TRUE(response.kvs[0].value.view() == value);
}

TEST(Face, WhatOneRoundReadsIsOneStep) {
  TestServer server;
  Http2Client client(server);
  std::vector<int32_t> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(client.begin(kRange, grpc_message(get("k")), true));
  ASSERT_TRUE(client.run_until([&] { return server.port.seen.size() == 100; }));
  EXPECT_LE(server.port.steps, 3u);
  ASSERT_TRUE(client.run_until([&] { return client.answers[ids.back()].closed; }));
  for (int32_t id : ids) EXPECT_EQ(client.answers[id].grpc_status(), 0);
}

TEST(Face, RefusalsAreStatusesWithTheTextsOfTheApi) {
  TestServer server;
  Http2Client client(server);
  for (int i = 1; i <= static_cast<int>(last_value(store::Error{})); ++i) {
    server.port.refuse_all = static_cast<store::Error>(i);
    const Answer answer = client.call(kRange, grpc_message(get("k")));
    const Outcome expected = outcome_of(server.port.refuse_all);
    EXPECT_EQ(answer.grpc_status(), static_cast<int>(expected.code));
    EXPECT_EQ(answer.header("grpc-message"), expected.text);
    EXPECT_TRUE(answer.body.empty());
  }
}

TEST(Face, ExtremeIntegersAreAnsweredNotObeyed) {
  TestServer server;
  Http2Client client(server);
  const int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
  for (int64_t n : {kMin, int64_t{-1}, kMax}) {
    store::RangeRequest range = get("k");
    range.limit = n;
    EXPECT_EQ(client.call(kRange, grpc_message(range)).grpc_status(), 0) << n;
    range.revision = store::Revision(n);
    client.call(kRange, grpc_message(range));
    client.call("/etcdserverpb.Lease/LeaseGrant", grpc_message(store::LeaseGrantRequest{.ttl_seconds = n}));
    client.call("/etcdserverpb.Lease/LeaseRevoke", grpc_message(store::LeaseRevokeRequest{store::LeaseId(n)}));
    client.call("/etcdserverpb.KV/Compact", grpc_message(store::CompactRequest{.revision = store::Revision(n)}));
  }
  const auto ttl =
      client.call("/etcdserverpb.Lease/LeaseGrant", grpc_message(store::LeaseGrantRequest{.ttl_seconds = kMax}));
  EXPECT_EQ(ttl.header("grpc-message"), "etcdserver: too large lease TTL");
  EXPECT_EQ(client.call(kRange, grpc_message(get("k"))).grpc_status(), 0);
}

TEST(Face, DeadlinesEndCallsAndCancelThem) {
  TestServer server;
  Http2Client client(server);
  server.port.hold = true;
  const int32_t patient = client.begin(kRange, grpc_message(get("k")), true, {{"grpc-timeout", "1H"}});
  const Answer answer = client.call(kRange, grpc_message(get("k")), {{"grpc-timeout", "20m"}});
  EXPECT_EQ(answer.grpc_status(), 4);
  EXPECT_EQ(answer.header("grpc-message"), "context deadline exceeded");
  ASSERT_TRUE(client.run_until([&] { return server.port.cancelled.size() == 1; }));
  server.port.answer_held();
  ASSERT_TRUE(client.run_until([&] { return client.answers[patient].closed; }));
  EXPECT_EQ(client.answers[patient].grpc_status(), 0);
}

TEST(Face, DeadlinesEndStreamsThatWaitForMore) {
  TestServer server;
  Http2Client client(server);
  const int32_t id = client.begin(kPut, grpc_message(put("k", "v")).substr(0, 7), false, {{"grpc-timeout", "10m"}});
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].grpc_status(), 4);
  EXPECT_EQ(client.answers[id].reset, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
}

TEST(Face, ClientsThatGoAwayAreForgotten) {
  TestServer server;
  server.port.hold = true;
  {
    Http2Client client(server);
    const int32_t cancelled = client.begin(kRange, grpc_message(get("k")), true);
    client.begin(kRange, grpc_message(get("k")), true);
    client.begin(kWatch, grpc_message(watch("k")), false);
    ASSERT_TRUE(client.run_until([&] { return server.port.held() == 2 && server.port.open_streams == 1; }));
    client.reset(cancelled);
    ASSERT_TRUE(client.run_until([&] { return server.port.held() == 1; }));
  }
  ASSERT_TRUE(server.run_until([&] { return server.port.held() == 0 && server.port.open_streams == 0; }));
  EXPECT_EQ(server.port.cancelled.size(), 2u);
  EXPECT_EQ(server.face.connections(), 0u);
}

TEST(Face, HasLeaderIsPassedOnAndKeepsStreamsOut) {
  FaceConfig config;
  config.election_timeout = Duration::millis(10);
  TestServer server(config);
  Http2Client client(server);
  const HeaderList has_leader = {{"hasleader", "true"}};
  client.call(kRange, grpc_message(get("k")));
  client.call(kRange, grpc_message(get("k")), has_leader);
  ASSERT_EQ(server.port.seen.size(), 2u);
  EXPECT_FALSE(server.port.seen[0].second);
  EXPECT_TRUE(server.port.seen[1].second);

  const int32_t bound = client.begin(kWatch, grpc_message(watch("k")), false, has_leader);
  const int32_t free = client.begin(kWatch, grpc_message(watch("k")), false);
  ASSERT_TRUE(client.run_until([&] { return server.port.open_streams == 2; }));
  server.lead(NodeId());
  const Answer refused = client.call(kKeepAlive, "", has_leader);
  EXPECT_EQ(refused.grpc_status(), 14);
  EXPECT_EQ(refused.header("grpc-message"), "etcdserver: no leader");
  ASSERT_TRUE(client.run_until([&] { return client.answers[bound].closed; }));
  EXPECT_EQ(client.answers[bound].header("grpc-message"), "etcdserver: no leader");
  EXPECT_FALSE(client.answers[free].closed);
}

TEST(Face, ALearnerServesNoStreams) {
  TestServer server;
  server.port.is_learner = true;
  Http2Client client(server);
  for (const char* path : {kWatch, kKeepAlive, "/etcdserverpb.Auth/AuthStatus", "/etcdserverpb.Auth/Authenticate"}) {
    const Answer refused = client.call(path, "");
    EXPECT_EQ(refused.grpc_status(), 9) << path;
    EXPECT_EQ(refused.header("grpc-message"), "etcdserver: rpc not supported for learner") << path;
  }
  EXPECT_EQ(server.port.open_streams, 0u);
}

TEST(Face, AShortLossOfTheLeaderEndsNoStream) {
  FaceConfig config;
  config.election_timeout = Duration::seconds(100);
  TestServer server(config);
  Http2Client client(server);
  const int32_t id = client.begin(kWatch, grpc_message(watch("k")), false, {{"hasleader", "true"}});
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].messages().size() == 1; }));
  server.lead(NodeId());
  server.lead(NodeId(5));
  client.call(kPut, grpc_message(put("k", "v")));
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].messages().size() == 2; }));
}

TEST(Face, KeepAlivesAreAnsweredOneByOneAndEndWithTheRequest) {
  TestServer server;
  Http2Client client(server);
  client.call_ok<store::LeaseGrantResponse>("/etcdserverpb.Lease/LeaseGrant",
                                            store::LeaseGrantRequest{.ttl_seconds = 60, .id = store::LeaseId(7)});
  const std::string renew = grpc_message(store::LeaseKeepAliveRequest{store::LeaseId(7)});
  const std::string unknown = grpc_message(store::LeaseKeepAliveRequest{store::LeaseId(8)});
  const int32_t id = client.begin(kKeepAlive, renew + unknown, false);
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].messages().size() == 2; }));
  EXPECT_FALSE(client.answers[id].closed);
  client.more(id, renew, true);
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].grpc_status(), 0);
  std::vector<int64_t> ttls;
  for (const std::string& m : client.answers[id].messages()) {
    store::LeaseKeepAliveResponse response;
    ASSERT_EQ(wire::parse(Slice::copy_of(m), response), wire::Problem::kNone);
    ttls.push_back(response.ttl_seconds);
  }
  EXPECT_THAT(ttls, testing::ElementsAre(60, 0, 60));
}

TEST(Face, KeepAlivesUnderWayAreBounded) {
  FaceConfig config;
  config.max_pending_keep_alives = 3;
  TestServer server(config);
  Http2Client client(server);
  server.port.hold = true;
  std::string many;
  for (int i = 1; i <= 10; ++i) many += grpc_message(store::LeaseKeepAliveRequest{store::LeaseId(i)});
  const int32_t id = client.begin(kKeepAlive, many, true);
  for (size_t expected : {3u, 6u, 9u, 10u}) {
    ASSERT_TRUE(client.run_until([&] { return server.port.seen.size() == expected; })) << expected;
    EXPECT_LE(server.port.held(), 3u);
    server.port.answer_held();
  }
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].messages().size(), 10u);
  EXPECT_EQ(client.answers[id].grpc_status(), 0);
}

TEST(Face, ARefusedKeepAliveEndsItsStream) {
  TestServer server;
  Http2Client client(server);
  server.port.refuse_all = store::Error::kTimeout;
  const int32_t id = client.begin(kKeepAlive, grpc_message(store::LeaseKeepAliveRequest{store::LeaseId(7)}), false);
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].header("grpc-message"), "etcdserver: request timed out");
}

std::vector<store::WatchResponse> watch_responses(const Answer& answer) {
  std::vector<store::WatchResponse> all;
  for (const std::string& m : answer.messages()) {
    EXPECT_EQ(wire::parse(Slice::copy_of(m), all.emplace_back()), wire::Problem::kNone);
  }
  return all;
}

TEST(Face, WatchesDeliverAndOutliveTheEndOfTheRequest) {
  TestServer server;
  Http2Client client(server);
  const int32_t id = client.begin(kWatch, grpc_message(watch("a", "z")), true);
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].messages().size() == 1; }));
  for (int i = 0; i < 5; ++i) client.call(kPut, grpc_message(put("k" + std::to_string(i), "v")));
  ASSERT_TRUE(client.run_until([&] { return watch_responses(client.answers[id]).size() == 6; }));
  const auto responses = watch_responses(client.answers[id]);
  EXPECT_TRUE(responses[0].created);
  for (size_t i = 1; i < 6; ++i) {
    ASSERT_EQ(responses[i].events.size(), 1u);
    EXPECT_EQ(responses[i].events[0].kv.key.view(), "k" + std::to_string(i - 1));
  }
}

TEST(Face, AWatcherThatDoesNotReadCostsABoundedBufferAndLosesNothing) {
  FaceConfig config;
  config.stream_buffer = 64 << 10;
  TestServer server(config);
  Http2Client slow(server), writer(server);
  slow.grants_window = false;
  const int32_t id = slow.begin(kWatch, grpc_message(watch("k")), false);
  ASSERT_TRUE(slow.run_until([&] { return slow.answers[id].messages().size() == 1; }));
  const size_t kPuts = 100, kSize = 10'000;
  for (size_t i = 0; i < kPuts; ++i) {
    const int32_t call =
        writer.begin(kPut, grpc_message(put("k", std::string(kSize, static_cast<char>('a' + i % 26)))), true);
    ASSERT_TRUE(server.run_until([&] { return writer.answers[call].closed; },
                                 [&] {
                                   writer.pump();
                                   slow.pump();
                                 }));
  }
  EXPECT_LT(slow.answers[id].body.size(), 66'000u);  // the stream's window
  slow.grants_window = true;
  nghttp2_session_consume_stream(slow.session, id, slow.answers[id].body.size());
  const auto events = [&] {
    std::string seen;
    for (const auto& r : watch_responses(slow.answers[id])) {
      for (const auto& e : r.events) seen.push_back(e.kv.value.view()[0]);
    }
    return seen;
  };
  ASSERT_TRUE(slow.run_until([&] { return slow.answers[id].body.size() > kPuts * kSize && events().size() == kPuts; }));
  for (size_t i = 0; i < kPuts; ++i) EXPECT_EQ(events()[i], static_cast<char>('a' + i % 26)) << i;
}

TEST(Face, HealthIsServed) {
  TestServer server;
  Http2Client client(server);
  const auto ours =
      client.call_ok<wire::HealthCheckResponse>("/grpc.health.v1.Health/Check", wire::HealthCheckRequest{});
  EXPECT_EQ(ours.status, wire::Serving::kServing);
  const Answer unknown = client.call("/grpc.health.v1.Health/Check", grpc_message(wire::HealthCheckRequest{"x"}));
  EXPECT_EQ(unknown.grpc_status(), 5);
  const int32_t id = client.begin("/grpc.health.v1.Health/Watch", grpc_message(wire::HealthCheckRequest{}), true);
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].messages().size() == 1; }));
  EXPECT_FALSE(client.answers[id].closed);
}

TEST(Face, StoppingTellsClientsAndClosesThePort) {
  TestServer server;
  Http2Client client(server);
  const uint16_t port = server.tcp_port();
  client.call_ok<store::PutResponse>(kPut, put("k", "v"));
  server.face.on_stopped("test");
  ASSERT_TRUE(client.run_until([&] { return client.raw.closed; }));
  EXPECT_EQ(client.goaway, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(fd);
}

TEST(Face, AnswersThatWereMadeAreReadBeforeItStops) {
  TestServer server;
  const std::string value(1'000'000, 'v');
  Http2Client slow(server), idle(server);
  slow.call_ok<store::PutResponse>(kPut, put("k", value));
  idle.call_ok<store::PutResponse>(kPut, put("l", "v"));
  const int32_t id = slow.begin(kRange, grpc_message(store::RangeRequest{.key = Slice::unowned("k")}), true);
  ASSERT_TRUE(slow.run_until([&] { return !slow.answers[id].body.empty(); }));
  ASSERT_FALSE(slow.answers[id].closed);
  server.face.on_stopped("test");
  EXPECT_FALSE(server.face.drained());
  ASSERT_TRUE(slow.run_until([&] { return slow.raw.closed; }));
  EXPECT_EQ(slow.goaway, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  EXPECT_EQ(slow.answers[id].grpc_status(), 0);
  EXPECT_EQ(slow.answers[id].messages().size(), 1u);
  EXPECT_TRUE(server.face.drained());
}

TEST(Face, AClientThatDoesNotReadIsLeftWhenTheFaceGoes) {
  auto server = std::make_unique<TestServer>();
  Http2Client client(*server);
  client.call_ok<store::PutResponse>(kPut, put("k", std::string(1'000'000, 'v')));
  client.grants_window = false;
  const int32_t id = client.begin(kRange, grpc_message(store::RangeRequest{.key = Slice::unowned("k")}), true);
  ASSERT_TRUE(client.run_until([&] { return !client.answers[id].body.empty(); }));
  server->face.on_stopped("test");
  EXPECT_FALSE(server->face.drained());
  server.reset();
  client.pump();
  EXPECT_TRUE(client.raw.closed);
}

TEST(Face, AnAddressThatIsTakenIsNamed) {
  TestServer server;
  const Status taken = server.face.listen("127.0.0.1", server.tcp_port());
  EXPECT_EQ(taken.code(), StatusCode::kUnavailable);
  EXPECT_NE(std::string(taken.message()).find(":" + std::to_string(server.tcp_port())), std::string::npos);
  EXPECT_EQ(server.face.listen("no.such.host.invalid", 0).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(server.face.listen("192.0.2.1", 0).code(), StatusCode::kFailedPrecondition);  // of another machine
}

}  // namespace
}  // namespace holdfast::server
