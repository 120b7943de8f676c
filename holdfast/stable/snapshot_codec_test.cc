#include "holdfast/stable/snapshot_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "holdfast/base/checksum.h"
#include "holdfast/base/random.h"

namespace holdfast::stable {
namespace {

using testing::HasSubstr;

std::string join(const std::vector<Slice>& slices) {
  std::string all;
  for (const Slice& s : slices) all += s.view();
  return all;
}

std::string encode(std::string_view content, SnapshotEncoder::Options options = {}, size_t step = 1000) {
  SnapshotEncoder encoder(options);
  std::vector<Slice> out;
  while (!content.empty()) {
    encoder.add(Slice::copy_of(content.substr(0, step)), out);
    content.remove_prefix(std::min(step, content.size()));
  }
  encoder.finish(out);
  EXPECT_EQ(join(out).size(), encoder.file_bytes());
  return join(out);
}

StatusOr<std::string> decode(std::string_view file, Random* cuts = nullptr) {
  SnapshotDecoder decoder;
  std::vector<Slice> out;
  while (!file.empty()) {
    const size_t n = cuts == nullptr ? file.size() : std::min<size_t>(file.size(), 1 + cuts->below(700));
    if (Status s = decoder.add(Slice::copy_of(file.substr(0, n)), out); !s.ok()) return s;
    file.remove_prefix(n);
  }
  if (Status s = decoder.finish(); !s.ok()) return s;
  EXPECT_EQ(join(out).size(), decoder.content_bytes());
  return join(out);
}

// Half of it compresses well, half does not.
std::string content_of(size_t size, uint64_t seed) {
  Random random(seed);
  std::string s;
  while (s.size() < size) {
    if (random.chance(1, 2)) {
      s += std::string(1 + random.below(300), static_cast<char>(random.below(256)));
    } else {
      for (uint64_t i = random.below(300); i > 0; --i) s += static_cast<char>(random.below(256));
    }
  }
  s.resize(size);
  return s;
}

TEST(SnapshotCodec, ContentOfAnySizeComesBackThroughAnyCuts) {
  Random random(1);
  for (const size_t size : {0u, 1u, 99u, 100u, 101u, 200u, 5000u, 70'000u}) {
    const std::string content = content_of(size, size);
    for (const size_t step : {1u, 7u, 100u, 100'000u}) {
      if (size / step > 10'000) continue;
      const std::string file = encode(content, {100, 1}, step);
      EXPECT_EQ(decode(file, &random).value(), content);
    }
  }
}

TEST(SnapshotCodec, TheFileDoesNotDependOnHowTheContentWasCut) {
  const std::string content = content_of(3'000, 9);
  EXPECT_EQ(encode(content, {512, 3}, 1), encode(content, {512, 3}, 5'000));
}

TEST(SnapshotCodec, SlicesStayNearTheBlockSize) {
  SnapshotEncoder encoder;
  std::vector<Slice> out;
  encoder.add(Slice::take(content_of(3'000'000, 4)), out);
  encoder.finish(out);
  EXPECT_GE(out.size(), 12u);
  for (const Slice& s : out) EXPECT_LE(s.size(), kSnapshotBlockBytes + 64);
}

TEST(SnapshotCodec, CompressesWhatCanBeCompressed) { EXPECT_LT(encode(std::string(1'000'000, 'z')).size(), 2'000u); }

TEST(SnapshotCodec, EveryFlippedBitIsFound) {
  const std::string content = content_of(600, 2);
  const std::string file = encode(content, {128, 1});
  for (size_t at = 0; at < file.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = file;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      EXPECT_FALSE(decode(bad).ok()) << "byte " << at << " bit " << bit;
    }
  }
}

TEST(SnapshotCodec, EveryTruncationAndEveryTailIsFound) {  // D18
  const std::string file = encode(content_of(600, 3), {128, 1});
  for (size_t n = 0; n < file.size(); ++n) EXPECT_TRUE(absl::IsDataLoss(decode(file.substr(0, n)).status())) << n;
  EXPECT_TRUE(absl::IsDataLoss(decode(file + "x").status()));
  EXPECT_TRUE(absl::IsDataLoss(decode(file + file).status()));
}

TEST(SnapshotCodec, BlocksCannotChangePlacesOrBeLeftOut) {
  const std::string content = std::string(128, 'a') + content_of(128, 8) + content_of(128, 9);
  SnapshotEncoder encoder({128, 1});
  std::vector<Slice> out;
  encoder.add(Slice::copy_of(content), out);
  encoder.finish(out);
  ASSERT_EQ(out.size(), 5u);
  std::vector<Slice> swapped = {out[0], out[2], out[1], out[3], out[4]};
  EXPECT_THAT(decode(join(swapped)).status().message(), HasSubstr("checksum"));
  std::vector<Slice> missing = {out[0], out[1], out[2], out[4]};
  EXPECT_FALSE(decode(join(missing)).ok());
}

TEST(SnapshotCodec, ErrorsStick) {
  std::string file = encode(content_of(600, 2), {128, 1});
  file[40] = static_cast<char>(file[40] ^ 1);
  SnapshotDecoder decoder;
  std::vector<Slice> out;
  const Status first = decoder.add(Slice::copy_of(file), out);
  EXPECT_TRUE(absl::IsDataLoss(first));
  EXPECT_EQ(decoder.add(Slice::copy_of("more"), out), first);
  EXPECT_EQ(decoder.finish(), first);
}

TEST(SnapshotCodec, ABlockThatClaimsTooMuchIsRefusedBeforeItIsRead) {  // a decompression bomb
  std::string file = encode("x").substr(0, 16);
  const uint32_t head[4] = {1, static_cast<uint32_t>(kMaxSnapshotBlockBytes) + 1, 100, 0};
  file.append(reinterpret_cast<const char*>(head), sizeof head);
  EXPECT_THAT(decode(file).status().message(), HasSubstr("impossible"));
}

TEST(SnapshotCodec, ANewerVersionIsToldFromDamage) {
  std::string file = encode("x");
  file[8] = 2;
  EXPECT_TRUE(absl::IsDataLoss(decode(file).status())) << "the checksum does not match";
  const uint32_t crc = crc32c(std::string_view(file).substr(0, 12));
  std::memcpy(file.data() + 12, &crc, sizeof crc);
  const Status newer = decode(file).status();
  EXPECT_TRUE(absl::IsUnimplemented(newer));
  EXPECT_THAT(newer.message(), HasSubstr("format version 2"));
  EXPECT_TRUE(absl::IsDataLoss(decode("not a snapshot at all").status()));
}

}  // namespace
}  // namespace holdfast::stable
