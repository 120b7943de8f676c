#include "holdfast/base/nearest.h"
#include "holdfast/cli/url.h"

#include <gtest/gtest.h>


namespace holdfast::cli {
namespace {

TEST(Url, ReadsHostAndPort) {
  struct {
    const char* text;
    const char* host;
    uint16_t port;
    const char* authority;
  } table[] = {
      {"http://localhost:2379", "localhost", 2379, "localhost:2379"},
      {"http://10.0.0.1:1/", "10.0.0.1", 1, "10.0.0.1:1"},
      {"http://[::1]:65535", "::1", 65535, "[::1]:65535"},
      {"http://[fe80::1%eth0]:80", "fe80::1%eth0", 80, "[fe80::1%eth0]:80"},
      {"http://my-host_1.example:80", "my-host_1.example", 80, "my-host_1.example:80"},
  };
  for (const auto& row : table) {
    const StatusOr<Url> url = parse_url(row.text);
    ASSERT_TRUE(url.ok()) << url.status();
    EXPECT_EQ(url->host, row.host);
    EXPECT_EQ(url->port, row.port);
    EXPECT_EQ(url->authority(), row.authority);
    EXPECT_EQ(*parse_url(url->text()), *url);
  }
}

TEST(Url, RefusesEverythingElse) {
  for (const char* text : {"",
                           "http://",
                           "http://:1",
                           "http://h",
                           "http://h:",
                           "http://h:0",
                           "http://h:65536",
                           "http://h:1x",
                           "http://h:+1",
                           "http://h:1/path",
                           "http://u@h:1",
                           "http://h:1?q",
                           "http://h h:1",
                           "https://h:1",
                           "ftp://h:1",
                           "unix:///s",
                           "h:1",
                           "http://::1:80",
                           "http://[::1]",
                           "http://[::g]:1",
                           "http://h:99999999999999999999"}) {
    const StatusOr<Url> url = parse_url(text);
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(url.status().message().find(std::string("\"") + text + "\""), std::string::npos) << url.status();
  }
}

TEST(Url, ListsAreSeparatedByCommasWithoutRepetition) {
  EXPECT_EQ(parse_urls("http://a:1, http://b:2")->size(), 2u);
  EXPECT_FALSE(parse_urls("http://a:1,http://a:1/").ok());
  EXPECT_FALSE(parse_urls("http://a:1,").ok());
}

TEST(Url, OnlyAddressesAndLocalhostCanBeBound) {
  EXPECT_TRUE(check_bindable({"localhost", 1}).ok());
  EXPECT_TRUE(check_bindable({"0.0.0.0", 1}).ok());
  EXPECT_TRUE(check_bindable({"::1", 1}).ok());
  EXPECT_FALSE(check_bindable({"example.org", 1}).ok());
}

TEST(Nearest, FindsWhatWasMeantAndNothingElse) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(nearest("satus", {"serve", "status", "get"}), "status");
  EXPECT_EQ(nearest("xyzzy", {"serve", "status", "get"}), "");
}

}  // namespace
}  // namespace holdfast::cli
