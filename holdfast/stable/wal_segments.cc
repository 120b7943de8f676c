#include "holdfast/stable/wal_segments.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::stable::wal {

StatusOr<SegmentPool::Fresh> SegmentPool::create_spare(uint64_t bytes) {
  uint64_t number = 1;
  for (const std::string& name : spares_) number = std::max(number, parse_spare_name(name).value_or(0) + 1);
  const std::string name = spare_name(number);
  StatusOr<std::unique_ptr<File>> file = disk_.create(name);
  if (!file.ok()) return file.status();
  if (Status s = (*file)->allocate(bytes); !s.ok()) {
    mark<"wal.no_space_for_segment">();
    // Half a spare is of no use; when even its removal fails, the next start finds it and tries again.
    disk_.remove(name).IgnoreError();
    return s;
  }
  return Fresh{name, *std::move(file)};
}

StatusOr<SegmentPool::Fresh> SegmentPool::take_spare(uint64_t bytes) {
  while (!spares_.empty()) {
    const std::string name = spares_.back();
    spares_.pop_back();
    StatusOr<std::unique_ptr<File>> file = disk_.open(name);
    if (!file.ok()) return file.status();
    StatusOr<uint64_t> size = (*file)->size();
    if (!size.ok()) return size.status();
    if (*size == bytes) {
      mark<"wal.segment_recycled">();
      // A crash may have left a spare with its length but without its space.
      if (Status s = (*file)->allocate(bytes); !s.ok()) return s;
      return Fresh{name, *std::move(file)};
    }
    if (Status s = disk_.remove(name); !s.ok()) return s;
  }
  return create_spare(bytes);
}

StatusOr<std::unique_ptr<File>> SegmentPool::make(const SegmentHeader& header) {
  StatusOr<Fresh> fresh =
      header.segment_bytes == segment_bytes_ ? take_spare(header.segment_bytes) : create_spare(header.segment_bytes);
  if (!fresh.ok()) return fresh.status();
  const auto head = encode(header);
  std::string block(header.block_bytes, '\0');
  std::copy(head.begin(), head.end(), block.begin());
  if (Status s = fresh->file->write(0, Chain(Slice::take(std::move(block)))); !s.ok()) return s;
  if (Status s = fresh->file->sync(); !s.ok()) return s;
  if (Status s = disk_.rename(fresh->name, segment_name(header.number)); !s.ok()) return s;
  if (!planted<"S10">()) {
    if (Status s = disk_.sync_dir(); !s.ok()) return s;
  }
  return std::move(fresh->file);
}

Status SegmentPool::prepare() {
  if (!spares_.empty()) return absl::OkStatus();
  StatusOr<Fresh> fresh = create_spare(segment_bytes_);
  if (!fresh.ok()) return fresh.status();
  if (Status s = fresh->file->sync(); !s.ok()) {
    disk_.remove(fresh->name).IgnoreError();
    return s;
  }
  spares_.push_back(fresh->name);
  return absl::OkStatus();
}

Status SegmentPool::retire(uint64_t number, uint64_t bytes) {
  const std::string name = segment_name(number);
  if (bytes != segment_bytes_ || spares_.size() >= spares_kept_) {
    if (Status s = disk_.remove(name); !s.ok()) return s;
    return disk_.sync_dir();
  }
  uint64_t free_number = number;
  while (std::find(spares_.begin(), spares_.end(), spare_name(free_number)) != spares_.end()) ++free_number;
  if (Status s = disk_.rename(name, spare_name(free_number)); !s.ok()) return s;
  spares_.push_back(spare_name(free_number));
  return disk_.sync_dir();
}

Status SegmentPool::trim_spares() {
  while (spares_.size() > spares_kept_) {
    if (Status s = disk_.remove(spares_.back()); !s.ok()) return s;
    spares_.pop_back();
  }
  return absl::OkStatus();
}

}  // namespace holdfast::stable::wal
