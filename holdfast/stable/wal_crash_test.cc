// A crash at every single disk operation of a scripted life of log and blobs, with several legal images each: after
// recovery everything that was reported stable is there, in order; nothing is invented; numbers are never used twice;
// and life goes on, through further crashes.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "holdfast/sim/sim_disk.h"
#include "holdfast/stable/blob_store.h"
#include "holdfast/stable/wal.h"

namespace holdfast::stable {
namespace {

using sim::DiskFault;
using sim::SimDisk;

// What one node's owner knows, over its restarts.
class Life {
 public:
  explicit Life(SimDisk& disk, uint64_t seed) : disk_(disk), random_(seed) {}

  // Recovers and checks. False: the disk crashed meanwhile.
  bool start() {
    wal_.reset();
    blobs_.reset();
    ++options_.writer;
    StableSeq next;
    auto wal = Wal::open(disk_, options_, [&](StableSeq seq, Slice bytes) {
      if (!next) next = seq;
      EXPECT_EQ(seq, next) << "a gap";
      ++next;
      const auto written = written_.find(seq);
      EXPECT_TRUE(written != written_.end()) << "invented " << to_text(seq);
      if (written == written_.end()) return absl::OkStatus();
      EXPECT_EQ(written->second, bytes.str()) << to_text(seq);
      return absl::OkStatus();
    });
    if (disk_.crashed()) return false;
    EXPECT_TRUE(wal.ok()) << wal.status();
    if (!wal.ok()) return false;
    wal_ = *std::move(wal);
    EXPECT_GE(wal_->last_written(), acknowledged_) << "an acknowledged record is lost";
    EXPECT_LE(wal_->first_kept(), released_) << "a record is gone that was not released";
    EXPECT_TRUE(!next || next == wal_->last_written() + 1);
    // What was not recovered was never acknowledged, and its numbers are free again.
    written_.erase(written_.upper_bound(wal_->last_written()), written_.end());
    acknowledged_ = wal_->stable();
    EXPECT_EQ(wal_->stable(), wal_->last_written());
    return start_blobs();
  }

  bool start_blobs() {
    auto blobs = BlobStore::open(disk_);
    if (disk_.crashed()) return false;
    EXPECT_TRUE(blobs.ok()) << blobs.status();
    blobs_ = *std::move(blobs);
    std::map<BlobId, uint64_t> found;
    for (const auto& [id, size] : blobs_->sealed()) {
      found[id] = size;
      EXPECT_TRUE(content_.contains(id));
      EXPECT_FALSE(dropped_.contains(id)) << "a dropped blob is back: " << to_text(id);
      const auto answer = blobs_->handle(BlobRead{id, 0, 1 << 20});
      if (!answer.has_value() || !std::holds_alternative<BlobData>(*answer))
        return ADD_FAILURE() << "unreadable", false;
      EXPECT_EQ(std::get<BlobData>(*answer).bytes.str(), content_[id]) << "a blob is not whole";
    }
    for (const BlobId id : sealed_) EXPECT_TRUE(found.contains(id)) << "a sealed blob is lost: " << to_text(id);
    return true;
  }

  // Until the script ends or the disk crashes.
  void run(int steps) {
    for (int i = 0; i < steps && !disk_.crashed(); ++i) step();
  }

  StableSeq acknowledged() const { return acknowledged_; }

 private:
  void step() {
    switch (random_.below(8)) {
      case 0:
        return blob();
      case 1:
        released_ = std::max(released_, acknowledged_);
        if (!released_) return;
        wal_->release(released_);
        wal_->trim().IgnoreError();
        return;
      case 2:
        return wal_->mark_stable().IgnoreError();
      case 3:
        return wal_->prepare().IgnoreError();
      default:
        return append();
    }
  }
  void append() {
    if (!wal_->status().ok()) return;  // the member has stopped
    // One to three writes under one sync, some records larger than what is left of a segment or a whole one.
    for (uint64_t w = random_.below(3) + 1; w > 0; --w) {
      std::vector<PendingRecord> batch;
      for (uint64_t n = random_.below(4) + 1; n > 0; --n) {
        const StableSeq seq = wal_->last_written() + 1 + batch.size();
        std::string bytes =
            std::to_string(++serial_) + std::string(random_.below(random_.chance(1, 30) ? 9000 : 600), '#');
        written_[seq] = bytes;
        batch.push_back({seq, Chain(Slice::take(std::move(bytes)))});
      }
      if (!wal_->write(batch).ok()) return;
    }
    const StableSeq upto = wal_->last_written();
    if (wal_->sync().ok()) acknowledged_ = upto;
  }
  void blob() {
    const BlobId id(++serial_);
    blobs_->handle(BlobCreate{id});
    for (uint64_t n = random_.below(3); n > 0; --n) {
      const std::string bytes(random_.below(2000), static_cast<char>('a' + n));
      content_[id] += bytes;
      blobs_->handle(BlobAppend{id, Slice::copy_of(bytes)});
    }
    content_[id];
    const auto answer = blobs_->handle(BlobSeal{id});
    if (!answer.has_value() || !std::holds_alternative<BlobSealed>(*answer)) return;
    sealed_.push_back(id);
    if (sealed_.size() <= 2) return;
    const BlobId oldest = sealed_.front();
    sealed_.erase(sealed_.begin());
    const bool certain = !disk_.armed();  // else its removal may have been forgotten
    blobs_->handle(BlobDrop{oldest});
    if (!disk_.crashed() && certain) dropped_[oldest] = true;
  }

