// The table of errors against an independent list (testdata/api_errors.txt: name|code|text, one line each).
#include "holdfast/server/errors.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace holdfast::server {
namespace {

TEST(Errors, EveryCodeAndTextIsThatOfTheApi) {
  std::ifstream list(HOLDFAST_SOURCE_DIR "/holdfast/server/testdata/api_errors.txt");
  ASSERT_TRUE(list.is_open());
  std::vector<std::string> expected, actual;
  for (std::string line; std::getline(list, line);) expected.push_back(line);
  for (const ApiError& e : api_errors()) {
    actual.push_back(std::string(e.name) + "|" + std::string(code_name(e.code)) + "|" + std::string(e.text));
  }
  EXPECT_EQ(actual, expected);
  EXPECT_EQ(actual.size(), 63u);
}

TEST(Errors, TextsAreDistinctSoThatClientsCanTellThemApart) {
  std::set<std::string_view> texts;
  for (const ApiError& e : api_errors()) EXPECT_TRUE(texts.insert(e.text).second) << e.text;
}

TEST(Errors, EveryRefusalOfTheStoreHasItsOwnText) {
  std::set<std::string> texts;
  for (int i = 1; i <= static_cast<int>(last_value(store::Error{})); ++i) {
    const Outcome outcome = outcome_of(static_cast<store::Error>(i));
    EXPECT_NE(outcome.code, Code::kOk) << i;
    EXPECT_TRUE(outcome.text.starts_with("etcdserver: ")) << outcome.text;
    EXPECT_TRUE(texts.insert(outcome.text).second) << outcome.text;
  }
  EXPECT_TRUE(outcome_of(store::Error::kNone).ok());
}

TEST(Errors, TheRefusalsThatClientsRetryAreUnavailable) {
  for (store::Error e : {store::Error::kNoLeader, store::Error::kLeaderChanged, store::Error::kStopped,
                         store::Error::kTimeout, store::Error::kTimeoutDueToLeaderFail}) {
    EXPECT_EQ(outcome_of(e).code, Code::kUnavailable);
  }
}

}  // namespace
}  // namespace holdfast::server
