#include "holdfast/server/grpc.h"

#include <gtest/gtest.h>

#include "holdfast/base/random.h"

namespace holdfast::server {
namespace {

std::string frame(std::string_view message, char flag = 0) {
  std::string f(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) f.push_back(static_cast<char>(message.size() >> shift));
  return f.append(message);
}

TEST(GrpcTimeout, IsDigitsAndAUnit) {
  EXPECT_EQ(parse_grpc_timeout("5S"), Duration::seconds(5));
  EXPECT_EQ(parse_grpc_timeout("4999912u"), Duration::micros(4999912));
  EXPECT_EQ(parse_grpc_timeout("20m"), Duration::millis(20));
  EXPECT_EQ(parse_grpc_timeout("7n"), Duration::nanos(7));
  EXPECT_EQ(parse_grpc_timeout("2M"), Duration::seconds(120));
  EXPECT_EQ(parse_grpc_timeout("1H"), Duration::seconds(3600));
  EXPECT_EQ(parse_grpc_timeout("0m"), Duration());
}

TEST(GrpcTimeout, HugeOnesDoNotOverflow) {
  for (const char* text : {"99999999H", "99999999M", "99999999S"}) {
    const auto timeout = parse_grpc_timeout(text);
    ASSERT_TRUE(timeout) << text;
    EXPECT_GT(*timeout, Duration::seconds(90'000'000)) << text;
    EXPECT_GT(Time::at_millis(1'000'000'000) + *timeout, Time::at_millis(1'000'000'000)) << text;
  }
}

TEST(GrpcTimeout, RefusesEverythingElse) {
  for (const char* text : {"", "5", "S", "5s", "-5S", "+5S", "5.0S", " 5S", "5S ", "123456789S", "5SS", "0x5S"}) {
    EXPECT_FALSE(parse_grpc_timeout(text)) << text;
  }
}

TEST(GrpcText, OnlyPrintableAsciiTravelsAsItIs) {
  EXPECT_EQ(percent_encode("etcdserver: no leader"), "etcdserver: no leader");
  EXPECT_EQ(percent_encode("100%\n\x7f\xc3\xa4"), "100%25%0A%7F%C3%A4");
  EXPECT_EQ(percent_encode(""), "");
}

TEST(GrpcMessages, ComeOutWholeHoweverTheBodyIsCut) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> sent;
    std::string body;
    for (uint64_t n = random.below(5); n > 0; --n) {
      sent.emplace_back(random.below(random.chance(1, 5) ? 100'000 : 20), static_cast<char>('a' + random.below(26)));
      body += frame(sent.back());
    }
    MessageReader reader(1 << 20);
    std::vector<std::string> got;
    for (size_t at = 0; at < body.size();) {
      const size_t n = std::min<size_t>(body.size() - at, 1 + random.below(random.chance(1, 2) ? 7 : 60'000));
      std::string_view part = std::string_view(body).substr(at, n);
      at += n;
      while (auto message = reader.next(part)) got.push_back(message->str());
      EXPECT_TRUE(part.empty());
    }
    EXPECT_EQ(got, sent);
    EXPECT_TRUE(reader.problem().ok());
    EXPECT_EQ(reader.buffered(), 0u);
  }
}

TEST(GrpcMessages, BadPrefixesAreRefusedAsSoonAsTheyAreRead) {
  const auto problem_of = [](std::string bytes) {
    MessageReader reader(100);
    std::string_view body = bytes;
    EXPECT_FALSE(reader.next(body));
    EXPECT_TRUE(body.empty());
    std::string_view more = "anything";
    EXPECT_FALSE(reader.next(more));
    EXPECT_TRUE(more.empty());
    return reader.problem().code;
  };
  EXPECT_EQ(problem_of(frame("x", 1)), Code::kUnimplemented);
  EXPECT_EQ(problem_of(frame("x", 2)), Code::kInternal);
  EXPECT_EQ(problem_of(frame("x", static_cast<char>(0xff))), Code::kInternal);
  EXPECT_EQ(problem_of(frame(std::string(101, 'x'))), Code::kResourceExhausted);
  EXPECT_EQ(problem_of(std::string("\0\xff\xff\xff\xff", 5)), Code::kResourceExhausted);
}

TEST(GrpcMessages, TheLimitItselfIsAllowed) {
  MessageReader reader(100);
  const std::string bytes = frame(std::string(100, 'x'));
  std::string_view body = bytes;
  EXPECT_TRUE(reader.next(body));
}

TEST(GrpcMessages, AnAnnouncedLengthReservesLittle) {
  MessageReader reader(size_t{1} << 30);
  std::string_view prefix("\0\x3f\xff\xff\xff", 5);
  EXPECT_FALSE(reader.next(prefix));
  EXPECT_TRUE(reader.problem().ok());
  EXPECT_EQ(reader.buffered(), 5u);
}

}  // namespace
}  // namespace holdfast::server
