#include "holdfast/cli/json.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

TEST(Json, BytesAreTextWhenTheyAreUtf8ElseBase64) {
  struct {
    std::string bytes;
    const char* json;
  } table[] = {
      {"", R"("")"},
      {"blue", R"("blue")"},
      {"\"\n", R"("\"\n")"},
      {std::string("a\0b", 3), R"("a\u0000b")"},
      {"\xc3\xa9", "\"\xc3\xa9\""},
      {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
      {"\xff", R"({"base64":"/w=="})"},
      {"a\xc3", R"({"base64":"YcM="})"},
      {"\xc0\x80", R"({"base64":"wIA="})"},              // overlong
      {"\xed\xa0\x80", R"({"base64":"7aCA"})"},          // surrogate
      {"\xf4\x90\x80\x80", R"({"base64":"9JCAgA=="})"},  // beyond U+10FFFF
  };
  for (const auto& row : table) EXPECT_EQ(to_json(std::string_view(row.bytes)).dump(), row.json);
}

TEST(Json, ShapesAreStable) {
  etcdserverpb::RangeResponse range;
  range.mutable_header()->set_cluster_id(0xcdf818194e3a8c32);
  range.mutable_header()->set_revision(7);
  auto* kv = range.add_kvs();
  kv->set_key("k");
  kv->set_value("v");
  kv->set_lease(0x2a);
  range.set_count(1);
  EXPECT_EQ(to_json(range).dump(),
            R"({"header":{"cluster_id":"cdf818194e3a8c32","member_id":"0","revision":7,"raft_term":0},"count":1,)"
            R"("more":false,"kvs":[{"key":"k","value":"v","create_revision":0,"mod_revision":0,"version":0,)"
            R"("lease":"2a"}]})");

  etcdserverpb::TxnResponse txn;
  txn.set_succeeded(true);
  txn.add_responses()->mutable_response_put();
  *txn.add_responses()->mutable_response_range() = range;
  EXPECT_EQ(to_json(txn)["responses"][0].dump(), R"({"put":{}})");
  EXPECT_EQ(to_json(txn)["responses"][1]["get"]["count"], 1);
  EXPECT_FALSE(to_json(txn)["responses"][1]["get"].contains("header"));

  mvccpb::Event event;
  event.set_type(mvccpb::Event::DELETE);
  event.mutable_kv()->set_key("k");
  event.mutable_kv()->set_mod_revision(9);
  EXPECT_EQ(to_json(event).dump(), R"({"type":"delete","kv":{"key":"k","mod_revision":9}})");
}

}  // namespace
}  // namespace holdfast::cli
