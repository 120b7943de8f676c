#include "holdfast/base/codec.h"

#include <gtest/gtest.h>

#include "holdfast/base/checksum.h"
#include "holdfast/base/print.h"
#include "holdfast/base/random.h"

namespace holdfast {
namespace {

struct TermTag {
  static constexpr const char* kPrefix = "t";
};
using Term = Strong<TermTag, uint64_t>;

enum class Color { kRed, kGreen };
constexpr Color last_value(Color) { return Color::kGreen; }

struct Inner {
  int64_t a = 0;
  Slice b;
  bool operator==(const Inner&) const = default;
};
struct Ping {
  Term term;
  std::optional<Inner> inner;
  std::vector<Inner> many;
  Color color = Color::kRed;
  bool flag = false;
  bool operator==(const Ping&) const = default;
};
struct Empty {
  bool operator==(const Empty&) const = default;
};
struct Tree;
using Node = std::variant<Empty, Ping, Tree>;
struct Tree {
  std::vector<Node> children;
  bool operator==(const Tree&) const;
};
bool Tree::operator==(const Tree& o) const { return children == o.children; }

// The same alternative as an older and a newer version knows it.
struct OldV {
  uint32_t a = 0;
};
struct NewV {
  static constexpr size_t kRequiredFields = 1;
  uint32_t a = 0;
  uint32_t b = 7;
};

static_assert(reflect::field_count<Ping> == 5);
static_assert(reflect::field_count<Empty> == 0);
static_assert(reflect::field_count<Inner> == 2);

Node random_node(Random& r, int depth) {
  switch (r.below(depth > 0 ? 3 : 2)) {
    case 0:
      return Empty{};
    case 1: {
      Ping p{Term(r.next() >> r.below(64)), {}, {}, r.chance(1, 2) ? Color::kRed : Color::kGreen, r.chance(1, 2)};
      if (r.chance(1, 2))
        p.inner = Inner{-static_cast<int64_t>(r.next() >> 1), Slice::take(std::string(r.below(6000), 'x'))};
      for (uint64_t i = r.below(3); i > 0; --i) p.many.push_back({r.between(-5, 5), Slice::copy_of("ab")});
      return p;
    }
    default: {
      Tree t;
      for (uint64_t i = r.below(4); i > 0; --i) t.children.push_back(random_node(r, depth - 1));
      return t;
    }
  }
}

TEST(Codec, EveryValueComesBackAsItWas) {
  Random r(1);
  for (int i = 0; i < 2000; ++i) {
    const Node n = random_node(r, 4);
    const auto back = codec::decode<Node>(codec::encode(n).flatten());
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_TRUE(*back == n);
  }
}

TEST(Codec, EveryTruncationAndAnyFlippedBitIsAnErrorOrAValue) {
  Random r(2);
  for (int i = 0; i < 300; ++i) {
    const std::string good = codec::encode(random_node(r, 3)).flatten().str();
    for (size_t cut = 0; cut < good.size() && cut < 200; ++cut) {
      ASSERT_FALSE(codec::decode<Node>(Slice::copy_of(good.substr(0, cut))).ok());
    }
    std::string bad = good;
    bad[r.below(bad.size())] ^= static_cast<char>(1u << r.below(8));
    const auto v = codec::decode<Node>(Slice::copy_of(bad));
    if (v.ok()) {
      ASSERT_TRUE(codec::decode<Node>(codec::encode(*v).flatten()).ok());
    }
  }
}

TEST(Codec, OlderReaderSkipsAppendedFieldsAndNewerReaderDefaultsThem) {
  const auto older = codec::decode<std::variant<OldV>>(codec::encode_flat(std::variant<NewV>(NewV{3, 4})));
  ASSERT_TRUE(older.ok());
  EXPECT_EQ(std::get<0>(*older).a, 3u);
  const auto newer = codec::decode<std::variant<NewV>>(codec::encode_flat(std::variant<OldV>(OldV{3})));
  ASSERT_TRUE(newer.ok());
  EXPECT_EQ(std::get<0>(*newer).b, 7u);
}

TEST(Codec, AlternativesMayBeVariantsThemselves) {
  using Outer = std::variant<Node, Inner>;
  const auto back = codec::decode<Outer>(codec::encode_flat(Outer(Node(Ping{Term(9)}))));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(std::get<Ping>(std::get<Node>(*back)).term, Term(9));
}

TEST(Codec, UnknownAlternativeIsUnimplementedSoThatItCanBeSkipped) {
  using Now = std::variant<OldV>;
  using Later = std::variant<OldV, Empty>;
  const auto v = codec::decode<Now>(codec::encode_flat(Later(Empty{})));
  EXPECT_EQ(v.status().code(), StatusCode::kUnimplemented) << v.status();
}

TEST(Codec, NestingDeeperThanTheBoundIsRefused) {
  Node n = Tree{};
  for (int i = 0; i < codec::kMaxDepth; ++i) {
    Tree t;
    t.children.push_back(std::move(n));
    n = std::move(t);
  }
  EXPECT_EQ(codec::decode<Node>(codec::encode_flat(n)).status().code(), StatusCode::kDataLoss);
}

TEST(Codec, HugeCountsAndLengthsAreRefusedBeforeTheyAllocate) {
  codec::Writer w;
  w.varint(uint64_t{1} << 60);
  EXPECT_FALSE(codec::decode<std::vector<uint64_t>>(w.finish().flatten()).ok());
  codec::Writer w2;
  w2.varint(~uint64_t{0});
  EXPECT_FALSE(codec::decode<Slice>(w2.finish().flatten()).ok());
}

TEST(Codec, IntegersTakeTheirShortestFormOnlyAndAtMost64Bits) {
  for (int bits = 0; bits < 64; ++bits) {
    for (const uint64_t v : {(uint64_t{1} << bits) - 1, uint64_t{1} << bits, ~uint64_t{0} >> bits}) {
      const std::string good = codec::encode_flat(v).str();
      const auto back = codec::decode<uint64_t>(Slice::copy_of(good));
      ASSERT_TRUE(back.ok());
      ASSERT_EQ(*back, v);
      std::string padded = good;
      padded.back() = static_cast<char>(padded.back() | 0x80);
      padded.push_back(0);
      ASSERT_EQ(codec::decode<uint64_t>(Slice::copy_of(padded)).status().code(), StatusCode::kDataLoss) << v;
    }
  }
  EXPECT_FALSE(codec::decode<uint64_t>(Slice::copy_of(std::string(9, '\xff') + "\x02")).ok());
  EXPECT_FALSE(codec::decode<uint32_t>(codec::encode_flat(uint64_t{1} << 32)).ok());
  for (const int64_t v : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}, INT64_MAX}) {
    EXPECT_EQ(*codec::decode<int64_t>(codec::encode_flat(v)), v);
  }
  EXPECT_FALSE(codec::decode<int8_t>(codec::encode_flat(int64_t{128})).ok());
  EXPECT_EQ(*codec::decode<int8_t>(codec::encode_flat(int64_t{-128})), -128);
}

