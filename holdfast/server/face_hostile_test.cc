// What clients should not do: malformed and oversize requests, floods, silence. The server refuses, says why, forgets
// the client, and serves the others (faults A2, A4, A5, A6, N16).
#include <gmock/gmock.h>

#include "holdfast/base/random.h"
#include "holdfast/server/client_test_kit.h"

namespace holdfast::server {
namespace {

constexpr char kRange[] = "/etcdserverpb.KV/Range";
constexpr char kPut[] = "/etcdserverpb.KV/Put";

std::string good_put(size_t value_size = 1) {
  return grpc_message(
      store::PutRequest{.key = Slice::unowned("k"), .value = Slice::take(std::string(value_size, 'v'))});
}

void expect_serving(TestServer& server) {
  Http2Client client(server);
  EXPECT_EQ(client.call(kPut, good_put()).grpc_status(), 0);
}

TEST(FaceHostile, BodiesThatAreNotOneMessageAreRefused) {
  TestServer server;
  Http2Client client(server);
  const auto status = [&](const std::string& body) { return client.call(kPut, body).grpc_status(); };
  EXPECT_EQ(status(""), 13);
  EXPECT_EQ(status(good_put() + good_put()), 13);
  EXPECT_EQ(status(good_put().substr(0, 3)), 13);
  EXPECT_EQ(status(good_put().substr(0, good_put().size() - 1)), 13);
  EXPECT_EQ(status(grpc_frame("abc", 1)), 12);
  EXPECT_EQ(status(grpc_frame("abc", 7)), 13);
  EXPECT_EQ(status(grpc_frame("\xff\xff\xff")), 13);
  EXPECT_EQ(status(grpc_frame(std::string("\x0a\x05k", 3))), 13);
  EXPECT_TRUE(server.port.seen.empty());
  expect_serving(server);
}

TEST(FaceHostile, UnknownOptionsAreRefused) {
  TestServer server;
  Http2Client client(server);
  const Answer sort = client.call(kRange, grpc_frame("\x0a\x01k\x28\x09"));  // sort_order = 9
  EXPECT_EQ(sort.header("grpc-message"), "etcdserver: invalid sort option");
  EXPECT_EQ(sort.grpc_status(), 3);
  const Answer alarm = client.call("/etcdserverpb.Maintenance/Alarm", grpc_frame("\x18\x09"));
  EXPECT_EQ(alarm.grpc_status(), 3);
  const Answer arm =
      client.call("/etcdserverpb.KV/Txn", grpc_frame(std::string("\x12\x02\x7a\x00", 4)));  // an op of no known kind
  EXPECT_EQ(arm.header("grpc-message"), "etcdserver: key not found");
}

TEST(FaceHostile, OversizeMessagesAreRefusedBeforeTheyAreRead) {
  TestServer server;
  Http2Client client(server);
  const size_t limit = (size_t{3} << 19) + (512 << 10);
  const int32_t id = client.begin(kPut, std::string("\0\xff\xff\xff\xff", 5) + std::string(100, 'x'), false);
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].grpc_status(), 8);
  EXPECT_THAT(client.answers[id].header("grpc-message"),
              testing::HasSubstr("larger than max (4294967295 vs. " + std::to_string(limit)));
  const Answer above = client.call(kPut, grpc_frame(std::string(limit + 1, '\0')));
  EXPECT_EQ(above.grpc_status(), 8);
  expect_serving(server);
}

