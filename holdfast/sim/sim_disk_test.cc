// The simulated disk: what it may lose and what not, and each named fault. A disk that is too kind finds no bugs, so
// the tests also ask that every loss the contract allows does happen.
#include "holdfast/sim/sim_disk.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::sim {
namespace {

Chain chain(std::string_view bytes) { return Chain(Slice::copy_of(bytes)); }
std::string sectors(char fill, size_t n) { return std::string(n * kSectorBytes, fill); }

class SimDiskTest : public testing::Test {
 protected:
  std::unique_ptr<stable::File> make(std::string_view name, std::string_view content) {
    auto file = disk.create(name);
    EXPECT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE((*file)->write(0, chain(content)).ok());
    EXPECT_TRUE((*file)->sync().ok());
    EXPECT_TRUE(disk.sync_dir().ok());
    return *std::move(file);
  }
  // The contents of `name` in many legal images; "(none)" where it is not there.
  std::set<std::string> fates(std::string_view name, int images = 400) {
    std::set<std::string> all;
    for (int i = 0; i < images; ++i) {
      Random random(static_cast<uint64_t>(i));
      const DiskImage image = disk.legal_image(random);
      const auto it = image.files.find(std::string(name));
      all.insert(it == image.files.end() ? "(none)" : it->second);
    }
    return all;
  }

  SimDisk disk{1};
};

TEST_F(SimDiskTest, WhatWasSyncedStays) {
  const auto file = make("f", sectors('a', 3));
  EXPECT_EQ(fates("f"), std::set<std::string>{sectors('a', 3)});
}

TEST_F(SimDiskTest, UnsyncedSectorsSurviveInAnySubset) {  // D1, D2
  const auto file = make("f", sectors('a', 3));
  ASSERT_TRUE(file->write(0, chain(sectors('b', 3))).ok());
  const auto all = fates("f", 3000);
  for (int subset = 0; subset < 8; ++subset) {
    std::string content;
    for (int sector = 0; sector < 3; ++sector) content += sectors((subset >> sector & 1) != 0 ? 'b' : 'a', 1);
    EXPECT_TRUE(all.contains(content)) << subset;
  }
  EXPECT_GT(all.size(), 8u) << "no sector is ever torn";  // D3
  for (const std::string& content : all) {
    EXPECT_EQ(content.size(), 3 * kSectorBytes);
    for (const char c : content) EXPECT_TRUE(c == 'a' || c == 'b');
  }
}

TEST_F(SimDiskTest, AnOlderUnsyncedVersionMayWin) {
  const auto file = make("f", sectors('a', 1));
  ASSERT_TRUE(file->write(0, chain(sectors('b', 1))).ok());
  ASSERT_TRUE(file->write(0, chain(sectors('c', 1))).ok());
  const auto all = fates("f");
  for (const char c : {'a', 'b', 'c'}) EXPECT_TRUE(all.contains(sectors(c, 1))) << c;
}

TEST_F(SimDiskTest, AnUnsyncedLengthIsUncertain) {
  const auto file = make("f", "12345");
  ASSERT_TRUE(file->allocate(2000).ok());
  std::set<size_t> lengths;
  for (const std::string& content : fates("f")) lengths.insert(content.size());
  EXPECT_TRUE(lengths.contains(5));
  EXPECT_TRUE(lengths.contains(2000));
  EXPECT_GT(lengths.size(), 3u);
  EXPECT_EQ(*lengths.begin(), 5u);
  ASSERT_TRUE(file->sync().ok());
  ASSERT_TRUE(file->truncate(2).ok());
  EXPECT_TRUE(fates("f").contains("12"));
  EXPECT_TRUE(fates("f").contains("12345" + std::string(1995, '\0')));
}

TEST_F(SimDiskTest, DirectoryChangesNeedTheirSync) {  // D17
  const auto file = make("a", "A");
  ASSERT_TRUE(disk.rename("a", "b").ok());
  EXPECT_EQ(fates("a"), (std::set<std::string>{"(none)", "A"}));
  EXPECT_EQ(fates("b"), (std::set<std::string>{"(none)", "A"}));
  for (int i = 0; i < 100; ++i) {
    Random random(static_cast<uint64_t>(i));
    EXPECT_EQ(disk.legal_image(random).files.size(), 1u) << "a rename is atomic";
  }
  ASSERT_TRUE(disk.sync_dir().ok());
  EXPECT_EQ(fates("b"), std::set<std::string>{"A"});
  ASSERT_TRUE(disk.remove("b").ok());
  EXPECT_EQ(fates("b"), (std::set<std::string>{"(none)", "A"}));
  ASSERT_TRUE(disk.sync_dir().ok());
  EXPECT_EQ(fates("b"), std::set<std::string>{"(none)"});
}

TEST_F(SimDiskTest, ASyncedFileWithoutASyncedEntryMayBeGone) {
  auto file = disk.create("new");
  ASSERT_TRUE((*file)->write(0, chain("x")).ok());
  ASSERT_TRUE((*file)->sync().ok());
  EXPECT_EQ(fates("new"), (std::set<std::string>{"(none)", "x"}));
}

TEST_F(SimDiskTest, AnArmedCrashStopsEverythingUntilTheRestart) {
  const auto file = make("f", sectors('a', 1));
  disk.crash_at(disk.operations() + 2);
  ASSERT_TRUE(file->write(0, chain(sectors('b', 1))).ok());
  EXPECT_TRUE(absl::IsUnavailable(file->sync()));
  EXPECT_TRUE(disk.crashed());
  EXPECT_FALSE(file->read(0, 1).ok());
  EXPECT_FALSE(disk.list().ok());
  EXPECT_FALSE(disk.open("f").ok());
  Random random(4);
  disk.restart(random);
  EXPECT_FALSE(file->size().ok()) << "a file of the time before the crash";
  EXPECT_EQ((*disk.open("f"))->size().value(), kSectorBytes);
}

TEST_F(SimDiskTest, TheSameSeedGivesTheSameImage) {
  const auto file = make("f", sectors('a', 9));
  ASSERT_TRUE(file->write(100, chain(sectors('b', 7))).ok());
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Random one(seed), two(seed);
    EXPECT_TRUE(disk.legal_image(one) == disk.legal_image(two));
  }
}