TEST(Codec, WhatIsAcceptedIsTheOneEncodingOfItsValueOrHasSkippedBytes) {
  Random r(3);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = codec::encode_flat(random_node(r, 2)).str();
    if (bytes.size() > 200) continue;
    for (uint64_t k = r.below(3); k > 0; --k) bytes[r.below(bytes.size())] = static_cast<char>(r.next());
    const auto v = codec::decode<Node>(Slice::copy_of(bytes));
    if (!v.ok()) continue;
    ++accepted;
    const Slice again = codec::encode_flat(*v);
    ASSERT_LE(again.size(), bytes.size());
    if (again.size() == bytes.size()) {
      ASSERT_EQ(again.view(), bytes);
    }
  }
  EXPECT_GT(accepted, 5000);
}

TEST(Codec, UnknownEnumValueIsUnimplementedAndAnOddBoolIsDamage) {
  EXPECT_EQ(codec::decode<Color>(Slice::copy_of("\x02")).status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(codec::decode<bool>(Slice::copy_of("\x02")).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(codec::decode<std::optional<bool>>(Slice::copy_of("\x02")).status().code(), StatusCode::kDataLoss);
}

struct Deep {
  std::vector<Deep> below;
};

TEST(Codec, VectorsThatHoldThemselvesAreBoundedToo) {
  const auto nested = [](size_t levels) { return Slice::take(std::string(levels, '\x01') + std::string(1, '\0')); };
  EXPECT_TRUE(codec::decode<Deep>(nested(codec::kMaxDepth - 1)).ok());
  EXPECT_EQ(codec::decode<Deep>(nested(codec::kMaxDepth)).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(codec::decode<Deep>(nested(1'000'000)).status().code(), StatusCode::kDataLoss);
}

TEST(Codec, BytesAreAsTheFormatPageSays) {
  const auto hex = [](const Slice& s) {
    std::string out;
    for (const char c : s.view()) {
      constexpr char kDigits[] = "0123456789abcdef";
      out += kDigits[static_cast<uint8_t>(c) >> 4];
      out += kDigits[static_cast<uint8_t>(c) & 15];
    }
    return out;
  };
  EXPECT_EQ(hex(codec::encode_flat(uint64_t{300})), "ac02");
  EXPECT_EQ(hex(codec::encode_flat(int64_t{-2})), "03");
  EXPECT_EQ(hex(codec::encode_flat(codec::Fixed64{0x0102030405060708})), "0807060504030201");
  EXPECT_EQ(hex(codec::encode_flat(std::string("ab"))), "026162");
  EXPECT_EQ(hex(codec::encode_flat(std::optional<uint32_t>(7))), "0107");
  EXPECT_EQ(hex(codec::encode_flat(std::vector<uint32_t>{1, 2})), "020102");
  EXPECT_EQ(hex(codec::encode_flat(Inner{5, Slice::copy_of("x")})), "0a0178");
  EXPECT_EQ(hex(codec::encode_flat(Node(Ping{Term(1), {}, {}, Color::kGreen, true}))), "01050000000100000101");
}

TEST(Codec, OneBlockOfTheRightSizeHoldsWhatIsNotAttached) {
  Random r(4);
  for (int i = 0; i < 500; ++i) {
    const Node n = random_node(r, 3);
    const Chain chain = codec::encode(n);
    const size_t attached = chain.size() - codec::internal::size_of(n);
    if (attached == 0) {
      ASSERT_EQ(chain.parts().size(), 1u);
    } else {
      ASSERT_GE(attached, codec::kAttachBytes);
    }
  }
  for (int bits = 0; bits < 64; ++bits) {
    for (const uint64_t v : {(uint64_t{1} << bits) - 1, uint64_t{1} << bits, ~uint64_t{0} >> bits}) {
      ASSERT_EQ(codec::varint_bytes(v), codec::encode_flat(v).size()) << v;
    }
  }
}

TEST(Codec, LargeSlicesAreSharedNotCopied) {
  const Slice big = Slice::take(std::string(100000, 'q'));
  const Chain chain = codec::encode(Inner{1, big});
  bool shared = false;
  for (const Slice& part : chain.parts()) shared |= part.data() == big.data();
  EXPECT_TRUE(shared);
  const Slice flat = chain.flatten();
  const auto back = codec::decode<Inner>(flat);
  ASSERT_TRUE(back.ok());
  EXPECT_GE(back->b.data(), flat.data());
  EXPECT_LT(back->b.data(), flat.data() + flat.size());
}

TEST(Print, ShowsStructsByNameAndFieldsInOrder) {
  const Node n = Ping{Term(3), Inner{-1, Slice::copy_of("hi")}, {}, Color::kGreen, true};
  EXPECT_EQ(print(n), "Ping{t3, Inner{-1, \"hi\"}, [], Green, true}");
}

TEST(Checksum, MatchesThePublishedVectorAndContinues) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(Random, SameSeedSameDraws) {
  Random a(42), b(42);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_EQ(Random(0).next(), 11091344671253066420ull);
}

}  // namespace
}  // namespace holdfast
