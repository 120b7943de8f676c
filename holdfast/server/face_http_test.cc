// The HTTP endpoints over a real socket, as HTTP/1.1 and as HTTP/2.
#include <gmock/gmock.h>

#include "holdfast/server/client_test_kit.h"

namespace holdfast::server {
namespace {

using testing::HasSubstr;

// Sends `request` and reads until the server closes or `complete` bytes pattern shows.
std::string talk(TestServer& server, const std::string& request) {
  RawClient client(server.tcp_port());
  client.send(request);
  EXPECT_TRUE(server.run_until([&] { return client.closed; }, [&] { client.pump(); })) << client.received;
  return client.received;
}
std::string get(TestServer& server, const std::string& target, const std::string& method = "GET") {
  return talk(server, method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}
std::string body_of(const std::string& answer) {
  return answer.substr(std::min(answer.find("\r\n\r\n") + 4, answer.size()));
}

TEST(FaceHttp, HealthIsJson) {
  TestServer server;
  const std::string answer = get(server, "/health");
  EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_EQ(body_of(answer), "{\"health\":\"true\",\"reason\":\"\"}\n");
}

TEST(FaceHttp, HealthTellsWhatIsWrong) {
  TestServer server;
  server.port.refuse_all = store::Error::kTimeout;
  EXPECT_EQ(body_of(get(server, "/health")),
            "{\"health\":\"false\",\"reason\":\"RANGE ERROR:etcdserver: request timed out\"}\n");
  server.port.refuse_all = store::Error::kNone;
  server.lead(NodeId());
  EXPECT_THAT(get(server, "/health"), testing::StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(body_of(get(server, "/health")), "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n");
  EXPECT_EQ(body_of(get(server, "/health?serializable=true")), "{\"health\":\"true\",\"reason\":\"\"}\n");
  server.lead(NodeId(0x11));
  server.port.store().apply(store::AlarmRequest{
      .action = store::AlarmAction::kActivate, .member = NodeId(0x11), .alarm = store::AlarmType::kNoSpace});
  EXPECT_EQ(body_of(get(server, "/health")), "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n");
  EXPECT_EQ(body_of(get(server, "/health?exclude=NOSPACE")), "{\"health\":\"true\",\"reason\":\"\"}\n");
}

TEST(FaceHttp, ReadinessIsMadeOfChecks) {
  TestServer server;
  EXPECT_EQ(body_of(get(server, "/livez")), "ok\n");
  EXPECT_EQ(body_of(get(server, "/livez?verbose")), "[+]serializable_read ok\nlivez check passed\n");
  EXPECT_EQ(body_of(get(server, "/readyz?verbose")),
            "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nreadyz check "
            "passed\n");
  EXPECT_EQ(body_of(get(server, "/readyz/non_learner")), "ok\n");
  EXPECT_THAT(get(server, "/readyz/nonsense"), testing::StartsWith("HTTP/1.1 404 "));
  server.port.refuse_all = store::Error::kNoLeader;
  const std::string answer = get(server, "/readyz?exclude=serializable_read,data_corruption&exclude=non_learner");
  EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(body_of(answer), "[-]linearizable_read failed: etcdserver: no leader\nreadyz check failed\n");
}

TEST(FaceHttp, VersionAndMetrics) {
  FaceConfig config;
  config.version = "9.9";
  TestServer server(config);
  EXPECT_EQ(body_of(get(server, "/version")),
            "{\"etcdserver\":\"3.6.0\",\"etcdcluster\":\"3.6.0\",\"storage\":\"3.6.0\",\"holdfast\":\"9.9\","
            "\"consensus\":\"raft\"}\n");
  Http2Client client(server);
  client.call("/etcdserverpb.KV/Range", grpc_message(store::RangeRequest{.key = Slice::unowned("k")}));
  const std::string metrics = get(server, "/metrics");
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, HasSubstr("\ngrpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Range\","
                                 "grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\netcd_server_has_leader 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\netcd_server_leader_changes_seen_total 1\n"));
}

TEST(FaceHttp, OtherPathsAndMethodsAreRefused) {
  TestServer server;
  EXPECT_THAT(get(server, "/"), testing::StartsWith("HTTP/1.1 404 "));
  EXPECT_EQ(body_of(get(server, "/")), "404 page not found\n");
  for (const char* body : {"", "Content-Length: 2\r\n\r\n{}"}) {
    const std::string gateway =
        talk(server, "POST /v3/kv/range HTTP/1.1\r\nConnection: close\r\n" + std::string(body) + "\r\n\r\n");
    EXPECT_THAT(gateway, testing::StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(gateway, HasSubstr("clients must speak gRPC"));
  }
  const std::string post = get(server, "/health", "POST");
  EXPECT_THAT(post, testing::StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(post, HasSubstr("Allow: GET, HEAD\r\n"));
  const std::string head = get(server, "/version", "HEAD");
  EXPECT_THAT(head, testing::StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(body_of(head), "");
}

TEST(FaceHttp, RequestsOfOneConnectionAreAnsweredInOrder) {
  TestServer server;
  const std::string answers = talk(server,
                                   "GET /health HTTP/1.1\r\n\r\nGET /version HTTP/1.1\r\n\r\n"
                                   "GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\nGET /version HTTP/1.1\r\n\r\n");
  const size_t first = answers.find("\"health\""), second = answers.find("\"etcdserver\""),
               third = answers.find(" 404 ");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_EQ(answers.find("\"etcdserver\"", third), std::string::npos);
}

// Each request is a few bytes, its answer thousands.
TEST(FaceHttp, PipelinedRequestsAreAnsweredOnlyAsFastAsTheAnswersAreTaken) {
  TestServer server;
  int rendered = 0;
  server.metrics.computed(runtime::Metrics::Kind::kGauge, "probe", "Counts.", [&] { return ++rendered; });
  constexpr int kRequests = 2000;
  RawClient client(server.tcp_port());
  client.reads = false;
  for (int i = 0; i < kRequests; ++i) client.send("GET /metrics HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(server.run_until([&] { return client.to_send.empty() && rendered > 0; }, [&] { client.pump(); }));
  int before = -1;
  while (before != rendered) {  // until it waits for the client
    before = rendered;
    for (int i = 0; i < 10; ++i) server.loop.poll();
  }
  EXPECT_LT(rendered, kRequests / 4);
  client.reads = true;
  size_t answers = 0;
  ASSERT_TRUE(server.run_until([&] { return answers == kRequests; },
                               [&] {
                                 client.pump();
                                 for (size_t at; (at = client.received.find("HTTP/1.1 200")) != std::string::npos;) {
                                   client.received.erase(0, at + 12);
                                   ++answers;
                                 }
                               }));
  EXPECT_EQ(rendered, kRequests);
}

TEST(FaceHttp, EndpointsOverHttp2AreNotAnsweredBeyondWhatIsTaken) {
  TestServer server;
  int rendered = 0;
  server.metrics.computed(runtime::Metrics::Kind::kGauge, "probe", "Counts.", [&] { return ++rendered; });
  Http2Client client(server);
  client.grants_window = false;
  constexpr int kRequests = 1000;
  std::vector<int32_t> ids;
  for (int i = 0; i < kRequests; ++i) ids.push_back(client.begin("/metrics", "", true, {}, "GET", ""));
  const auto refused = [&] {
    return std::count_if(ids.begin(), ids.end(),
                         [&](int32_t id) { return client.answers[id].header(":status") == "503"; });
  };
  ASSERT_TRUE(client.run_until([&] { return refused() + rendered == kRequests; }));
  EXPECT_LT(rendered, kRequests / 4);
}

TEST(FaceHttp, MalformedRequestsAreAnsweredAndClosed) {
  TestServer server;
  EXPECT_THAT(talk(server, "NONSENSE\r\n\r\n"), testing::StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(talk(server, std::string("\x16\x03\x01\x00", 4)), HasSubstr("does not speak TLS"));
  EXPECT_THAT(talk(server, "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x')), testing::StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(talk(server, "PRI * HTTP/2.0\r\n\r\nXX"), testing::StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(get(server, "/health"), testing::StartsWith("HTTP/1.1 200 "));
}

TEST(FaceHttp, AClientThatHasSaidEverythingStillGetsItsAnswer) {
  TestServer server;
  server.port.hold = true;
  RawClient client(server.tcp_port());
  client.send("GET /health HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(server.run_until([&] { return server.port.held() == 1; }, [&] { client.pump(); }));
  client.end();
  while (server.loop.poll() > 0) {
  }
  server.port.answer_held();
  ASSERT_TRUE(server.run_until([&] { return client.closed; }, [&] { client.pump(); }));
  EXPECT_THAT(client.received, HasSubstr("\"health\":\"true\""));
}

TEST(FaceHttp, AClientThatSaysNothingIsSentAway) {
  FaceConfig config;
  config.first_request_timeout = Duration::millis(100);
  config.idle_timeout = Duration::millis(100);
  TestServer server(config);
  EXPECT_EQ(talk(server, "GET /heal"), "");
  EXPECT_EQ(talk(server, "PRI * HT"), "");
  EXPECT_THAT(talk(server, "GET /version HTTP/1.1\r\n\r\n"), HasSubstr("etcdserver"));  // then idle
}

TEST(FaceHttp, EndpointsAreServedOverHttp2AsWell) {
  TestServer server;
  Http2Client client(server);
  const int32_t id = client.begin("/health?serializable=true", "", true, {}, "GET", "");
  ASSERT_TRUE(client.run_until([&] { return client.answers[id].closed; }));
  EXPECT_EQ(client.answers[id].header(":status"), "200");
  EXPECT_EQ(client.answers[id].body, "{\"health\":\"true\",\"reason\":\"\"}\n");
  const int32_t head = client.begin("/version", "", true, {}, "HEAD", "");
  ASSERT_TRUE(client.run_until([&] { return client.answers[head].closed; }));
  EXPECT_EQ(client.answers[head].header(":status"), "200");
  EXPECT_EQ(client.answers[head].body, "");
}

}  // namespace
}  // namespace holdfast::server
