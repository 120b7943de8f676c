// Reads one snapshot from a blob, slice by slice, and verifies all of it: every block, the whole, and what the blob's
// place in the log says about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "holdfast/replica/snapshot_writer.h"

namespace holdfast::replica {

class SnapshotLoader {
 public:
  SnapshotLoader(const consensus::SnapshotMeta& meta, size_t slice_bytes) : meta_(meta), slice_bytes_(slice_bytes) {}
  // A snapshot of which only the size is known: the owner checks the state that comes out of it.
  SnapshotLoader(BlobId blob, uint64_t size, size_t slice_bytes) : slice_bytes_(slice_bytes), described_(false) {
    meta_.blob = blob;
    meta_.size = size;
  }

  BlobRead next_read() const { return {meta_.blob, at_, slice_bytes_}; }
  // Takes the answer to next_read(). Appends the owner's part of it to `image`. kDataLoss: damaged.
  Status add(const BlobData& data, std::string& image);
  uint64_t image_bytes() const { return image_bytes_; }  // so far, after decompression
  bool complete() const { return at_ == meta_.size; }

  const consensus::SnapshotMeta& meta() const { return meta_; }
  // Known once the first bytes of the image are.
  const std::optional<ImageHeader>& header() const { return header_; }

 private:
  Status take_header(std::string& image);

  consensus::SnapshotMeta meta_;
  size_t slice_bytes_;
  bool described_ = true;
  stable::SnapshotDecoder decoder_;
  uint64_t at_ = 0;
  uint64_t image_bytes_ = 0;
  uint32_t crc_ = 0;
  std::string front_;  // until the header is whole
  std::optional<ImageHeader> header_;
};

}  // namespace holdfast::replica
