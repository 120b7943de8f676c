// Damage of every kind to a log: recovery and inspection give the same, right verdict, name the place, change nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/checksum.h"
#include "holdfast/sim/sim_disk.h"
#include "holdfast/stable/wal.h"
#include "holdfast/stable/wal_inspect.h"
#include "holdfast/stable/wal_test_kit.h"

namespace holdfast::stable {
namespace {

using sim::DiskFault;
using sim::DiskImage;
using testing::HasSubstr;
using wal::segment_name;

class WalDamageTest : public testing::Test, public WalKit {
 protected:
  // Three segments: 1 and 2 full, 3 with some records; closed in order, so that all is known to be stable.
  void SetUp() override {
    Opened log = open();
    for (int i = 0; i < 26; ++i) {
      write(log, {text(i, 600)});
      ASSERT_TRUE((*log.wal)->sync().ok());
    }
    ASSERT_EQ((*log.wal)->segments(), 4u);
    ASSERT_TRUE((*log.wal)->close().ok());
    ASSERT_TRUE(dump_wal(disk, {}, [this](const WalItem& item) {
                  items.push_back(item);
                  return absl::OkStatus();
                }).ok());
    intact = disk.current_image();
  }
  const WalItem& item(int seq) const {
    for (const WalItem& i : items) {
      if (i.kind == WalItem::Kind::kRecord && i.seq == StableSeq(static_cast<uint64_t>(seq))) return i;
    }
    ADD_FAILURE() << "no record " << seq;
    return items.front();
  }

  // The log is refused, at this file and offset, with advice, by recovery and by inspection; and nothing was changed.
  void expect_refused(const std::string& file, const std::string& what, std::optional<uint64_t> offset = {}) {
    const DiskImage before = disk.current_image();
    const Status s = open().wal.status();
    EXPECT_TRUE(absl::IsDataLoss(s)) << s;
    EXPECT_THAT(s.message(), HasSubstr(file));
    EXPECT_THAT(s.message(), HasSubstr(what));
    EXPECT_THAT(s.message(), HasSubstr("nothing was changed"));
    EXPECT_TRUE(disk.current_image() == before) << "a refused log was changed";
    const auto report = verify_wal(disk);
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_FALSE(report->ok());
    EXPECT_EQ(report->damage->file, file);
    EXPECT_THAT(report->damage->what, HasSubstr(what));
    EXPECT_NE(report->damage->advice, "");
    EXPECT_EQ(report->damage->offset, offset.value_or(report->damage->offset));
  }
  void expect_whole(size_t records) {
    const auto report = verify_wal(disk);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->ok()) << to_text(*report->damage);
    Opened log = open();
    ASSERT_TRUE(log.wal.ok()) << log.wal.status();
    ASSERT_EQ(log.records.size(), records);
    for (size_t i = 0; i < records; ++i) EXPECT_EQ(log.records[i], text(static_cast<int>(i), 600));
  }
  uint64_t frame_of(int seq) const { return item(seq).offset - wal::kFrameHeaderBytes; }

  std::vector<WalItem> items;
  DiskImage intact;
};

TEST_F(WalDamageTest, AnIntactLogIsWhole) {
  const auto report = verify_wal(disk);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->first, StableSeq(1));
  EXPECT_EQ(report->last, StableSeq(26));
  EXPECT_EQ(report->proven, StableSeq(26));
  EXPECT_EQ(report->segments.size(), 4u);
  EXPECT_FALSE(report->torn_tail);
  expect_whole(26);
}

TEST_F(WalDamageTest, AFlippedBitInAnyAcknowledgedRecordIsDamage) {  // D10, S5
  for (int seq = 1; seq <= 26; ++seq) {
    for (const uint64_t at : {item(seq).offset, item(seq).offset + 5, item(seq).offset + 300, frame_of(seq) + 9}) {
      disk.load(intact);
      disk.flip_bit(item(seq).file, at, seq % 8);
      expect_refused(item(seq).file, "record s" + std::to_string(seq) + " is damaged or missing", frame_of(seq));
    }
  }
}

