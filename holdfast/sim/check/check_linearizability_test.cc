#include <gtest/gtest.h>

#include "holdfast/base/print.h"
#include "holdfast/base/random.h"
#include "holdfast/sim/check/linearizability.h"

namespace holdfast::sim::check {
namespace {

using Kind = RegisterOp::Kind;

RegisterOp op(Kind kind, uint64_t value, int64_t called, int64_t returned, uint64_t expected = 0,
              bool succeeded = false) {
  return {kind,
          value,
          expected,
          succeeded,
          returned < 0,
          Time::at_nanos(called),
          returned < 0 ? Time::never() : Time::at_nanos(returned),
          0};
}
constexpr int64_t kOpen = -1;

TEST(Register, AcceptsWhatOverlapsAndRefusesStaleReads) {
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, 10), op(Kind::kRead, 0, 5, 6), op(Kind::kRead, 1, 7, 8)}),
            Verdict::kLinearizable);
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, 10), op(Kind::kRead, 1, 5, 6), op(Kind::kRead, 0, 7, 8)}),
            Verdict::kNotLinearizable);
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, 1), op(Kind::kWrite, 2, 2, 3), op(Kind::kRead, 1, 4, 5)}),
            Verdict::kNotLinearizable);
}

TEST(Register, ALostWriteAndALostUpdateAreFound) {
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, 1), op(Kind::kRead, 0, 2, 3)}), Verdict::kNotLinearizable);
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, 1), op(Kind::kCompareAndSet, 2, 2, 5, 1, true),
                            op(Kind::kCompareAndSet, 3, 2, 5, 1, true)}),
            Verdict::kNotLinearizable);
}

TEST(Register, AnOpenOperationMayHappenLateOrNeverButNotEarly) {
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, kOpen), op(Kind::kRead, 0, 5, 6), op(Kind::kRead, 1, 7, 8)}),
            Verdict::kLinearizable);
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, kOpen), op(Kind::kRead, 0, 5, 6)}), Verdict::kLinearizable);
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 5, kOpen), op(Kind::kRead, 1, 0, 3)}), Verdict::kNotLinearizable);
  EXPECT_EQ(check_register({op(Kind::kWrite, 1, 0, kOpen), op(Kind::kRead, 1, 1, 2), op(Kind::kRead, 0, 3, 4)}),
            Verdict::kNotLinearizable);
}

TEST(Register, TheClevererAgreesWithTheDumbOne) {
  Random random(42);
  int wrong = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<RegisterOp> ops;
    const uint64_t n = 2 + random.below(5);
    for (uint64_t i = 0; i < n; ++i) {
      const int64_t called = random.between(0, 20);
      const bool is_open = random.chance(1, 6);
      ops.push_back(op(static_cast<Kind>(random.below(3)), random.below(3), called,
                       is_open ? kOpen : called + random.between(1, 8), random.below(3), random.chance(1, 2)));
      ops.back().id = i;
    }
    const bool dumb = brute_force_register(ops);
    wrong += dumb ? 0 : 1;
    ASSERT_EQ(check_register(ops), dumb ? Verdict::kLinearizable : Verdict::kNotLinearizable) << [&] {
      std::string text;
      for (const RegisterOp& o : ops) {
        text += print(static_cast<uint64_t>(o.kind)) + " v" + print(o.value) + " e" + print(o.expected) +
                (o.succeeded ? " ok " : " no ") + std::to_string(o.called.nanos()) + ".." +
                (o.open ? "open" : std::to_string(o.returned.nanos())) + "\n";
      }
      return text;
    }();
  }
  EXPECT_GT(wrong, 2000) << "both kinds must be common";
  EXPECT_LT(wrong, 18'000);
}

