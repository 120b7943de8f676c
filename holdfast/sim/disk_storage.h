// The production storage of a node (write-ahead log and blobs) on a simulated disk.
#pragma once

#include <memory>
#include <vector>

#include "holdfast/sim/sim_disk.h"
#include "holdfast/sim/storage.h"
#include "holdfast/stable/blob_store.h"
#include "holdfast/stable/wal.h"

namespace holdfast::sim {

class DiskStorage : public NodeStorage {
 public:
  struct Options {
    stable::wal::Identity identity;
    uint64_t segment_bytes = 64 << 10;
    uint32_t block_bytes = 512;
    // Of crashes, how many are power failures (thousandths); the others leave the page cache alone.
    uint32_t power_failures = 500;
  };

  DiskStorage(Options options, Random random);

  StatusOr<RecoveredStorage> recover() override;
  void append(StableSeq seq, Chain record) override { pending_.push_back({seq, std::move(record)}); }
  bool pending() const override { return !pending_.empty(); }
  Status write() override;
  StatusOr<StableSeq> sync() override;
  void release(StableSeq first_needed) override;
  std::optional<BlobAnswer> blob(const BlobRequest& request) override;
  bool lost_power() const override { return disk_.crashed(); }
  void crash() override;
  void wipe() override;

  SimDisk& disk() { return disk_; }
  void set_power_failures(uint32_t thousandths) { options_.power_failures = thousandths; }
  // How often the power has failed.
  uint64_t power_failures() const { return failed_; }
  // Other draws from now on: other legal images of the same crash.
  void reseed(uint64_t seed) { random_ = Random(seed); }
  // What a backup would hold, if one were made now; restored by restore() while the process is down.
  DiskImage image() const { return disk_.current_image(); }
  void restore(const DiskImage& image);

 private:
  Status tidy();

  Options options_;
  Random random_;
  uint64_t failed_ = 0;
  SimDisk disk_;
  std::unique_ptr<stable::Wal> wal_;
  std::unique_ptr<stable::BlobStore> blobs_;
  std::vector<stable::PendingRecord> pending_;
};

}  // namespace holdfast::sim
