#include "holdfast/runtime/url.h"

#include <gtest/gtest.h>

namespace holdfast::runtime {
namespace {

TEST(Url, ReadsHostAndPort) {
  const auto url = parse_url("http://10.0.0.1:2380");
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_EQ(url->host, "10.0.0.1");
  EXPECT_EQ(url->port, 2380);
  EXPECT_EQ(parse_url("http://a-b.example:65535/")->host, "a-b.example");
  EXPECT_EQ(parse_url("http://[::1]:0")->host, "::1");
  EXPECT_EQ(parse_url("http://[::1]:0")->port, 0);
}

TEST(Url, RefusesWhatItCannotServe) {
  for (const char* text : {"https://a:1", "unix://a:1", "unixs:///x"}) {
    EXPECT_EQ(parse_url(text).status().code(), StatusCode::kUnimplemented) << text;
  }
}

TEST(Url, RefusesMalformedTexts) {
  for (const char* text : {"", "a:1", "http://", "http://a", "http://:1", "http://a:", "http://a:65536", "http://a:-1",
                           "http://a:1x", "http://a:1/path", "http://a:1?q", "http://u@a:1", "http://a b:1",
                           "http://[::1]", "http://::1:80", "ftp://a:1", "http://a:+1", "http://a:1//"}) {
    const auto url = parse_url(text);
    EXPECT_EQ(url.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_NE(url.status().message().find("http://HOST:PORT"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace holdfast::runtime