TEST_F(WalDamageTest, AZeroedBlockIsDamage) {  // D11
  for (int seq = 1; seq <= 26; ++seq) {
    disk.load(intact);
    disk.zero(item(seq).file, frame_of(seq), 512);
    expect_refused(item(seq).file, "record s" + std::to_string(seq), frame_of(seq));
    disk.load(intact);
    disk.zero(item(seq).file, frame_of(seq) + 512, 512);
    expect_refused(item(seq).file, "record s" + std::to_string(seq), frame_of(seq));
  }
}

TEST_F(WalDamageTest, ADamagedHeaderIsDamage) {
  for (uint64_t number = 1; number <= 4; ++number) {
    for (const uint64_t at : {uint64_t{0}, uint64_t{9}, uint64_t{33}, uint64_t{58}, uint64_t{86}}) {
      disk.load(intact);
      disk.flip_bit(segment_name(number), at, 2);
      expect_refused(segment_name(number), "the segment header is damaged", 0);
    }
  }
}

TEST_F(WalDamageTest, AMissingSegmentIsDamage) {
  for (uint64_t number = 1; number <= 3; ++number) {
    disk.load(intact);
    ASSERT_TRUE(disk.remove(segment_name(number)).ok());
    expect_refused(segment_name(number), "missing");
  }
}

TEST_F(WalDamageTest, AReleasedSegmentMayBeMissing) {
  {
    Opened log = open();
    (*log.wal)->release(StableSeq(20));
    ASSERT_TRUE((*log.wal)->trim().ok());
    EXPECT_GT((*log.wal)->first_kept(), StableSeq(10));
    EXPECT_LE((*log.wal)->first_kept(), StableSeq(20));
  }
  EXPECT_TRUE(open().wal.ok());
  ASSERT_TRUE(disk.remove(segment_name(3)).ok());
  expect_refused(segment_name(3), "still needed");
}

// A torn frame, and behind it a whole one that was not acknowledged either: nothing of them stays, but for what the second
// says was released.
TEST_F(WalDamageTest, ALeftoverIsRemovedOnlyWhenWhatIsLeftSaysThatItWasReleased) {
  {
    Opened log = open();
    (*log.wal)->release(StableSeq(20));
    write(log, {text(26, 600)});
    write(log, {text(27, 600)});
  }
  DiskImage image = disk.current_image();
  std::string& last = image.files.rbegin()->second;
  const size_t torn = last.find(text(26, 600)) / 512 * 512;
  last.replace(torn, 512, 512, '\0');
  image.files[segment_name(1)].replace(0, 512, 512, '\0');
  disk.load(image);
  EXPECT_TRUE(open().wal.ok());
  EXPECT_FALSE(disk.exists(segment_name(1)));
  EXPECT_TRUE(open().wal.ok());
}

TEST_F(WalDamageTest, MoreThanIsLeftWasNotReleased) {
  {
    Opened log = open();
    write(log, {text(26, 100)});
    write(log, {text(27, 100)});
    (*log.wal)->release((*log.wal)->last_written() + 1);
    write(log, {text(28, 100)});
  }
  DiskImage image = disk.current_image();
  std::string& last = image.files.rbegin()->second;
  last.replace(last.find(text(26, 100)) / 512 * 512, 512, 512, '\0');
  disk.load(image);
  {
    Opened log = open();
    EXPECT_EQ(log.records.size(), 26u);
    write(log, {text(26, 100)});
    ASSERT_TRUE((*log.wal)->sync().ok());
  }
  EXPECT_EQ(open().records.size(), 27u);
}

// What is left of a removal when the directory's sync failed: the name, perhaps with a later segment's content.
TEST_F(WalDamageTest, AReleasedSegmentThatIsBackIsRemovedOnceMore) {  // D4 for directories
  {
    Opened log = open();
    (*log.wal)->release(StableSeq(20));
    ASSERT_TRUE((*log.wal)->trim().ok());
    ASSERT_FALSE(disk.exists(segment_name(2)));
  }
  const DiskImage trimmed = disk.current_image();
  for (const uint64_t content : {1, 3}) {
    DiskImage image = trimmed;
    image.files[segment_name(1)] = intact.files.at(segment_name(content));
    disk.load(image);
    const auto report = verify_wal(disk);
    ASSERT_TRUE(report.ok() && report->ok()) << report.status();
    EXPECT_TRUE(report->segments.front().leftover);
    const Opened log = open();
    ASSERT_TRUE(log.wal.ok()) << log.wal.status();
    EXPECT_EQ((*log.wal)->last_written(), StableSeq(26));
    EXPECT_FALSE(disk.exists(segment_name(1)));
    // What is needed must not be taken for a leftover.
    disk.load(image);
    ASSERT_TRUE(disk.remove(segment_name(3)).ok());
    expect_refused(content == 1 ? segment_name(2) : segment_name(1), content == 1 ? "missing" : "the file says");
  }
}