// A history that is right by construction, and the same with one read that saw the past.
std::vector<RegisterOp> long_history(uint64_t seed, bool stale) {
  Random random(seed);
  std::vector<RegisterOp> ops;
  uint64_t state = 0, before = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    const int64_t point = static_cast<int64_t>(i) * 10;
    const int64_t called = point - random.between(1, 40), returned = point + random.between(1, 40);
    RegisterOp o;
    if (random.chance(1, 2)) {
      o = op(Kind::kRead, state, called, returned);
    } else if (random.chance(1, 3)) {
      const uint64_t expected = stale || random.chance(1, 2) ? state : i + 100'000;
      o = op(Kind::kCompareAndSet, i + 1, called, returned, expected, expected == state);
      if (expected == state) state = i + 1;
    } else {
      const bool is_open = random.chance(1, 100);
      if (!is_open) before = i + 1;  // an open write may be seen at any time
      state = i + 1;
      o = op(Kind::kWrite, state, called, is_open ? kOpen : returned);
    }
    o.id = i;
    ops.push_back(o);
  }
  if (stale) {
    ops.push_back(op(Kind::kWrite, 500'000, 40'000, 40'001));
    ops.push_back(op(Kind::kRead, before, 40'002, 40'003));
  }
  return ops;
}

TEST(Register, LongHistoriesAreCheap) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    EXPECT_EQ(check_register(long_history(seed, false)), Verdict::kLinearizable);
    EXPECT_EQ(check_register(long_history(seed, true)), Verdict::kNotLinearizable);
  }
}

TEST(Register, ShrinksToTheHeartOfTheMatter) {
  auto ops = long_history(3, true);
  ops.erase(ops.begin(), ops.begin() + 2800);
  ops.insert(ops.begin(), op(Kind::kWrite, 999'999, -100, -99));
  ASSERT_EQ(check_register(ops), Verdict::kNotLinearizable);
  EXPECT_LE(shrink_register(ops).size(), 110u);
}

// --- From the store's history --------------------------------------------------------------------------------------

Operation call(History& h, int64_t called, int64_t returned, store::Request request,
               std::optional<store::Response> response) {
  Operation o;
  o.id = h.size() + 1;
  o.called = Time::at_millis(called);
  o.returned = response ? Time::at_millis(returned) : Time::never();
  o.request = std::move(request);
  o.response = std::move(response);
  h.push_back(o);
  return o;
}
Slice bytes(const char* s) { return Slice::unowned(s); }
store::RangeResponse found(const char* value) {
  store::RangeResponse r;
  if (value != nullptr) {
    r.kvs.push_back({bytes("k"), store::Revision(2), store::Revision(2), 1, bytes(value), {}});
    r.count = 1;
  }
  return r;
}

TEST(StoreHistory, AStaleReadIsNamedWithTheOperationsThatShowIt) {
  History h;
  call(h, 0, 10, store::PutRequest{bytes("k"), bytes("a")}, store::PutResponse{});
  call(h, 0, 10, store::PutRequest{bytes("other"), bytes("x")}, store::PutResponse{});
  call(h, 20, 30, store::PutRequest{bytes("k"), bytes("b")}, store::PutResponse{});
  call(h, 40, 50, store::RangeRequest{bytes("k")}, found("b"));
  EXPECT_FALSE(check_linearizability(h));
  call(h, 60, 70, store::RangeRequest{bytes("k")}, found("a"));
  const Finding finding = check_linearizability(h);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding.oracle, "LIN");
  EXPECT_NE(finding.explanation.find("#5"), std::string::npos) << finding.explanation;
  EXPECT_EQ(finding.explanation.find("other"), std::string::npos) << finding.explanation;
}

TEST(StoreHistory, ARefusedWriteMustNotBeSeenAndAnOpenOneMay) {
  for (const bool sure : {true, false}) {
    History h;
    call(h, 0, 10, store::PutRequest{bytes("k"), bytes("a")},
         store::Refused{sure ? store::Error::kTooManyRequests : store::Error::kTimeout, {}});
    call(h, 60, 70, store::RangeRequest{bytes("k")}, found("a"));
    EXPECT_EQ(static_cast<bool>(check_linearizability(h)), sure);
  }
}

}  // namespace
}  // namespace holdfast::sim::check
