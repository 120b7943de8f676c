#include "holdfast/runtime/key_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::runtime {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

crypto::Seed seed_of(uint8_t n) {
  crypto::Seed seed;
  seed.bytes.fill(n);
  return seed;
}
std::string digits(uint8_t n) { return to_hex(crypto::Identity(seed_of(n)).public_key().view()); }
std::string url(uint8_t n, int port) { return fmt::format("http://{}@10.0.0.{}:{}", digits(n), n, port); }

class KeyFile : public testing::Test {
 protected:
  ~KeyFile() override { fs::remove_all(root_); }
  std::string path(const std::string& name) const { return root_ + "/" + name; }
  static std::string read(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const std::string root_ = fmt::format("{}/key_file_test_{}", testing::TempDir(), getpid());
};

// Files of members that exist depend on this form.
TEST_F(KeyFile, TheFileIsTextThatSaysWhatItIs) {
  EXPECT_EQ(key_file_text(seed_of(7)),
            fmt::format("holdfast member key 1 (Ed25519, private): whoever has this file can "
                        "speak as the member; keep it secret\n"
                        "public  {}\nprivate {}\n",
                        digits(7), std::string(64, '0').replace(0, 64, [] {
                          std::string s;
                          for (int i = 0; i < 32; ++i) s += "07";
                          return s;
                        }())));
  EXPECT_EQ(*parse_key_file(key_file_text(seed_of(7))), seed_of(7));
}

TEST_F(KeyFile, ATextThatIsNoKeyIsRefused) {
  const std::string good = key_file_text(seed_of(7));
  for (size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_EQ(parse_key_file(good.substr(0, cut)).status().code(), StatusCode::kDataLoss) << cut;
  }
  EXPECT_FALSE(parse_key_file(good + "\n").ok());
  // No digit may change: neither key then belongs to the other.
  const size_t first = good.find("public  ") + 8, second = good.find("private ") + 8;
  for (const size_t at : {first, first + 63, second, second + 63}) {
    std::string bad = good;
    bad[at] = bad[at] == '0' ? '1' : '0';
    EXPECT_FALSE(parse_key_file(bad).ok()) << at;
    bad[at] = 'g';
    EXPECT_FALSE(parse_key_file(bad).ok()) << at;
  }
}

TEST_F(KeyFile, ANewKeyIsItsOwnersAlone) {
  const auto key = make_key_file(path("deep/down/k"));
  ASSERT_TRUE(key.ok()) << key.status();
  struct stat info {};
  ASSERT_EQ(stat(path("deep/down/k").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto seed = read_key_file(path("deep/down/k"));
  ASSERT_TRUE(seed.ok()) << seed.status();
  EXPECT_EQ(crypto::Identity(*seed).public_key(), *key);
  EXPECT_NE(*make_key_file(path("other")), *key) << "every key is another";
}

TEST_F(KeyFile, AKeyThatIsThereIsNeverReplaced) {
  ASSERT_TRUE(make_key_file(path("k")).ok());
  const std::string before = read(path("k"));
  const Status again = make_key_file(path("k")).status();
  EXPECT_EQ(again.code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(again.message()), HasSubstr("is left alone"));
  EXPECT_EQ(read(path("k")), before);
}

TEST_F(KeyFile, AFileThatOthersMayReadIsRefused) {
  ASSERT_TRUE(make_key_file(path("k")).ok());
  for (const mode_t open : {0604u, 0602u, 0620u, 0644u}) {
    chmod(path("k").c_str(), open);
    const Status status = read_key_file(path("k")).status();
    EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(status.message()), HasSubstr("chmod 600"));
  }
  for (const mode_t closed : {0600u, 0400u, 0440u, 0640u}) {  // what a group's secret is mounted with
    chmod(path("k").c_str(), closed);
    EXPECT_TRUE(read_key_file(path("k")).ok()) << closed;
  }
}

TEST_F(KeyFile, ErrorsNameTheFile) {
  EXPECT_EQ(read_key_file(path("none")).status().code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(read_key_file(path("none")).status().message()), HasSubstr(path("none")));
  EXPECT_THAT(std::string(read_key_file(path("none")).status().message()), HasSubstr("restore it from a backup"));
  ASSERT_TRUE(make_key_file(path("k")).ok());
  std::ofstream(path("k")) << "something else";
  EXPECT_EQ(read_key_file(path("k")).status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(read_key_file(path("k")).status().message()), HasSubstr("holds no member key"));
  chmod(path("k").c_str(), 0644);  // who has named a wrong file is not told to protect that one
  EXPECT_THAT(std::string(read_key_file(path("k")).status().message()), HasSubstr("holds no member key"));
  EXPECT_EQ(read_key_file(root_).status().code(), StatusCode::kDataLoss) << "a directory";
}

TEST_F(KeyFile, AMemberHasOneKeyInAllItsUrls) {
  EXPECT_EQ((**key_in({url(1, 1), url(1, 2)})), crypto::Identity(seed_of(1)).public_key());
  EXPECT_EQ(*key_in({"http://a:1", "http://b:1"}), std::nullopt);
  EXPECT_FALSE(key_in({url(1, 1), url(2, 1)}).ok());
  EXPECT_FALSE(key_in({url(1, 1), "http://a:1"}).ok());
  EXPECT_FALSE(key_in({"http://a:1", url(1, 1)}).ok());
  EXPECT_FALSE(key_in({"http://abc@a:1"}).ok());
}

}  // namespace
}  // namespace holdfast::runtime