TEST(FaceHostile, HeadersThatMakeNoSenseAreRefused) {
  TestServer server;
  Http2Client client(server);
  const auto text = [&](const std::string& path) {
    const Answer answer = client.call(path, good_put());
    EXPECT_EQ(answer.grpc_status(), 12) << path;
    return answer.header("grpc-message");
  };
  EXPECT_EQ(text("/etcdserverpb.KV/Nothing"), "unknown method Nothing for service etcdserverpb.KV");
  EXPECT_EQ(text("/no.Such/Range"), "unknown service no.Such");
  EXPECT_EQ(text("/Range"), "malformed method name: \"/Range\"");
  EXPECT_EQ(client.call(kPut, good_put(), {{"grpc-timeout", "soon"}}).grpc_status(), 13);
  EXPECT_EQ(client.call(kPut, good_put(), {{"grpc-encoding", "gzip"}}).grpc_status(), 12);
  EXPECT_EQ(client.call(kPut, good_put(), {{"grpc-encoding", "identity"}}).grpc_status(), 0);
  const Answer version = client.call(kPut, good_put(), {{"client-api-version", "3.\xff"}});
  EXPECT_EQ(version.header("grpc-message"), "etcdserver: invalid client api version");
  EXPECT_EQ(version.grpc_status(), 3);
  const Answer many = client.call(kPut, good_put(), HeaderList(200, {"x-filler", std::string(100, 'x')}));
  EXPECT_EQ(many.grpc_status(), 8);

  const auto http = [&](const std::string& method, const std::string& type) {
    const int32_t id = client.begin(kPut, "", true, {}, method, type);
    EXPECT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
    return client.answers[id].header(":status");
  };
  EXPECT_EQ(http("POST", "text/plain"), "415");
  EXPECT_EQ(http("POST", "application/grpc-nonsense"), "415");
  EXPECT_EQ(http("GET", "application/grpc"), "405");
  EXPECT_EQ(http("PUT", ""), "404");
  EXPECT_TRUE(server.port.seen.size() == 1);
  expect_serving(server);
}

TEST(FaceHostile, ConnectIsNotServed) {
  TestServer server;
  Http2Client client(server);
  nghttp2_nv headers[2];
  static std::string texts[] = {":method", "CONNECT", ":authority", "localhost"};
  for (int i = 0; i < 2; ++i) {
    headers[i] = {reinterpret_cast<uint8_t*>(texts[2 * i].data()), reinterpret_cast<uint8_t*>(texts[2 * i + 1].data()),
                  texts[2 * i].size(), texts[2 * i + 1].size(), NGHTTP2_NV_FLAG_NONE};
  }
  const int32_t id = nghttp2_submit_request(client.session, nullptr, headers, 2, nullptr, &client);
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed || client.raw.closed; }));
  EXPECT_NE(client.answers[id].header(":status"), "200");
  expect_serving(server);
}

// The bytes that a client sends for one call, recorded.
std::string recorded_call(TestServer& server) {
  Http2Client client(server);
  client.begin(kPut, good_put(20), true);
  std::string bytes;
  while (true) {
    const uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(client.session, &data);
    if (n <= 0) return bytes;
    bytes.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
  }
}

TEST(FaceHostile, EveryTruncationOfARequestLeavesNothingBehind) {
  TestServer server;
  const std::string bytes = recorded_call(server);
  ASSERT_GT(bytes.size(), 120u);
  for (size_t n = 0; n < bytes.size(); ++n) {
    RawClient client(server.tcp_port());
    client.send(bytes.substr(0, n));
    ASSERT_TRUE(server.run_until([&] { return client.to_send.empty() && server.face.connections() > 0; },
                                 [&] { client.pump(); }));
    client.hang_up();
    ASSERT_TRUE(server.run_until([&] { return server.face.connections() == 0; })) << n;
    ASSERT_TRUE(server.port.seen.empty()) << n;
  }
  expect_serving(server);
}

TEST(FaceHostile, BytesThatWereFlippedNeverHurt) {
  TestServer server;
  const std::string bytes = recorded_call(server);
  Random random(3);
  for (int round = 0; round < 400; ++round) {
    std::string bad = bytes;
    for (uint64_t n = 1 + random.below(4); n > 0; --n) bad[random.below(bad.size())] = static_cast<char>(random.next());
    if (random.chance(1, 5)) bad.insert(24 + random.below(bad.size() - 24), bad.substr(24, random.below(100)));
    RawClient client(server.tcp_port());
    client.send(bad);
    ASSERT_TRUE(server.run_until([&] { return client.to_send.empty() || client.closed; }, [&] { client.pump(); }));
    server.loop.poll();
    client.hang_up();
    ASSERT_TRUE(server.run_until([&] { return server.face.connections() == 0; }));
  }
  server.port.refuse_all = store::Error::kNone;
  expect_serving(server);
}