TEST_F(SimDiskTest, AFailedSyncForgetsAndALaterOneProvesNothing) {  // D4
  const auto file = make("f", sectors('a', 4));
  ASSERT_TRUE(file->write(0, chain(sectors('b', 4))).ok());
  disk.arm(DiskFault::kSyncFails);
  EXPECT_TRUE(absl::IsInternal(file->sync()));
  EXPECT_TRUE(file->sync().ok());
  EXPECT_EQ(file->read(0, 4 * kSectorBytes)->view(), sectors('b', 4)) << "the cache still has it";
  const auto all = fates("f");
  EXPECT_EQ(all.size(), 1u);
  EXPECT_FALSE(all.contains(sectors('b', 4)));
}

TEST_F(SimDiskTest, ALyingSyncKeepsNothing) {  // D5, D17
  const auto file = make("f", sectors('a', 1));
  ASSERT_TRUE(file->write(0, chain(sectors('b', 1))).ok());
  disk.arm(DiskFault::kSyncLies);
  EXPECT_TRUE(file->sync().ok());
  EXPECT_TRUE(fates("f").contains(sectors('a', 1)));
  ASSERT_TRUE(disk.rename("f", "g").ok());
  disk.arm(DiskFault::kDirectorySyncLies);
  EXPECT_TRUE(disk.sync_dir().ok());
  EXPECT_TRUE(fates("g").contains("(none)"));
}

TEST_F(SimDiskTest, ErrorsStrikeTheFilesTheyAreMeantFor) {  // D6, D7, D8, D9
  const auto a = make("a1", "x");
  const auto b = make("b1", "x");
  disk.arm(DiskFault::kReadError, 2, "b");
  EXPECT_TRUE(a->read(0, 1).ok());
  EXPECT_FALSE(b->read(0, 1).ok());
  EXPECT_FALSE(b->read(0, 1).ok());
  EXPECT_TRUE(b->read(0, 1).ok());
  disk.arm(DiskFault::kWriteError);
  EXPECT_TRUE(absl::IsInternal(a->write(0, chain("y"))));
  disk.arm(DiskFault::kNoSpace);
  EXPECT_TRUE(a->write(0, chain("z")).ok()) << "it needs no space";
  EXPECT_TRUE(absl::IsResourceExhausted(a->write(0, chain("more"))));
  disk.arm(DiskFault::kReadOnly, 3);
  EXPECT_FALSE(disk.create("c").ok());
  EXPECT_FALSE(disk.rename("a1", "c").ok());
  EXPECT_FALSE(a->write(0, chain("y")).ok());
  EXPECT_FALSE(disk.armed());
}

