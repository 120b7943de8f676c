#include "holdfast/server/http1.h"

#include <gtest/gtest.h>

#include "holdfast/base/random.h"

namespace holdfast::server {
namespace {

using Result = HttpReader::Result;

TEST(Http1, ReadsRequestsByteByByte) {
  const std::string text = "GET /health?serializable=true HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
  HttpReader reader;
  HttpRequest request;
  HttpAnswer refusal;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    reader.add(text.substr(i, 1));
    ASSERT_EQ(reader.next(request, refusal), Result::kMore) << i;
  }
  reader.add(text.substr(text.size() - 1));
  ASSERT_EQ(reader.next(request, refusal), Result::kRequest);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/health");
  EXPECT_EQ(request.query, "serializable=true");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_EQ(reader.buffered(), 0u);
}

int refusal_of(const std::string& text) {
  HttpReader reader;
  HttpRequest request;
  HttpAnswer refusal;
  reader.add(text);
  const Result result = reader.next(request, refusal);
  return result == Result::kBad ? refusal.status : result == Result::kRequest ? 200 : 0;
}

TEST(Http1, RefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n\r\n"), 200);
  EXPECT_EQ(refusal_of("hello\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/3\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET x HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET  HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET /a b HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("G\x01T / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nbad name: x\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"), 413);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 413);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), 200);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x')), 431);
  EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), 431);
}

// A handshake has no end that could be waited for.
TEST(Http1, TellsATlsClientAtOnce) {
  HttpReader reader;
  HttpRequest request;
  HttpAnswer refusal;
  reader.add(std::string_view("\x16\x03\x01\x00\xa5\x01", 6));
  ASSERT_EQ(reader.next(request, refusal), Result::kBad);
  EXPECT_EQ(refusal.status, 400);
  EXPECT_EQ(refusal.body, "this port does not speak TLS; use http://\n");
}

TEST(Http1, RandomBytesNeverHurt) {
  Random random(1);
  const std::string good = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  for (int round = 0; round < 5000; ++round) {
    std::string text = good;
    for (uint64_t n = 1 + random.below(6); n > 0; --n)
      text[random.below(text.size())] = static_cast<char>(random.next());
    const int status = refusal_of(text);
    EXPECT_TRUE(status == 0 || status == 200 || status == 400 || status == 413) << status;
  }
}

TEST(Http1, ConnectionsStayOpenAsTheVersionSays) {
  const auto keeps = [](const std::string& text) {
    HttpReader reader;
    HttpRequest request;
    HttpAnswer refusal;
    reader.add(text);
    EXPECT_EQ(reader.next(request, refusal), Result::kRequest);
    return request.keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"));
}

TEST(Http1, AnswersSayTheirLength) {
  const HttpAnswer answer{.status = 503, .content_type = "text/plain", .body = "no\n"};
  const std::string text = render_http(answer, false, true);
  EXPECT_TRUE(text.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << text;
  EXPECT_NE(text.find("Content-Length: 3\r\n"), std::string::npos);
  EXPECT_NE(text.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\n\r\nno\n"));
  const std::string head = render_http(answer, true, false);
  EXPECT_NE(head.find("Content-Length: 3\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST(Http1, QueriesAreDecoded) {
  bool found = true;
  EXPECT_EQ(query_value("a=1&b=x%20y+z&c", "b"), "x y z");
  EXPECT_EQ(query_value("a=1&c&c=2", "c", &found), "");
  EXPECT_TRUE(found);
  EXPECT_EQ(query_value("a=1", "b", &found), "");
  EXPECT_FALSE(found);
  EXPECT_EQ(query_value("a=%zz%4", "a"), "%zz%4");
}

}  // namespace
}  // namespace holdfast::server
