// Answers that would be too large: refused before anything is changed, and no others.
#include <gtest/gtest.h>

#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"
#include "holdfast/store/random_commands_test_kit.h"
#include "holdfast/store/store.h"

namespace holdfast::store {
namespace {

size_t bytes_of(const Response& r) { return codec::encode(r).size(); }
bool too_large(const Response& r) {
  const auto* refused = std::get_if<Refused>(&r);
  return refused != nullptr && refused->error == Error::kAnswerTooLarge;
}
PutRequest put(const std::string& key, size_t bytes) {
  PutRequest r;
  r.key = Slice::copy_of(key);
  r.value = Slice::take(std::string(bytes, 'v'));
  return r;
}
RangeRequest all() {
  RangeRequest r;
  r.key = Slice::unowned("a");
  r.range_end = Slice::unowned("z");
  return r;
}
RangeRequest one(const std::string& key) {
  RangeRequest r;
  r.key = Slice::copy_of(key);
  return r;
}

// Values from none to many bytes.
void enlarge(PutRequest& r, Random& random) {
  if (!r.ignore_value) r.value = Slice::take(std::string(random.below(1500), 'v'));
}
void enlarge(TxnRequest& txn, Random& random) {
  for (auto* arm : {&txn.success, &txn.failure}) {
    for (RequestOp& op : *arm) {
      if (auto* p = std::get_if<PutRequest>(&op)) enlarge(*p, random);
      if (auto* t = std::get_if<TxnRequest>(&op)) enlarge(*t, random);
    }
  }
}

TEST(AnswerBytes, NoAnswerIsLargerThanAllowedAndWhatIsRefusedChangesNothing) {
  size_t refused = 0, answered = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    RandomCommands commands(seed);
    Random random(seed);
    Store bounded{Limits{}}, free{Limits{}};
    for (int i = 0; i < 150; ++i) {
      Command c = commands.command(free.revision().value(), free.compact_revision().value(), free.clock_ms());
      if (auto* p = std::get_if<PutRequest>(&c)) enlarge(*p, random);
      if (auto* t = std::get_if<TxnRequest>(&c)) enlarge(*t, random);
      const size_t limit = 200 + random.below(2500);
      const uint64_t before = bounded.state_hash();
      const Response said = bounded.apply(c, limit);
      const Response expected = free.apply(c);
      if (too_large(said)) {
        ++refused;
        ASSERT_EQ(bounded.state_hash(), before);
        (void)bounded.apply(c);
      } else {
        ++answered;
        ASSERT_EQ(print(said), print(expected));
        const bool of_keys = std::holds_alternative<PutResponse>(said) || std::holds_alternative<TxnResponse>(said) ||
                             std::holds_alternative<DeleteRangeResponse>(said);
        ASSERT_TRUE(!of_keys || bytes_of(said) <= limit) << print(c);
      }
      ASSERT_EQ(bounded.state_hash(), free.state_hash());
      for (const Response& r : {bounded.range(commands.range(), limit), bounded.read_txn(commands.read_only_txn(), limit)}) {
        ASSERT_LE(bytes_of(r), limit);
      }
    }
  }
  EXPECT_GT(refused, 300u);
  EXPECT_GT(answered, 5'000u);
}

TEST(AnswerBytes, ManyReadsOfOneTransactionCountTogether) {
  Store s{Limits{}};
  s.apply(put("k", 100'000));
  TxnRequest txn;
  for (int i = 0; i < 9; ++i) txn.success.emplace_back(all());
  EXPECT_FALSE(too_large(s.read_txn(txn, 1'000'000)));
  txn.success.emplace_back(all());
  EXPECT_TRUE(too_large(s.read_txn(txn, 1'000'000)));
  EXPECT_TRUE(too_large(s.apply(txn, 1'000'000)));
}

// What is refused is what is too large, as nearly as can be told.
TEST(AnswerBytes, WhatFitsIsNotRefused) {
  Store s{Limits{}};
  for (int i = 0; i < 50; ++i) s.apply(put("k" + std::to_string(i), 100'000));
  RangeRequest page = all();
  page.limit = 9;
  EXPECT_FALSE(too_large(s.range(page, 1'000'000)));
  page.limit = 10;
  EXPECT_TRUE(too_large(s.range(page, 1'000'000)));
  page.keys_only = true;
  page.limit = 0;
  EXPECT_FALSE(too_large(s.range(page, 10'000)));
  page.keys_only = false;
  page.count_only = true;
  EXPECT_FALSE(too_large(s.range(page, 1'000)));
  // Many puts and many reads of single keys: each read sees one of them.
  TxnRequest txn;
  for (int i = 0; i < 8; ++i) {
    txn.success.emplace_back(put("k" + std::to_string(i), 10'000));
    txn.success.emplace_back(one("k" + std::to_string(i + 20)));
  }
  EXPECT_FALSE(too_large(s.apply(txn, 1'000'000)));
  EXPECT_EQ(s.revision(), Revision(52));
}

}  // namespace
}  // namespace holdfast::store
