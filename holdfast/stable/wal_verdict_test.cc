// The decision table of recovery, as data, over all inputs.
#include "holdfast/stable/wal_verdict.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace holdfast::stable::wal {
namespace {

// A row holds for every input whose named facts are as given; a fact left out may be anything. The first row that holds
// decides.
struct Row {
  const char* why;
  std::optional<bool> has_successor;
  std::optional<Reach> reach;
  std::optional<bool> file_complete;
  std::optional<AtEnd> at_end;
  std::optional<bool> acknowledged_beyond;
  std::optional<bool> frames_behind;
  Verdict verdict;
};
constexpr std::nullopt_t any = std::nullopt;

const std::vector<Row> kTable = {
    {"two segments hold the same numbers", true, Reach::kBeyond, any, any, any, any, Verdict::kOverlaps},
    {"a synced segment lost its end", true, Reach::kShort, false, any, any, any, Verdict::kTruncated},
    {"a synced segment has a hole", true, Reach::kShort, true, any, any, any, Verdict::kIncomplete},
    {"all is there, and then something else", true, Reach::kExact, any, AtEnd::kOtherNumber, any, any,
     Verdict::kNumbering},
    {"all is there", true, Reach::kExact, any, any, any, any, Verdict::kEnds},
    {"no crash shortens a segment", false, any, false, any, any, any, Verdict::kTruncated},
    {"what is missing was acknowledged", false, any, true, any, true, any, Verdict::kAcknowledgedLost},
    {"no crash makes numbers jump", false, any, true, AtEnd::kOtherNumber, false, any, Verdict::kNumbering},
    {"a torn frame nobody was told of", false, any, true, AtEnd::kUnusable, false, any, Verdict::kCut},
    {"later frames without an earlier one, never acknowledged", false, any, true, AtEnd::kNothing, false, true,
     Verdict::kCut},
    {"the log ends", false, any, true, AtEnd::kNothing, false, false, Verdict::kEnds},
};

template <class T>
bool fits(const std::optional<T>& wanted, T is) {
  return !wanted.has_value() || *wanted == is;
}

const Row* row_for(const EndFacts& f) {
  for (const Row& r : kTable) {
    if (fits(r.has_successor, f.has_successor) && fits(r.reach, f.reach) && fits(r.file_complete, f.file_complete) &&
        fits(r.at_end, f.at_end) && fits(r.acknowledged_beyond, f.acknowledged_beyond) &&
        fits(r.frames_behind, f.frames_behind)) {
      return &r;
    }
  }
  return nullptr;
}

std::vector<EndFacts> all_facts() {
  std::vector<EndFacts> all;
  for (int i = 0; i < 2 * 3 * 2 * 3 * 2 * 2; ++i) {
    int n = i;
    const auto digit = [&n](int base) {
      const int d = n % base;
      n /= base;
      return d;
    };
    EndFacts f;
    f.has_successor = digit(2) != 0;
    f.reach = static_cast<Reach>(digit(3));
    f.file_complete = digit(2) != 0;
    f.at_end = static_cast<AtEnd>(digit(3));
    f.acknowledged_beyond = digit(2) != 0;
    f.frames_behind = digit(2) != 0;
    all.push_back(f);
  }
  return all;
}

TEST(WalVerdict, TheTableDecidesEveryInput) {
  for (const EndFacts& f : all_facts()) {
    const Row* row = row_for(f);
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(judge(f), row->verdict) << row->why;
  }
}

TEST(WalVerdict, EveryRowIsNeeded) {
  std::vector<bool> used(kTable.size());
  for (const EndFacts& f : all_facts()) used[static_cast<size_t>(row_for(f) - kTable.data())] = true;
  for (size_t i = 0; i < used.size(); ++i) EXPECT_TRUE(used[i]) << kTable[i].why;
}

TEST(WalVerdict, NothingAcknowledgedIsEverCut) {
  for (const EndFacts& f : all_facts()) {
    if (judge(f) != Verdict::kCut) continue;
    EXPECT_FALSE(f.has_successor);
    EXPECT_FALSE(f.acknowledged_beyond);
    EXPECT_TRUE(f.file_complete);
  }
}

}  // namespace
}  // namespace holdfast::stable::wal
