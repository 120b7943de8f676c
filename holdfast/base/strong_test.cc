#include "holdfast/base/strong.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace holdfast {
namespace {

struct TermTag {
  static constexpr const char* kPrefix = "t";
};
struct IndexTag {
  static constexpr const char* kPrefix = "i";
};
using Term = Strong<TermTag, uint64_t>;
using Index = Strong<IndexTag, uint64_t>;

// A mix-up does not compile.
static_assert(!std::is_convertible_v<Term, Index>);
static_assert(!std::is_constructible_v<Index, Term>);
static_assert(!std::is_convertible_v<uint64_t, Term>);
static_assert(!std::is_convertible_v<Term, uint64_t>);
static_assert(!std::is_convertible_v<Term, bool>);
template <class A, class B>
concept Comparable = requires(A a, B b) {
  a < b;
};
template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};
static_assert(Comparable<Term, Term> && !Comparable<Term, Index> && !Comparable<Term, int>);
static_assert(!Addable<Term, Term> && Addable<Term, uint64_t>);

TEST(Strong, StepsOffsetsAndDistances) {
  Term t(5);
  EXPECT_EQ(++t, Term(6));
  EXPECT_EQ(--t, Term(5));
  t += 2;
  EXPECT_EQ(t.value(), 7u);
  EXPECT_EQ(t + 3, Term(10));
  EXPECT_EQ(t - 3, Term(4));
  EXPECT_EQ(Term(10) - Term(4), 6u);
  EXPECT_EQ(Term(), Term(0));
  EXPECT_FALSE(Term());
  EXPECT_TRUE(Term(1));
  EXPECT_EQ(to_text(Term(3)), "t3");
  EXPECT_EQ(to_text(Index(3)), "i3");
}

}  // namespace
}  // namespace holdfast