TEST_F(WalDamageTest, ATruncatedSegmentIsDamage) {  // D18
  for (uint64_t number = 1; number <= 4; ++number) {
    for (const uint64_t size : {uint64_t{50}, uint64_t{512}, uint64_t{3000}}) {
      disk.load(intact);
      disk.resize(segment_name(number), size, random);
      expect_refused(segment_name(number), size < 200 ? "too short" : "its end was cut off");
    }
  }
}

TEST_F(WalDamageTest, AnExtraTailIsHarmless) {  // D18
  for (uint64_t number = 1; number <= 4; ++number) {
    disk.load(intact);
    disk.resize(segment_name(number), options.segment_bytes + 1000, random);
    expect_whole(26);
  }
}

TEST_F(WalDamageTest,
       AMisdirectedWriteIsDamage) {  // D12: a frame's bytes lie on another frame, in this or another file
  const std::string frame = intact.files.at(item(3).file).substr(frame_of(3), 1024);
  disk.overwrite(item(5).file, frame_of(5), frame);
  expect_refused(item(5).file, "record s5", frame_of(5));
  disk.load(intact);
  disk.overwrite(item(20).file, frame_of(20), frame);
  expect_refused(item(20).file, "record s20", frame_of(20));
}

TEST_F(WalDamageTest, ALostWriteIsDamage) {  // D14: the medium still has what the recycled file had there
  Opened log = open();
  (*log.wal)->release(StableSeq(26));
  ASSERT_TRUE((*log.wal)->trim().ok());
  for (int i = 26; i < 29; ++i) write(log, {text(i, 600)});
  ASSERT_TRUE((*log.wal)->sync().ok());
  disk.arm(DiskFault::kLostWrite, 1, "");
  write(log, {text(29, 600)});
  write(log, {text(30, 600)});
  ASSERT_TRUE((*log.wal)->sync().ok());
  write(log, {text(31, 600)});
  ASSERT_TRUE((*log.wal)->close().ok());
  log.wal = absl::UnknownError("closed");
  power_failure();
  const Status s = open().wal.status();
  EXPECT_TRUE(absl::IsDataLoss(s)) << s;
  EXPECT_THAT(s.message(), HasSubstr("record s30 is damaged or missing"));
}

TEST_F(WalDamageTest, OneFileFromThePastIsDamage) {  // D19
  disk.load({});
  Opened log = open();
  for (int i = 0; i < 3; ++i) write(log, {text(i, 600)});
  ASSERT_TRUE((*log.wal)->close().ok());
  const DiskImage past = disk.current_image();
  for (int i = 3; i < 20; ++i) write(log, {text(i, 600)});
  ASSERT_TRUE((*log.wal)->close().ok());
  disk.restore_file(segment_name(1), past);
  expect_refused(segment_name(1), "record s4");
}

TEST_F(WalDamageTest, AnotherSegmentsFileIsDamage) {
  const DiskImage image = intact;
  disk.restore_file(segment_name(2), DiskImage{{{segment_name(2), image.files.at(segment_name(3))}}});
  expect_refused(segment_name(2), "says that it is " + segment_name(3));
}

TEST_F(WalDamageTest, AnotherMembersDiskIsRefused) {  // D21
  options.identity.node = 2;
  EXPECT_TRUE(absl::IsFailedPrecondition(open().wal.status()));
}