TEST_F(SimDiskTest, TheCapacityCountsAllFiles) {  // D8
  const auto a = make("a", std::string(600, 'x'));
  disk.set_capacity(1000);
  auto b = disk.create("b");
  EXPECT_TRUE((*b)->write(0, chain(std::string(400, 'y'))).ok());
  EXPECT_TRUE(absl::IsResourceExhausted((*b)->write(400, chain("z"))));
  EXPECT_TRUE(absl::IsResourceExhausted(a->allocate(601)));
  EXPECT_TRUE(a->write(0, chain("within")).ok());
  ASSERT_TRUE(disk.remove("a").ok());
  EXPECT_TRUE((*b)->allocate(1000).ok());
}

TEST_F(SimDiskTest, LostAndMisdirectedWritesShowAfterACrashOnly) {  // D12, D14
  const auto file = make("f", sectors('a', 8));
  disk.arm(DiskFault::kLostWrite);
  ASSERT_TRUE(file->write(0, chain(sectors('b', 1))).ok());
  ASSERT_TRUE(file->sync().ok());
  EXPECT_EQ(file->read(0, 1)->view(), "b");
  EXPECT_EQ(fates("f"), std::set<std::string>{sectors('a', 8)});
  disk.arm(DiskFault::kMisdirectedWrite);
  ASSERT_TRUE(file->write(0, chain(sectors('c', 1))).ok());
  ASSERT_TRUE(file->sync().ok());
  const auto all = fates("f");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_NE(all.begin()->find('c'), std::string::npos);
  EXPECT_EQ(file->read(0, 1)->view(), "c");
}

TEST_F(SimDiskTest, MisdirectedReadsGiveOtherBytes) {  // D13
  const auto file = make("f", sectors('a', 1) + sectors('b', 20));
  disk.arm(DiskFault::kMisdirectedRead);
  EXPECT_EQ(file->read(0, 1)->view(), "b");
  EXPECT_EQ(file->read(0, 1)->view(), "a");
}

TEST_F(SimDiskTest, DamageAndImages) {  // D10, D11, D18, D19, D21
  const auto file = make("f", "abcdef");
  const DiskImage old = disk.current_image();
  disk.flip_bit("f", 0, 0);
  disk.zero("f", 4, 100);
  disk.overwrite("f", 2, "XY");
  EXPECT_EQ(file->read(0, 10)->view(), std::string_view("`bXY\0\0", 6));
  Random random(1);
  disk.resize("f", 9, random);
  EXPECT_EQ(disk.size_of("f"), 9u);
  disk.resize("f", 1, random);
  EXPECT_EQ(fates("f"), std::set<std::string>{"`"});
  disk.restore_file("f", old);
  EXPECT_EQ(fates("f"), std::set<std::string>{"abcdef"});
  SimDisk other(2);
  other.load(old);
  EXPECT_TRUE(other.current_image() == old);
  disk.restore_file("f", DiskImage{});
  EXPECT_FALSE(disk.exists("f"));
}

TEST_F(SimDiskTest, NamesFollowTheRules) {
  const auto file = make("a", "x");
  EXPECT_TRUE(absl::IsAlreadyExists(disk.create("a").status()));
  EXPECT_TRUE(absl::IsNotFound(disk.open("b").status()));
  EXPECT_TRUE(absl::IsNotFound(disk.remove("b")));
  EXPECT_TRUE(absl::IsNotFound(disk.rename("b", "c")));
  const auto other = make("b", "y");
  ASSERT_TRUE(disk.rename("a", "b").ok());
  EXPECT_EQ(disk.list().value(), std::vector<std::string>{"b"});
  EXPECT_EQ((*disk.open("b"))->read(0, 5)->view(), "x");
}

}  // namespace
}  // namespace holdfast::sim
