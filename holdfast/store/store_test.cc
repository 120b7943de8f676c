// The keys' behaviours, one by one. What clients of etcd observe is the measure.
#include "holdfast/store/store.h"

#include <gtest/gtest.h>

#include "holdfast/store/store_test_kit.h"

namespace holdfast::store {
namespace {

TEST_F(StoreTest, StartsAtRevisionOneAndCountsWrites) {
  EXPECT_EQ(store_.revision(), Revision(1));
  EXPECT_EQ(ok<PutResponse>(put("a", "1")).revision, Revision(2));
  EXPECT_EQ(ok<PutResponse>(put("a", "2")).revision, Revision(3));
  const KeyValue kv = read(get("a")).kvs.at(0);
  EXPECT_EQ(print(kv), print(KeyValue{s("a"), Revision(2), Revision(3), 2, s("2"), {}}));
  EXPECT_EQ(read(get("a")).revision, Revision(3));
}

TEST_F(StoreTest, PutOptions) {
  EXPECT_EQ(error(put("", "x")), Error::kEmptyKey);
  EXPECT_EQ(error(put("a", "x", 7)), Error::kLeaseNotFound);
  PutRequest keep = put("a", "");
  keep.ignore_value = true;
  EXPECT_EQ(error(keep), Error::kKeyNotFound);
  keep.value = s("x");
  EXPECT_EQ(error(keep), Error::kValueProvided);
  PutRequest same_lease = put("a", "v", 7);
  same_lease.ignore_lease = true;
  EXPECT_EQ(error(same_lease), Error::kLeaseProvided);
  // A missing lease is told before a missing key.
  keep.value = {};
  keep.lease = LeaseId(7);
  EXPECT_EQ(error(keep), Error::kLeaseNotFound);

  lease(7, 10);
  PutRequest first = put("a", "1", 7);
  first.prev_kv = true;
  EXPECT_FALSE(ok<PutResponse>(first).prev_kv.has_value());
  keep.lease = {};
  keep.prev_kv = true;
  EXPECT_EQ(ok<PutResponse>(keep).prev_kv->lease, LeaseId(7));
  EXPECT_EQ(read(get("a")).kvs[0].value, s("1"));
  EXPECT_EQ(read(get("a")).kvs[0].lease, LeaseId{}) << "a put without a lease detaches the key";
  EXPECT_TRUE(time_to_live(7).keys.empty());

  ok<PutResponse>(put("a", "2", 7));
  PutRequest keep_lease = put("a", "3");
  keep_lease.ignore_lease = true;
  ok<PutResponse>(keep_lease);
  EXPECT_EQ(read(get("a")).kvs[0].lease, LeaseId(7));
  EXPECT_EQ(read(get("a")).kvs[0].value, s("3"));
}

TEST_F(StoreTest, RangesOfEveryKind) {
  for (const char* k : {"a", "b", "ba", "c"}) ok<PutResponse>(put(k, k));
  EXPECT_EQ(keys(get("b")), "b");
  EXPECT_EQ(keys(get("bb")), "");
  EXPECT_EQ(keys(get("a", "c")), "a b ba");
  EXPECT_EQ(keys(get("b", std::string_view("\0", 1))), "b ba c");
  EXPECT_EQ(keys(get(std::string_view("\0", 1), std::string_view("\0", 1))), "a b ba c");
  EXPECT_EQ(keys(get("c", "a")), "");
  EXPECT_EQ(keys(get("b", "b")), "");
  EXPECT_EQ(read_error(get("")), Error::kEmptyKey);
}

TEST_F(StoreTest, LimitMoreAndCount) {
  for (const char* k : {"a", "b", "c", "d"}) ok<PutResponse>(put(k, k));
  RangeRequest r = get("a", "z");
  r.limit = 2;
  EXPECT_EQ(keys(r), "a b");
  EXPECT_TRUE(read(r).more);
  EXPECT_EQ(read(r).count, 4);
  r.limit = 4;
  EXPECT_FALSE(read(r).more);
  r.count_only = true;
  r.limit = 1;
  EXPECT_TRUE(read(r).kvs.empty());
  EXPECT_FALSE(read(r).more);
  EXPECT_EQ(read(r).count, 4);
  r = get("a", "z");
  r.keys_only = true;
  EXPECT_EQ(read(r).kvs.at(3).value, Slice());
  EXPECT_EQ(read(r).kvs.at(3).mod_revision, Revision(5));
  r.limit = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(read(r).kvs.size(), 4u);
  r.limit = -1;
  EXPECT_EQ(read(r).kvs.size(), 4u);
}

TEST_F(StoreTest, SortingAndItsLimit) {
  for (const char* k : {"c", "a", "b"}) ok<PutResponse>(put(k, std::string("v") + k));
  ok<PutResponse>(put("a", "vz"));
  RangeRequest r = get("a", "z");
  r.sort_target = SortTarget::kMod;
  EXPECT_EQ(keys(r), "c b a") << "no order with another target than the key sorts upwards";
  r.sort_order = SortOrder::kDescend;
  EXPECT_EQ(keys(r), "a b c");
  r.sort_target = SortTarget::kCreate;
  EXPECT_EQ(keys(r), "b a c");
  r.sort_target = SortTarget::kVersion;
  EXPECT_EQ(keys(r), "a b c");
  r.sort_target = SortTarget::kValue;
  EXPECT_EQ(keys(r), "a c b");
  r.sort_target = SortTarget::kKey;
  EXPECT_EQ(keys(r), "c b a");
  r.limit = 1;
  EXPECT_EQ(keys(r), "c");
  EXPECT_TRUE(read(r).more);
  // With an order the whole interval is sorted before the limit cuts; without one, only what the limit left.
  r.sort_target = SortTarget::kMod;
  r.sort_order = SortOrder::kAscend;
  EXPECT_EQ(keys(r), "c");
  r.sort_order = SortOrder::kNone;
  EXPECT_EQ(keys(r), "b") << "of a and b, the first two, b was changed first";
}

TEST_F(StoreTest, BoundsFilterAfterCounting) {
  for (const char* k : {"a", "b", "c"}) ok<PutResponse>(put(k, k));  // 2, 3, 4
  ok<PutResponse>(put("a", "x"));                                    // 5
  RangeRequest r = get("a", "z");
  r.min_mod_revision = Revision(4);
  EXPECT_EQ(keys(r), "a c");
  EXPECT_EQ(read(r).count, 3);
  r.max_mod_revision = Revision(4);
  EXPECT_EQ(keys(r), "c");
  r = get("a", "z");
  r.max_create_revision = Revision(3);
  EXPECT_EQ(keys(r), "a b");
  r.min_create_revision = Revision(3);
  r.limit = 1;
  EXPECT_EQ(keys(r), "b") << "the limit applies to what passes";
  EXPECT_FALSE(read(r).more);
}

TEST_F(StoreTest, OldRevisions) {
  ok<PutResponse>(put("a", "1"));     // 2
  ok<PutResponse>(put("a", "2"));     // 3
  ok<DeleteRangeResponse>(del("a"));  // 4
  ok<PutResponse>(put("a", "3"));     // 5
  RangeRequest r = get("a");
  r.revision = Revision(2);
  EXPECT_EQ(read(r).kvs.at(0).value, s("1"));
  EXPECT_EQ(read(r).revision, Revision(5));
  r.revision = Revision(4);
  EXPECT_EQ(read(r).count, 0);
  r.revision = Revision(5);
  EXPECT_EQ(read(r).kvs.at(0).version, 1);
  EXPECT_EQ(read(r).kvs.at(0).create_revision, Revision(5));
  r.revision = Revision(6);
  EXPECT_EQ(read_error(r), Error::kFutureRev);
  r.revision = Revision(-3);
  EXPECT_EQ(read(r).kvs.at(0).value, s("3"));
}

TEST_F(StoreTest, DeleteRange) {
  for (const char* k : {"a", "b", "c"}) ok<PutResponse>(put(k, k));
  DeleteRangeRequest d = del("a", "c");
  d.prev_kv = true;
  const auto r = ok<DeleteRangeResponse>(d);
  EXPECT_EQ(r.deleted, 2);
  EXPECT_EQ(r.revision, Revision(5));
  EXPECT_EQ(r.prev_kvs.at(1).value, s("b"));
  ASSERT_EQ(store_.last_events().size(), 2u);
  EXPECT_EQ(print(store_.last_events()[0].kv), print(KeyValue{s("a"), {}, Revision(5), 0, {}, {}}));
  const auto none = ok<DeleteRangeResponse>(d);
  EXPECT_EQ(none.deleted, 0);
  EXPECT_EQ(none.revision, Revision(5)) << "deleting nothing makes no revision";
  EXPECT_EQ(error(del("")), Error::kEmptyKey);
}

TEST_F(StoreTest, Compares) {
  ok<PutResponse>(put("a", "1"));  // 2
  ok<PutResponse>(put("a", "2"));  // 3
  ok<PutResponse>(put("b", "1"));  // 4
  const auto decide = [&](std::vector<Compare> compares) {
    TxnRequest t;
    t.compare = std::move(compares);
    return std::get<TxnResponse>(store_.read_txn(t)).succeeded;
  };
  using T = CompareTarget;
  using R = CompareResult;
  EXPECT_TRUE(decide({}));
  EXPECT_TRUE(decide({compare("a", T::kVersion, R::kEqual, 2)}));
  EXPECT_TRUE(decide({compare("a", T::kCreate, R::kLess, 3)}));
  EXPECT_TRUE(decide({compare("a", T::kMod, R::kGreater, 2)}));
  EXPECT_TRUE(decide({compare("a", T::kLease, R::kEqual, 0)}));
  EXPECT_TRUE(decide({value_is("a", R::kNotEqual, "1")}));
  EXPECT_TRUE(decide({value_is("a", R::kGreater, "1")}));
  EXPECT_FALSE(decide({value_is("a", R::kEqual, "2"), value_is("b", R::kEqual, "2")}));
  // Over an interval every key must pass.
  EXPECT_TRUE(decide({compare("a", T::kVersion, R::kGreater, 0, "z")}));
  EXPECT_FALSE(decide({compare("a", T::kVersion, R::kEqual, 2, "z")}));
  // What is missing has zeros, but no value.
  EXPECT_TRUE(decide({compare("x", T::kVersion, R::kEqual, 0)}));
  EXPECT_TRUE(decide({compare("x", T::kMod, R::kLess, 1, "z")}));
  EXPECT_FALSE(decide({value_is("x", R::kEqual, "")}));
  EXPECT_FALSE(decide({value_is("x", R::kNotEqual, "q")}));
}

TEST_F(StoreTest, TxnWritesShareOneRevisionAndReadTheirOwnWrites) {
  ok<PutResponse>(put("a", "1"));
  TxnRequest t;
  t.success = {get("b"), put("b", "2"), get("b"), del("a"), get("a")};
  const auto r = ok<TxnResponse>(t);
  EXPECT_EQ(r.revision, Revision(3));
  EXPECT_EQ(std::get<RangeResponse>(r.responses[0]).count, 0);
  EXPECT_EQ(std::get<RangeResponse>(r.responses[0]).revision, Revision(2));
  EXPECT_EQ(std::get<RangeResponse>(r.responses[2]).kvs.at(0).mod_revision, Revision(3));
  EXPECT_EQ(std::get<RangeResponse>(r.responses[2]).revision, Revision(3));
  EXPECT_EQ(std::get<RangeResponse>(r.responses[4]).count, 0);
  EXPECT_EQ(store_.last_events().size(), 2u);
  TxnRequest nothing;
  nothing.success = {del("nothing")};
  EXPECT_EQ(ok<TxnResponse>(nothing).revision, Revision(3));
}

TEST_F(StoreTest, NestedGuardsAreJudgedBeforeAnyChange) {
  TxnRequest inner;
  inner.compare = {compare("a", CompareTarget::kVersion, CompareResult::kEqual, 0)};
  inner.success = {put("inner", "absent")};
  inner.failure = {put("inner", "present")};
  TxnRequest outer;
  outer.success = {put("a", "1"), inner};
  const auto r = ok<TxnResponse>(outer);
  EXPECT_TRUE(std::get<TxnResponse>(r.responses[1]).succeeded);
  EXPECT_EQ(read(get("inner")).kvs.at(0).value, s("absent"));
  EXPECT_EQ(store_.revision(), Revision(2));
}

TEST_F(StoreTest, TxnIsAllOrNothing) {
  ok<PutResponse>(put("a", "1"));
  TxnRequest t;
  t.success = {put("b", "2"), put("c", "3", 99)};
  EXPECT_EQ(error(t), Error::kLeaseNotFound);
  RangeRequest future = get("a");
  future.revision = Revision(3);  // the revision that the transaction itself would make
  t.success = {put("b", "2"), future};
  EXPECT_EQ(error(t), Error::kFutureRev);
  PutRequest keep = put("missing", "");
  keep.ignore_value = true;
  keep.lease = LeaseId(99);
  t.success = {put("b", "2"), keep};
  EXPECT_EQ(error(t), Error::kKeyNotFound) << "within a transaction the key is looked for first";
  t.success = {};
  t.failure = {put("c", "3", 99)};
  EXPECT_EQ(ok<TxnResponse>(t).succeeded, true) << "only the arm that is taken is checked";
}

TEST_F(StoreTest, TxnForm) {
  TxnRequest t;
  const auto verdict = [&] { return validate(t, limits_); };
  t.success = {NoOp{}};
  EXPECT_EQ(verdict(), Error::kKeyNotFound);
  t.success = {get("")};
  EXPECT_EQ(verdict(), Error::kEmptyKey);
  t.success = std::vector<RequestOp>(129, RequestOp(get("a")));
  EXPECT_EQ(verdict(), Error::kTooManyOps);
  t.success.pop_back();
  EXPECT_EQ(verdict(), Error::kNone);
  // A nested transaction has what the outer one left: 128 - 2.
  TxnRequest inner;
  inner.success = std::vector<RequestOp>(126, RequestOp(get("a")));
  t.success = {inner, get("b")};
  EXPECT_EQ(verdict(), Error::kNone);
  inner.success.push_back(get("a"));
  t.success = {inner, get("b")};
  EXPECT_EQ(verdict(), Error::kTooManyOps);
  t = {};
  t.compare = {compare("", CompareTarget::kMod, CompareResult::kEqual, 1)};
  EXPECT_EQ(verdict(), Error::kEmptyKey);
}

TEST_F(StoreTest, DuplicateKeysInTxn) {
  TxnRequest t;
  const auto verdict = [&](std::vector<RequestOp> ops) {
    t = {};
    t.failure = std::move(ops);
    const Error by_form = validate(t, limits_);
    EXPECT_EQ(error(t), by_form == Error::kNone ? Error::kNone : by_form);
    return by_form;
  };
  const auto nested = [](std::vector<RequestOp> success, std::vector<RequestOp> failure = {}) {
    TxnRequest n;
    n.success = std::move(success);
    n.failure = std::move(failure);
    return n;
  };
  EXPECT_EQ(verdict({put("a", "1"), put("a", "2")}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({put("a", "1"), put("b", "2")}), Error::kNone);
  EXPECT_EQ(verdict({put("b", "1"), del("a", "c")}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({del("a", "c"), put("c", "1")}), Error::kNone);
  EXPECT_EQ(verdict({del("a", std::string_view("\0", 1)), put("c", "1")}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({del("a"), put("a", "1")}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({del("a"), put("aa", "1")}), Error::kNone);
  EXPECT_EQ(verdict({nested({put("a", "1")}, {put("a", "2")})}), Error::kNone);
  EXPECT_EQ(verdict({nested({put("a", "1")}), put("a", "2")}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({nested({put("a", "1")}), nested({}, {put("a", "1")})}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({nested({del("a")}), put("a", "2")}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({nested({del("a")}), nested({put("a", "2")})}), Error::kDuplicateKey);
  EXPECT_EQ(verdict({nested({del("a")}, {put("a", "2")})}), Error::kNone);
  EXPECT_EQ(verdict({nested({put("a", "2")}), nested({del("a")})}), Error::kNone);
  EXPECT_EQ(verdict({nested({nested({put("a", "2")})}), nested({nested({put("a", "2")})})}), Error::kDuplicateKey);
}

TEST_F(StoreTest, ReadOnlyTxns) {
  TxnRequest t;
  EXPECT_TRUE(is_read_only(t));
  t.success = {get("a")};
  EXPECT_TRUE(is_read_only(t));
  t.failure = {TxnRequest{}};
  EXPECT_FALSE(is_read_only(t));
  t.failure = {del("a")};
  EXPECT_FALSE(is_read_only(t));
}

TEST_F(StoreTest, Compaction) {
  ok<PutResponse>(put("a", "1"));     // 2
  ok<PutResponse>(put("a", "2"));     // 3
  ok<PutResponse>(put("b", "1"));     // 4
  ok<DeleteRangeResponse>(del("b"));  // 5
  ok<PutResponse>(put("c", "1"));     // 6
  EXPECT_EQ(error(CompactRequest{Revision(7)}), Error::kFutureRev);
  EXPECT_EQ(error(CompactRequest{Revision(-1)}), Error::kCompacted);
  EXPECT_EQ(ok<CompactResponse>(CompactRequest{Revision(5)}).revision, Revision(6));
  EXPECT_EQ(error(CompactRequest{Revision(5)}), Error::kCompacted);
  EXPECT_EQ(error(CompactRequest{Revision(4)}), Error::kCompacted);
  for (int pass = 0; pass < 2; ++pass) {
    RangeRequest r = get("a", "z");
    r.revision = Revision(4);
    EXPECT_EQ(read_error(r), Error::kCompacted);
    r.revision = Revision(5);
    EXPECT_EQ(keys(r), "a") << "the compacted revision itself can be read";
    EXPECT_EQ(store_.history(Revision(4), Revision(6), 100).events.size(), 2u) << "the deletion of 5 and the put of 6";
    while (store_.collect_garbage(1)) {
    }
  }
  TxnRequest t;
  RangeRequest old = get("a");
  old.revision = Revision(2);
  t.success = {old};
  EXPECT_EQ(std::get<Refused>(store_.read_txn(t)).error, Error::kCompacted);
}

TEST_F(StoreTest, AKeyPutAndDeletedInTheCompactedRevision) {
  TxnRequest make, drop, both;
  make.success = {put("a", "1")};
  drop.success = {del("a")};
  both.success = {make, drop};
  ok<PutResponse>(put("b", "1"));  // 2
  ok<TxnResponse>(both);           // 3
  EXPECT_EQ(store_.history(Revision(2), Revision(3), 10).events.size(), 2u);
  ok<CompactResponse>(CompactRequest{Revision(3)});
  while (store_.collect_garbage(1)) {
  }
  EXPECT_EQ(store_.history(Revision(2), Revision(3), 10).events.size(), 1u)
      << "what the transaction itself undid is gone";
  ok<PutResponse>(put("b", "2"));  // 4
  ok<CompactResponse>(CompactRequest{Revision(4)});
  while (store_.collect_garbage(1)) {
  }
  EXPECT_EQ(store_.bytes_held(), store_.bytes_in_use());
  EXPECT_EQ(keys(get("a", "z")), "b");
}

TEST_F(StoreTest, GarbageIsFreed) {
  for (int i = 0; i < 1000; ++i) ok<PutResponse>(put("hot", std::string(100, 'x')));
  ok<PutResponse>(put("gone", "x"));
  ok<DeleteRangeResponse>(del("gone"));
  const int64_t before = store_.bytes_held();
  const uint64_t in_use = static_cast<uint64_t>(store_.bytes_in_use());
  ok<CompactResponse>(CompactRequest{store_.revision()});
  const uint64_t hash = store_.state_hash();
  int slices = 0;
  while (store_.collect_garbage(10)) ++slices;
  EXPECT_GE(slices, 90);
  EXPECT_LT(store_.bytes_held(), before / 100);
  EXPECT_EQ(store_.state_hash(), hash);
  EXPECT_EQ(static_cast<uint64_t>(store_.bytes_in_use()), in_use);
  ok<PutResponse>(put("hot", "y"));
  ok<CompactResponse>(CompactRequest{store_.revision()});
  while (store_.collect_garbage(1000)) {
  }
  EXPECT_EQ(static_cast<int64_t>(store_.bytes_in_use()), store_.bytes_held()) << "only live keys are left";
}

TEST_F(StoreTest, HashKvFollowsContentsAndCompactionNotCollection) {
  ok<PutResponse>(put("a", "1"));
  const auto hash = [&](int64_t revision) { return std::get<HashKvResponse>(store_.hash_kv({Revision(revision)})); };
  const uint32_t at2 = hash(0).hash;
  ok<PutResponse>(put("a", "2"));
  EXPECT_NE(hash(0).hash, at2);
  EXPECT_EQ(hash(2).hash, at2);
  EXPECT_EQ(hash(2).hash_revision, Revision(2));
  ok<CompactResponse>(CompactRequest{Revision(3)});
  const uint32_t compacted = hash(0).hash;
  while (store_.collect_garbage(1)) {
  }
  EXPECT_EQ(hash(0).hash, compacted);
  EXPECT_EQ(hash(0).compact_revision, Revision(3));
  EXPECT_EQ(std::get<Refused>(store_.hash_kv({Revision(2)})).error, Error::kCompacted);
  EXPECT_EQ(std::get<Refused>(store_.hash_kv({Revision(4)})).error, Error::kFutureRev);
}

TEST_F(StoreTest, HistoryComesInWholeRevisions) {
  TxnRequest t;
  t.success = {put("a", ""), put("b", ""), put("c", "")};
  ok<TxnResponse>(t);             // 2
  ok<PutResponse>(put("d", ""));  // 3
  auto h = store_.history(Revision(1), Revision(9), 1);
  EXPECT_EQ(h.events.size(), 3u);
  EXPECT_EQ(h.upto, Revision(2));
  h = store_.history(h.upto, Revision(9), 10);
  EXPECT_EQ(h.events.size(), 1u);
  EXPECT_EQ(h.upto, Revision(3));
  EXPECT_EQ(store_.at(s("d"), Revision(2)), std::nullopt);
  EXPECT_EQ(store_.at(s("d"), Revision(3))->key, s("d"));
}

TEST_F(StoreTest, SmallValuesDoNotPinTheBufferTheyCameIn) {
  std::string buffer(1000, 'x');
  const Slice whole = Slice::take(std::move(buffer));
  PutRequest p;
  p.key = whole.sub(0, 3);
  p.value = whole.sub(3, 10);
  ok<PutResponse>(p);
  const KeyValue kv = read(get("xxx")).kvs.at(0);
  EXPECT_NE(kv.key.data(), whole.data());
  EXPECT_NE(kv.value.data(), whole.data() + 3);
  const Slice large = Slice::take(std::string(size_t{1} << 20, 'y'));
  p.value = large;
  ok<PutResponse>(p);
  EXPECT_EQ(read(get("xxx")).kvs.at(0).value.data(), large.data());
}

}  // namespace
}  // namespace holdfast::store
