#include "holdfast/sim/disk_storage.h"

#include <utility>

#include "holdfast/base/mark.h"

namespace holdfast::sim {

DiskStorage::DiskStorage(Options options, Random random)
    : options_(options), random_(random), disk_(random_.next(), "node " + std::to_string(options.identity.node)) {}

StatusOr<RecoveredStorage> DiskStorage::recover() {
  RecoveredStorage out;
  StatusOr<std::unique_ptr<stable::BlobStore>> blobs = stable::BlobStore::open(disk_);
  if (!blobs.ok()) return blobs.status();
  blobs_ = *std::move(blobs);
  out.blobs = blobs_->sealed();
  stable::WalOptions options;
  options.identity = options_.identity;
  options.segment_bytes = options_.segment_bytes;
  options.block_bytes = options_.block_bytes;
  options.writer = random_.next();
  StatusOr<std::unique_ptr<stable::Wal>> wal = stable::Wal::open(disk_, options, [&](StableSeq seq, Slice bytes) {
    out.records.emplace_back(seq, Slice::copy_of(bytes.view()));
    return absl::OkStatus();
  });
  if (!wal.ok()) return wal.status();
  wal_ = *std::move(wal);
  out.last = wal_->stable();
  return out;
}

// A host may cut its batches anywhere, and a crash may then fall between any two records.
Status DiskStorage::write() {
  const size_t count = random_.chance(1, 4) ? 1 + random_.below(pending_.size()) : pending_.size();
  const std::vector<stable::PendingRecord> rest(pending_.begin() + static_cast<std::ptrdiff_t>(count), pending_.end());
  pending_.resize(count);
  const std::vector<stable::PendingRecord> batch = std::exchange(pending_, rest);
  return wal_->write(batch);
}

StatusOr<StableSeq> DiskStorage::sync() {
  if (const Status synced = wal_->sync(); !synced.ok()) return synced;
  const StableSeq stable = wal_->stable();
  // As the log thread does: housekeeping when nothing waits.
  if (pending_.empty()) {
    if (const Status tidied = tidy(); !tidied.ok()) return tidied;
  }
  return stable;
}

Status DiskStorage::tidy() {
  if (const Status s = wal_->trim(); !s.ok()) return s;
  if (const Status s = wal_->prepare(); !s.ok()) mark<"sim.disk.prepare_failed">();
  if (random_.chance(1, 4)) return wal_->mark_stable();
  return wal_->status();
}

void DiskStorage::release(StableSeq first_needed) {
  if (wal_ != nullptr) wal_->release(first_needed);
}

std::optional<BlobAnswer> DiskStorage::blob(const BlobRequest& request) { return blobs_->handle(request); }

void DiskStorage::crash() {
  wal_.reset();
  blobs_.reset();
  pending_.clear();
  if (disk_.crashed() || random_.chance(options_.power_failures, 1000)) {
    mark<"sim.disk.power_failure">();
    ++failed_;
    disk_.restart(random_);
  }
}

void DiskStorage::wipe() { disk_.load({}); }

void DiskStorage::restore(const DiskImage& image) { disk_.load(image); }

}  // namespace holdfast::sim