TEST_F(WalDamageTest, ASegmentOfAnotherMemberAmongOursIsRefused) {  // D19, D21
  sim::SimDisk theirs(9, "their-disk");
  options.identity.node = 2;
  {
    Opened log = open(theirs);
    for (int i = 0; i < 26; ++i) write(log, {text(i, 600)});
    ASSERT_TRUE((*log.wal)->close().ok());
  }
  options.identity.node = 1;
  disk.restore_file(segment_name(2), theirs.current_image());
  EXPECT_TRUE(absl::IsFailedPrecondition(open().wal.status()));
  EXPECT_THAT(verify_wal(disk)->damage->what, HasSubstr("another member"));
}

TEST_F(WalDamageTest, AReadErrorIsReportedAndChangesNothing) {  // D6
  disk.arm(DiskFault::kReadError, 1, segment_name(2));
  EXPECT_TRUE(absl::IsInternal(open().wal.status()));
  EXPECT_TRUE(disk.current_image() == intact);
  expect_whole(26);
}

TEST_F(WalDamageTest, AMisdirectedReadIsRefusedAndHarmsNothing) {  // D13
  for (uint64_t number = 1; number <= 4; ++number) {
    disk.load(intact);
    disk.arm(DiskFault::kMisdirectedRead, 1, segment_name(number));
    EXPECT_FALSE(open().wal.ok());
    EXPECT_TRUE(disk.current_image() == intact);
    expect_whole(26);
  }
}

TEST_F(WalDamageTest, WhatRecoveryCannotSee) {
  // Damage to the last acknowledged frame, when nothing was written after it: the price of one sync for each batch.
  // mark_stable() closes the gap.
  disk.load({});
  Opened log = open();
  write(log, {"first"});
  ASSERT_TRUE((*log.wal)->sync().ok());
  write(log, {"second"});
  ASSERT_TRUE((*log.wal)->sync().ok());
  const uint64_t second = 512 + 512;
  const DiskImage unmarked = disk.current_image();
  ASSERT_TRUE((*log.wal)->mark_stable().ok());
  const DiskImage marked = disk.current_image();
  log.wal = absl::UnknownError("gone");
  disk.load(unmarked);
  disk.flip_bit(segment_name(1), second + 60, 0);
  EXPECT_EQ(open().records, std::vector<std::string>{"first"});
  disk.load(marked);
  disk.flip_bit(segment_name(1), second + 60, 0);
  expect_refused(segment_name(1), "record s2", second);
}

TEST_F(WalDamageTest, SparesWithoutSegmentsAreRefused) {
  disk.load(DiskImage{{{wal::spare_name(4), "x"}}});
  EXPECT_THAT(open().wal.status().message(), HasSubstr("none of its segments"));
}

TEST_F(WalDamageTest, DumpShowsGoodAndBadRecords) {
  disk.flip_bit(item(5).file, item(5).offset + 100, 1);
  int good = 0, bad = 0, marks = 0, stray = 0;
  ASSERT_TRUE(dump_wal(disk, {}, [&](const WalItem& i) {
                good += i.kind == WalItem::Kind::kRecord;
                bad += i.kind == WalItem::Kind::kBadRecord;
                marks += i.kind == WalItem::Kind::kMark;
                stray += i.kind == WalItem::Kind::kStray;
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(bad, 1);
  EXPECT_EQ(marks, 1);
  EXPECT_EQ(good + stray, 25);
  EXPECT_EQ(dump_wal(disk, {}, [](const WalItem&) { return absl::CancelledError(); }).code(), StatusCode::kCancelled);
}

TEST_F(WalDamageTest, AFutureVersionIsToldFromDamage) {
  auto header = intact.files.at(segment_name(1)).substr(0, wal::kSegmentHeaderBytes);
  header[8] = 9;
  const uint32_t crc = crc32c(std::string_view(header).substr(0, 84));
  std::memcpy(header.data() + 84, &crc, sizeof crc);
  disk.overwrite(segment_name(1), 0, header);
  const Status s = open().wal.status();
  EXPECT_TRUE(absl::IsUnimplemented(s)) << s;
  EXPECT_THAT(s.message(), HasSubstr("format version 9"));
}

TEST_F(WalDamageTest, VerifyOfNoLogSaysSo) {
  disk.load({});
  EXPECT_TRUE(absl::IsNotFound(verify_wal(disk).status()));
}

}  // namespace
}  // namespace holdfast::stable
