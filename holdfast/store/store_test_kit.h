// For tests only: requests in few words, and a store that checks what every refusal must leave alone.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "holdfast/base/print.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

inline Slice s(std::string_view text) { return Slice::copy_of(text); }
inline PutRequest put(std::string_view key, std::string_view value, int64_t lease = 0) {
  PutRequest r;
  r.key = s(key);
  r.value = s(value);
  r.lease = LeaseId(lease);
  return r;
}
inline DeleteRangeRequest del(std::string_view key, std::string_view end = {}) {
  DeleteRangeRequest r;
  r.key = s(key);
  r.range_end = s(end);
  return r;
}
inline RangeRequest get(std::string_view key, std::string_view end = {}) {
  RangeRequest r;
  r.key = s(key);
  r.range_end = s(end);
  return r;
}
inline Compare compare(std::string_view key, CompareTarget target, CompareResult result, int64_t number,
                       std::string_view end = {}) {
  Compare c;
  c.key = s(key);
  c.range_end = s(end);
  c.target = target;
  c.result = result;
  c.number = number;
  return c;
}
inline Compare value_is(std::string_view key, CompareResult result, std::string_view value) {
  Compare c;
  c.key = s(key);
  c.target = CompareTarget::kValue;
  c.result = result;
  c.value = s(value);
  return c;
}

class StoreTest : public ::testing::Test {
 protected:
  template <class T, class C>
  T ok(const C& command) {
    const Response r = store_.apply(command);
    EXPECT_TRUE(std::holds_alternative<T>(r)) << print(r);
    return std::holds_alternative<T>(r) ? std::get<T>(r) : T{};
  }
  template <class C>
  Error error(const C& command) {
    const uint64_t before = store_.state_hash();
    const Response r = store_.apply(command);
    EXPECT_EQ(store_.state_hash(), before) << "what is refused changes nothing";
    EXPECT_TRUE(store_.last_events().empty());
    return std::holds_alternative<Refused>(r) ? std::get<Refused>(r).error : Error::kNone;
  }
  RangeResponse read(const RangeRequest& r) {
    const Response got = store_.range(r);
    EXPECT_TRUE(std::holds_alternative<RangeResponse>(got)) << print(got);
    return std::holds_alternative<RangeResponse>(got) ? std::get<RangeResponse>(got) : RangeResponse{};
  }
  Error read_error(const RangeRequest& r) {
    const Response got = store_.range(r);
    return std::holds_alternative<Refused>(got) ? std::get<Refused>(got).error : Error::kNone;
  }
  std::string keys(const RangeRequest& r) {
    std::string out;
    for (const KeyValue& kv : read(r).kvs) out += (out.empty() ? "" : " ") + kv.key.str();
    return out;
  }
  void lease(int64_t id, int64_t ttl) { ok<LeaseGrantResponse>(LeaseGrantRequest{ttl, LeaseId(id)}); }
  void tick(int64_t ms) { store_.apply(Tick{ms}); }
  LeaseTimeToLiveResponse time_to_live(int64_t id, int64_t elapsed = 0) {
    return std::get<LeaseTimeToLiveResponse>(store_.lease_time_to_live({LeaseId(id), true}, elapsed));
  }

  Limits limits_;
  Store store_{limits_};
};

}  // namespace holdfast::store
