#include "holdfast/base/mark.h"

#include <gtest/gtest.h>

#include "holdfast/base/planted.h"

namespace holdfast {
namespace {

uint64_t hits(std::string_view name) {
  for (const Mark* m : all_marks()) {
    if (m->name == name) return m->hits;
  }
  return ~uint64_t{0};
}

void rare(bool happens) {
  if (happens) mark<"mark_test.rare">();
  if (!happens) mark<"mark_test.common">();
}

TEST(Mark, IsListedBeforeItIsReachedAndCounts) {
  EXPECT_EQ(hits("mark_test.rare"), 0u);
  rare(false);
  EXPECT_EQ(hits("mark_test.rare"), 0u);
  EXPECT_EQ(hits("mark_test.common"), 1u);
  rare(true);
  rare(true);
  EXPECT_EQ(hits("mark_test.rare"), 2u);
  EXPECT_EQ(hits("mark_test.unknown"), ~uint64_t{0});
}

TEST(Mark, TheSameNameIsTheSameMark) {
  mark<"mark_test.twice">();
  [] { mark<"mark_test.twice">(); }();
  EXPECT_EQ(hits("mark_test.twice"), 2u);
}

// In an ordinary build no bug can be switched on: the branch is gone at compile time.
static_assert(!planted<"R3">());

}  // namespace
}  // namespace holdfast
