#include "holdfast/base/print.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

enum class Mood { kCalm, kBusy };
constexpr Mood last_value(Mood) { return Mood::kBusy; }
enum class Plain { red, green };
constexpr Plain last_value(Plain) { return Plain::green; }

struct Leaf {
  int32_t n = 0;
  std::string text;
};
struct All {
  bool flag = false;
  Mood mood = Mood::kCalm;
  std::optional<Leaf> maybe;
  std::vector<Leaf> many;
  std::pair<uint32_t, Slice> pair;
  codec::Fixed64 hash;
};
struct Nothing {};
struct Own {
  int x = 0;
};
std::string to_text(const Own& o) { return "own" + std::to_string(o.x); }

TEST(Print, EveryKindOfField) {
  EXPECT_EQ(print(All{}), "All{false, Calm, -, [], 0:\"\", #0}");
  EXPECT_EQ(print(All{true, Mood::kBusy, Leaf{-3, "a"}, {{1, "b"}, {2, ""}}, {7, Slice::copy_of("k")}, {9}}),
            "All{true, Busy, Leaf{-3, \"a\"}, [Leaf{1, \"b\"}, Leaf{2, \"\"}], 7:\"k\", #9}");
  EXPECT_EQ(print(Nothing{}), "Nothing{}");
  EXPECT_EQ(print(Plain::green), "green");
  EXPECT_EQ(print(static_cast<Mood>(7)), "?7");
  EXPECT_EQ(print(std::variant<Nothing, Leaf>(Leaf{1, "x"})), "Leaf{1, \"x\"}");
}

TEST(Print, ATypesOwnTextIsUsed) { EXPECT_EQ(print(std::vector<Own>{{1}, {2}}), "[own1, own2]"); }

TEST(Print, LongOrUnprintableBytesAreALengthAndAHash) {
  EXPECT_EQ(print_bytes("plain"), "\"plain\"");
  EXPECT_EQ(print_bytes(std::string(40, 'x')), "\"" + std::string(40, 'x') + "\"");
  EXPECT_EQ(print_bytes("123456789\n").substr(0, 4), "#10:");
  EXPECT_EQ(print_bytes(std::string(41, 'x')).substr(0, 4), "#41:");
  EXPECT_NE(print_bytes(std::string(41, 'x')), print_bytes(std::string(41, 'y')));
}

}  // namespace
}  // namespace holdfast
