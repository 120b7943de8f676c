#include "holdfast/cli/txn_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/cli/kv_flags.h"

namespace holdfast::cli {
namespace {

using etcdserverpb::Compare;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TxnText, EveryFieldCanBeCompared) {
  struct {
    const char* line;
    const char* expected;
  } table[] = {
      {R"(mod("k") > "7")", "result: GREATER target: MOD key: \"k\" mod_revision: 7"},
      {R"(m("k") = "0")", "target: MOD key: \"k\" mod_revision: 0"},
      {R"(create("k") < "9")", "result: LESS target: CREATE key: \"k\" create_revision: 9"},
      {R"(c("k") != "9")", "result: NOT_EQUAL target: CREATE key: \"k\" create_revision: 9"},
      {R"(version("k") = "1")", "key: \"k\" version: 1"},
      {R"(ver("k") = "-1")", "key: \"k\" version: -1"},
      {R"(value("k") = "v w")", "target: VALUE key: \"k\" value: \"v w\""},
      {R"(  val("k")="v"  )", "target: VALUE key: \"k\" value: \"v\""},
      {R"(val(`a\b`) = "\"\x41\n\101\u00e9")", "target: VALUE key: \"a\\\\b\" value: \"\\\"A\\nA\\303\\251\""},
      {R"(lease("k") = "2a")", "target: LEASE key: \"k\" lease: 42"},
  };
  for (const auto& row : table) {
    const StatusOr<Compare> compare = parse_compare(row.line);
    ASSERT_TRUE(compare.ok()) << compare.status();
    EXPECT_EQ(compare->ShortDebugString(), row.expected) << row.line;
  }
}

TEST(TxnText, MalformedComparisonsAreRefusedWithTheirText) {
  struct {
    const char* line;
    const char* why;
  } table[] = {
      {"mod k > 7", "is not a comparison"},           {R"(mod(k) > "7")", "does not start with a quote"},
      {R"(mod("k) > 7)", "has no closing quote"},     {R"(mod("k" > "7")", "is not a comparison"},
      {R"(mod("k") >= "7")", "has no relation"},      {R"(mod("k") > 7)", "is not a comparison"},
      {R"(mod("k") > "x")", "which is not a number"}, {R"(mod("k") > "99999999999999999999")", "which is not a number"},
      {R"(size("k") > "7")", "unknown field"},        {R"(mod("k") > "7" and)", "behind the comparison"},
      {R"(val("k") = "\q")", "is not a comparison"},  {R"(val("\400") = "")", "unknown escape"},
      {R"(val("\ud800") = "")", "unknown escape"},
  };
  for (const auto& row : table) {
    const StatusOr<Compare> compare = parse_compare(row.line);
    EXPECT_EQ(compare.status().code(), absl::StatusCode::kInvalidArgument) << row.line;
    EXPECT_THAT(std::string(compare.status().message()), HasSubstr(row.why)) << row.line;
  }
}

TEST(TxnText, OperationsTakeTheCommandsFlags) {
  struct {
    const char* line;
    const char* expected;
  } table[] = {
      {"get k", "request_range { key: \"k\" }"},
      {"get --prefix k --limit=2", "request_range { key: \"k\" range_end: \"l\" limit: 2 }"},
      {"put k 'a b'", "request_put { key: \"k\" value: \"a b\" }"},
      {"put k \"a\\tb\"", "request_put { key: \"k\" value: \"a\\tb\" }"},
      {"put k \"\"", "request_put { key: \"k\" }"},
      {"put k v --lease=1f --prev-kv", "request_put { key: \"k\" value: \"v\" lease: 31 prev_kv: true }"},
      {"put k --ignore-value --lease 1f", "request_put { key: \"k\" lease: 31 ignore_value: true }"},
      {"del a b", "request_delete_range { key: \"a\" range_end: \"b\" }"},
      {"del --from-key a", "request_delete_range { key: \"a\" range_end: \"\\000\" }"},
  };
  for (const auto& row : table) {
    const auto op = parse_operation(row.line);
    ASSERT_TRUE(op.ok()) << op.status();
    EXPECT_EQ(op->ShortDebugString(), row.expected) << row.line;
  }
}

TEST(TxnText, MalformedOperationsAreRefused) {
  for (const char* line : {"", "pout k v", "put k", "put", "get", "put k v --ignore-value", "put k v w", "get k --nope",
                           "get k --limit=x", "put k 'v", "put k v --lease=zz", "del a b --prefix"}) {
    EXPECT_EQ(parse_operation(line).status().code(), absl::StatusCode::kInvalidArgument) << line;
  }
}

TEST(TxnText, WordsMayMixQuotes) {
  EXPECT_THAT(*split_words(R"(  put  a"b c"'d "e' f )"), ElementsAre("put", "ab cd \"e", "f"));
}

TEST(KvFlags, PrefixEndIsTheFirstKeyBehindAllWithThePrefix) {
  EXPECT_EQ(prefix_end("a"), "b");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("\xff\xff"), std::string(1, '\0'));
  EXPECT_EQ(prefix_end(""), std::string(1, '\0'));
}

TEST(KvFlags, GetMapsToTheRequest) {
  GetFlags flags;
  flags.prefix = true;
  EXPECT_EQ(flags.request()->ShortDebugString(), "key: \"\\000\" range_end: \"\\000\"");
  flags = {};
  flags.key = "k";
  flags.sort_by = "MODIFY";
  flags.consistency = "s";
  EXPECT_EQ(flags.request()->ShortDebugString(), "key: \"k\" sort_order: ASCEND sort_target: MOD serializable: true");
  flags.from_key = flags.prefix = true;
  EXPECT_FALSE(flags.request().ok());
  EXPECT_FALSE(GetFlags().request().ok());
}

}  // namespace
}  // namespace holdfast::cli
