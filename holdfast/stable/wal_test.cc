// The log in fair weather: what is written comes back; segments, recycling, identity, poisoning.
#include "holdfast/stable/wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/sim/sim_disk.h"
#include "holdfast/stable/wal_test_kit.h"

namespace holdfast::stable {
namespace {

using sim::DiskFault;
using sim::SimDisk;
using testing::HasSubstr;

class WalTest : public testing::Test, public WalKit {};

TEST_F(WalTest, AnEmptyDirectoryBecomesAnEmptyLog) {
  Opened log = open();
  ASSERT_TRUE(log.wal.ok()) << log.wal.status();
  EXPECT_TRUE(log.records.empty());
  EXPECT_EQ((*log.wal)->last_written(), StableSeq{});
  EXPECT_EQ((*log.wal)->first_kept(), StableSeq(1));
  EXPECT_EQ(disk.list().value(), std::vector<std::string>{wal::segment_name(1)});
}

TEST_F(WalTest, WhatWasSyncedIsReplayedInOrder) {
  {
    Opened log = open();
    write(log, {"one", "", "three"});
    ASSERT_TRUE((*log.wal)->sync().ok());
    write(log, {"four"});
    ASSERT_TRUE((*log.wal)->sync().ok());
    EXPECT_EQ((*log.wal)->stable(), StableSeq(4));
  }
  power_failure();
  Opened log = open();
  ASSERT_TRUE(log.wal.ok()) << log.wal.status();
  EXPECT_EQ(log.records, (std::vector<std::string>{"one", "", "three", "four"}));
  EXPECT_EQ((*log.wal)->last_written(), StableSeq(4));
}

TEST_F(WalTest, ABatchSpillsOverSegments) {
  {
    Opened log = open();
    std::vector<std::string> batch;
    for (int i = 0; i < 40; ++i) batch.push_back(text(i, 700));
    write(log, batch);
    ASSERT_TRUE((*log.wal)->sync().ok());
    EXPECT_GT((*log.wal)->segments(), 3u);
  }
  power_failure();
  Opened log = open();
  ASSERT_TRUE(log.wal.ok()) << log.wal.status();
  ASSERT_EQ(log.records.size(), 40u);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(log.records[static_cast<size_t>(i)], text(i, 700));
}

TEST_F(WalTest, ARecordLargerThanASegmentGetsOneOfItsOwn) {
  {
    Opened log = open();
    write(log, {"small", text(1, 100'000), "small again"});
    ASSERT_TRUE((*log.wal)->sync().ok());
  }
  power_failure();
  Opened log = open();
  ASSERT_TRUE(log.wal.ok()) << log.wal.status();
  EXPECT_EQ(log.records, (std::vector<std::string>{"small", text(1, 100'000), "small again"}));
}

TEST_F(WalTest, ReleasedSegmentsAreRecycledAndNumbersGoOn) {
  Opened log = open();
  uint64_t creates = 0;
  for (int round = 0; round < 30; ++round) {
    write(log, {text(round, 3000), text(round + 100, 3000)});
    ASSERT_TRUE((*log.wal)->sync().ok());
    (*log.wal)->release((*log.wal)->last_written());
    ASSERT_TRUE((*log.wal)->trim().ok());
    creates = std::max<uint64_t>(creates, disk.list()->size());
  }
  EXPECT_LE(creates, 4u) << "segments pile up";
  EXPECT_LE((*log.wal)->first_kept(), StableSeq(60));
  power_failure();
  Opened again = open();
  ASSERT_TRUE(again.wal.ok()) << again.wal.status();
  EXPECT_EQ((*again.wal)->last_written(), StableSeq(60));
  ASSERT_FALSE(again.records.empty());
  EXPECT_EQ(again.records.back(), text(129, 3000));
  EXPECT_GT(again.first, StableSeq(50)) << "released records came back from a recycled segment";
}

TEST_F(WalTest, AnotherClustersOrNodesLogIsRefused) {
  { open(); }
  for (const wal::Identity other : {wal::Identity{2, 1}, wal::Identity{1, 2}}) {
    options.identity = other;
    const Status s = open().wal.status();
    EXPECT_TRUE(absl::IsFailedPrecondition(s)) << s;
    EXPECT_THAT(s.message(), HasSubstr("belongs to cluster 1, member 1"));
    EXPECT_THAT(s.message(), HasSubstr("data directory"));
  }
  EXPECT_EQ(Wal::identity(disk).value(), (wal::Identity{1, 1}));
}

TEST_F(WalTest, AFailedSyncPoisonsForEver) {  // S4, "fsyncgate"
  Opened log = open();
  write(log, {"a"});
  disk.arm(DiskFault::kSyncFails);
  const Status failed = (*log.wal)->sync();
  EXPECT_TRUE(absl::IsInternal(failed)) << failed;
  EXPECT_THAT(failed.message(), HasSubstr("cannot go on"));
  EXPECT_EQ((*log.wal)->sync(), failed);
  EXPECT_EQ((*log.wal)->write({}), failed);
  EXPECT_EQ((*log.wal)->trim(), failed);
  EXPECT_EQ((*log.wal)->prepare(), failed);
  EXPECT_EQ((*log.wal)->mark_stable(), failed);
  EXPECT_EQ((*log.wal)->close(), failed);
  EXPECT_EQ((*log.wal)->stable(), StableSeq{});
}

TEST_F(WalTest, AFailedWritePoisonsForEver) {
  for (const DiskFault fault : {DiskFault::kWriteError, DiskFault::kReadOnly}) {
    disk.load({});
    Opened log = open();
    disk.arm(fault);
    const std::vector<PendingRecord> batch = {{StableSeq(1), Chain(Slice::copy_of("x"))}};
    const Status failed = (*log.wal)->write(batch);
    EXPECT_TRUE(absl::IsInternal(failed)) << failed;
    EXPECT_EQ((*log.wal)->sync(), failed);
    EXPECT_EQ((*log.wal)->status(), failed);
  }
}

TEST_F(WalTest, AFullDiskStopsTheLogAndLosesNothing) {  // D8
  std::vector<std::string> acknowledged;
  {
    Opened log = open();
    disk.set_capacity(3 * options.segment_bytes);
    Status s;
    for (int i = 0; s.ok(); ++i) {
      const std::vector<PendingRecord> batch = {{(*log.wal)->last_written() + 1, Chain(Slice::copy_of(text(i, 900)))}};
      s = (*log.wal)->write(batch);
      if (s.ok()) s = (*log.wal)->sync();
      if (s.ok()) acknowledged.push_back(text(i, 900));
    }
    EXPECT_TRUE(absl::IsResourceExhausted(s)) << s;
    EXPECT_THAT(s.message(), HasSubstr("free space"));
  }
  power_failure();
  EXPECT_GE(acknowledged.size(), 20u);
  disk.set_capacity(~uint64_t{0});
  Opened log = open();
  ASSERT_TRUE(log.wal.ok()) << log.wal.status();
  EXPECT_EQ(log.records, acknowledged);
}

TEST_F(WalTest, PrepareWarnsOfAFullDiskWithoutPoisoning) {
  Opened log = open();
  disk.set_capacity(options.segment_bytes);
  EXPECT_TRUE(absl::IsResourceExhausted((*log.wal)->prepare()));
  write(log, {"still works"});
  EXPECT_TRUE((*log.wal)->sync().ok());
  disk.set_capacity(2 * options.segment_bytes);
  EXPECT_TRUE((*log.wal)->prepare().ok());
  disk.set_capacity(0);  // the next segment needs no space now
  for (int i = 0; i < 7; ++i) write(log, {text(i, 1000)});
  EXPECT_TRUE((*log.wal)->sync().ok());
  EXPECT_EQ((*log.wal)->segments(), 2u);
}

TEST_F(WalTest, AnErrorFromReplayEndsTheOpening) {
  {
    Opened log = open();
    write(log, {"a", "b"});
    ASSERT_TRUE((*log.wal)->close().ok());
  }
  const auto wal =
      Wal::open(disk, options, [](StableSeq, Slice) { return absl::UnimplementedError("from the future"); });
  EXPECT_TRUE(absl::IsUnimplemented(wal.status()));
}

TEST_F(WalTest, WhatOpenHasReplayedIsStableEvenAfterAFailedSync) {
  // The first process's sync failed: its record is in the page cache, clean, and not on the medium.
  {
    Opened log = open();
    write(log, {"lost by the kernel"});
    disk.arm(DiskFault::kSyncFails);
    ASSERT_FALSE((*log.wal)->sync().ok());
  }
  {
    Opened log = open();
    ASSERT_TRUE(log.wal.ok()) << log.wal.status();
    ASSERT_EQ(log.records.size(), 1u);
    EXPECT_EQ((*log.wal)->stable(), StableSeq(1));
  }
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Random random(seed);
    SimDisk after(seed);
    after.load(disk.legal_image(random));
    Opened log = open(after);
    ASSERT_TRUE(log.wal.ok()) << log.wal.status();
    EXPECT_EQ(log.records.size(), 1u);
  }
}

}  // namespace
}  // namespace holdfast::stable
