#include "holdfast/base/fixed_bytes.h"

#include <gtest/gtest.h>

#include "holdfast/base/codec.h"
#include "holdfast/base/print.h"

namespace holdfast {
namespace {

struct FourTag {};
using Four = FixedBytes<FourTag, 4>;

struct Pair {
  Four four;
  uint64_t number = 0;
  std::vector<Four> more;
  bool operator==(const Pair&) const = default;
};

TEST(FixedBytes, TheCodecWritesExactlyTheBytes) {
  const Pair pair{*Four::from("abcd"), 7, {*Four::from("efgh"), *Four::from("ijkl")}};
  const Slice bytes = codec::encode(pair).flatten();
  EXPECT_EQ(bytes.view(), std::string_view("abcd\x07\x02"
                                           "efghijkl"));
  EXPECT_EQ(codec::decode<Pair>(bytes).value(), pair);
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(codec::decode<Pair>(bytes.sub(0, n)).ok()) << n;
}

TEST(FixedBytes, AnotherLengthIsNone) {
  EXPECT_FALSE(Four::from("abc").has_value());
  EXPECT_FALSE(Four::from("abcde").has_value());
}

TEST(FixedBytes, PrintsTheBeginningInHexadecimal) {
  struct LongTag {};
  EXPECT_EQ(print(*FixedBytes<LongTag, 6>::from(std::string_view("\x00\xff\x10\x7f!!", 6))), "#00ff107f");
}

TEST(FixedBytes, HexadecimalGoesBothWays) {
  EXPECT_EQ(from_hex("00fF10").value(), std::string("\x00\xff\x10", 3));
  EXPECT_EQ(to_hex(*from_hex("00ff10")), "00ff10");
  EXPECT_FALSE(from_hex("0").has_value());
  EXPECT_FALSE(from_hex("0g").has_value());
  EXPECT_FALSE(from_hex(" 0").has_value());
}

}  // namespace
}  // namespace holdfast