TEST(FaceHostile, StreamsPerConnectionAreLimited) {
  FaceConfig config;
  config.max_concurrent_streams = 4;
  TestServer server(config);
  server.port.hold = true;
  Http2Client client(server);
  client.run_until([&] {
    return nghttp2_session_get_remote_settings(client.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 4;
  });
  for (int i = 0; i < 20; ++i)
    client.begin(kRange, grpc_message(store::RangeRequest{.key = Slice::unowned("k")}), true);
  ASSERT_TRUE(client.run_until([&] { return server.port.held() == 4; }));
  server.port.hold = false;
  server.port.answer_held();
  ASSERT_TRUE(client.run_until([&] { return server.port.seen.size() == 20; }));
}

TEST(FaceHostile, ConnectionsAreLimited) {
  FaceConfig config;
  config.max_connections = 2;
  TestServer server(config);
  Http2Client one(server), two(server);
  EXPECT_EQ(one.call(kPut, good_put()).grpc_status(), 0);
  EXPECT_EQ(two.call(kPut, good_put()).grpc_status(), 0);
  RawClient three(server.tcp_port());
  ASSERT_TRUE(server.run_until([&] { return three.closed; }, [&] { three.pump(); }));
  one.raw.hang_up();
  ASSERT_TRUE(server.run_until([&] { return server.face.connections() == 1; }));
  expect_serving(server);
}

TEST(FaceHostile, AFloodOfResetsEndsTheConnection) {
  FaceConfig config;
  config.reset_burst = 50;
  config.reset_rate = 1;
  TestServer server(config);
  server.port.hold = true;
  Http2Client client(server);
  for (int i = 0; i < 200 && !client.raw.closed; ++i) {
    const int32_t id = client.begin(kRange, grpc_message(store::RangeRequest{.key = Slice::unowned("k")}), true);
    client.pump();
    client.reset(id);
    client.pump();
    server.loop.poll();
  }
  ASSERT_TRUE(client.run_until([&] { return client.raw.closed; }));
  ASSERT_TRUE(server.run_until([&] { return server.port.held() == 0 && server.face.connections() == 0; }));
  server.port.hold = false;
  expect_serving(server);
}

TEST(FaceHostile, AFloodOfPingsIsSentAwayAndToldWhy) {
  TestServer server;
  Http2Client client(server);
  ASSERT_EQ(client.call(kPut, good_put()).grpc_status(), 0);
  for (int i = 0; i < 10; ++i) nghttp2_submit_ping(client.session, 0, nullptr);
  ASSERT_TRUE(client.run_until([&] { return client.raw.closed; }));
  EXPECT_EQ(client.goaway, static_cast<uint32_t>(NGHTTP2_ENHANCE_YOUR_CALM));
  EXPECT_THAT(client.goaway_text, testing::HasSubstr("too_many_pings"));
  expect_serving(server);
}

TEST(FaceHostile, PingsBetweenCallsAreWelcome) {
  TestServer server;
  Http2Client client(server);
  for (int i = 0; i < 20; ++i) {
    nghttp2_submit_ping(client.session, 0, nullptr);
    EXPECT_EQ(client.call(kPut, good_put()).grpc_status(), 0);
  }
  EXPECT_FALSE(client.raw.closed);
}

TEST(FaceHostile, IncompleteRequestsOfAConnectionAreBounded) {
  FaceConfig config;
  config.max_buffered_requests = 410'000;
  TestServer server(config);
  Http2Client client(server);
  std::vector<int32_t> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(client.begin(kPut, good_put(100'000).substr(0, 60'000), false));
  const auto refused = [&] {
    int n = 0;
    for (int32_t id : ids) n += client.answers[id].grpc_status() == 8;
    return n;
  };
  ASSERT_TRUE(client.run_until([&] { return refused() == 4; }));
  for (int32_t id : ids) {
    if (client.answers[id].closed) continue;
    client.more(id, good_put(100'000).substr(60'000), true);
    ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
    EXPECT_EQ(client.answers[id].grpc_status(), 0);
  }
  EXPECT_EQ(server.port.seen.size(), 6u);
}

// Complete, but not ended: such a request waits for its end as well.
TEST(FaceHostile, RequestsThatDoNotEndAreBounded) {
  FaceConfig config;
  config.max_buffered_requests = 400'000;
  TestServer server(config);
  Http2Client client(server);
  std::vector<int32_t> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(client.begin(kPut, good_put(60'000), false));
  const auto refused = [&] {
    int n = 0;
    for (int32_t id : ids) n += client.answers[id].grpc_status() == 8;
    return n;
  };
  ASSERT_TRUE(client.run_until([&] { return refused() == 4; }));
  for (int32_t id : ids) {
    if (client.answers[id].closed) continue;
    client.more(id, "", true);
    ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
    EXPECT_EQ(client.answers[id].grpc_status(), 0);
  }
  EXPECT_EQ(server.port.seen.size(), 6u);
  const Answer after = client.call(kPut, good_put(350'000));  // all of it was given back
  EXPECT_EQ(after.grpc_status(), 0);
}

// Renewals that a stream does not take, because so many are under way, wait in a bounded space.
TEST(FaceHostile, RenewalsThatWaitAreBounded) {
  FaceConfig config;
  config.max_pending_keep_alives = 1;
  config.max_buffered_requests = 400'000;
  TestServer server(config);
  server.port.hold = true;
  Http2Client client(server);
  std::string renewals;
  while (renewals.size() < 60'000) renewals += grpc_message(store::LeaseKeepAliveRequest{store::LeaseId(7)});
  std::vector<int32_t> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(client.begin("/etcdserverpb.Lease/LeaseKeepAlive", renewals, false));
  const auto refused = [&] {
    int n = 0;
    for (int32_t id : ids) n += client.answers[id].grpc_status() == 8;
    return n;
  };
  ASSERT_TRUE(client.run_until([&] { return refused() == 4; }));
  EXPECT_EQ(server.port.held(), 6u);
}

TEST(FaceHostile, AConnectionThatDoesNotReadIsNotRead) {
  FaceConfig config;
  config.max_unsent = 256 << 10;
  TestServer server(config);
  {
    Http2Client writer(server);
    ASSERT_EQ(writer.call(kPut, good_put(100'000)).grpc_status(), 0);
  }
  Http2Client client(server);
  nghttp2_session_set_local_window_size(client.session, 0, 0, 1 << 30);
  const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 30};
  nghttp2_submit_settings(client.session, 0, &window, 1);
  client.raw.reads = false;
  const int kCalls = 1000;
  std::vector<int32_t> ids;
  size_t seen = 0;
  for (int i = 0; i < kCalls; ++i) {
    ids.push_back(client.begin(kRange, grpc_message(store::RangeRequest{.key = Slice::unowned("k")}), true));
    client.pump();
    while (server.loop.poll() > 0) {
    }
  }
  seen = server.port.seen.size();
  EXPECT_LT(seen, static_cast<size_t>(kCalls) / 5);  // the rest waits in the client's socket
  client.raw.reads = true;
  ASSERT_TRUE(client.run_until([&] { return client.answers[ids.back()].closed; }));
  for (int32_t id : ids) ASSERT_EQ(client.answers[id].grpc_status(), 0);
}

TEST(FaceHostile, ResponsesThatNobodyTakesAreBounded) {
  FaceConfig config;
  config.max_buffered_responses = 1 << 20;
  TestServer server(config);
  Http2Client client(server);
  ASSERT_EQ(client.call(kPut, good_put(200'000)).grpc_status(), 0);
  client.grants_window = false;
  std::vector<int32_t> ids;
  for (int i = 0; i < 30; ++i) {
    ids.push_back(client.begin(kRange, grpc_message(store::RangeRequest{.key = Slice::unowned("k")}), true));
    const size_t before = server.port.seen.size();
    ASSERT_TRUE(
        client.run_until([&] { return server.port.seen.size() > before || client.answers[ids.back()].closed; }));
  }
  int refused = 0;
  for (int32_t id : ids) refused += client.answers[id].grpc_status() == 8;
  EXPECT_GE(refused, 15);
}

}  // namespace
}  // namespace holdfast::server