  SimDisk& disk_;
  Random random_;
  WalOptions options_{{1, 1}, 4096, 512, 1, 0};
  std::unique_ptr<Wal> wal_;
  std::unique_ptr<BlobStore> blobs_;
  uint64_t serial_ = 0;
  std::map<StableSeq, std::string> written_;
  StableSeq acknowledged_;
  StableSeq released_{1};
  std::map<BlobId, std::string> content_;
  std::vector<BlobId> sealed_;
  std::map<BlobId, bool> dropped_;
};

TEST(WalCrash, AtEveryOperationOfAScriptedLife) {
  SimDisk whole(1);
  Life script(whole, 42);
  ASSERT_TRUE(script.start());
  script.run(120);
  const uint64_t operations = whole.operations();
  ASSERT_GT(operations, 400u);
  for (uint64_t at = 1; at <= operations; ++at) {
    for (uint64_t image = 0; image < 4; ++image) {
      SimDisk disk(1);
      disk.crash_at(at);
      Random fate(at * 1000 + image);
      Life life(disk, 42);
      if (life.start()) life.run(120);
      ASSERT_TRUE(disk.crashed());
      disk.restart(fate);
      ASSERT_TRUE(life.start()) << "crash at operation " << at << ", image " << image;
      life.run(5);
      disk.restart(fate);
      ASSERT_TRUE(life.start()) << "second crash after one at operation " << at << ", image " << image;
      if (testing::Test::HasFailure()) FAIL() << "crash at operation " << at << ", image " << image;
    }
  }
}

TEST(WalCrash, DuringRecoveryAgainAndAgain) {  // P6
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SimDisk disk(seed);
    Random fate(seed);
    Life life(disk, seed);
    ASSERT_TRUE(life.start());
    for (int round = 0; round < 6; ++round) {
      life.run(static_cast<int>(fate.below(12)));
      disk.restart(fate);
      for (uint64_t at = 1;; ++at) {
        disk.crash_at(disk.operations() + 1 + fate.below(at));
        if (life.start()) break;
        ASSERT_TRUE(disk.crashed());
        disk.restart(fate);
      }
      disk.crash_at(0);
      if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
    }
  }
}

TEST(WalCrash, OfTheProcessAloneKeepsEverythingWritten) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk(seed);
    Life life(disk, seed);
    for (int round = 0; round < 5; ++round) {
      ASSERT_TRUE(life.start());
      life.run(10);
    }
  }
}

TEST(WalCrash, AfterFailedSyncsAndWrites) {  // D4, D7: the process stops, starts again, and then the power fails
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    SimDisk disk(seed);
    Random fate(seed);
    Life life(disk, seed);
    ASSERT_TRUE(life.start());
    for (int round = 0; round < 6; ++round) {
      life.run(static_cast<int>(fate.below(8)));
      const uint64_t kind = fate.below(4);
      if (kind == 0) {
        disk.arm(DiskFault::kDirectorySyncFails);
      } else {
        disk.arm(kind == 1 ? DiskFault::kWriteError : DiskFault::kSyncFails, 1, "wal-");
      }
      life.run(4);
      disk.disarm();
      const bool restarts_twice = fate.chance(1, 2);
      ASSERT_TRUE(!restarts_twice || life.start()) << "seed " << seed;
      if (fate.chance(1, 2)) disk.restart(fate);
      ASSERT_TRUE(life.start()) << "seed " << seed << " round " << round;
      if (testing::Test::HasFailure()) FAIL() << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace holdfast::stable
