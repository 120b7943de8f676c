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
      if (r.chance(1, 2)) p.inner = Inner{-static_cast<int64_t>(r.next() >> 1), Slice::take(std::string(r.below(6000), 'x'))};
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
