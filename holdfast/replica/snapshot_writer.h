// Writes one snapshot into a blob, slice by slice, while the state it shows goes on changing.
//
// The blob holds an encoded snapshot file (stable/snapshot_codec.h) whose content is a framed ImageHeader (u32 length,
// codec bytes) and then the owner's image.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "holdfast/replica/applied_table.h"
#include "holdfast/replica/types.h"
#include "holdfast/stable/snapshot_codec.h"

namespace holdfast::replica {

// The replica's own part of a snapshot.
struct ImageHeader {
  consensus::Index index;
  consensus::Term term;
  consensus::Membership membership;
  int64_t clock_ms = 0;
  std::vector<AppliedRow> applied;
  std::vector<NodeId> removed;  // former members, the latest last
};

class SnapshotWriter {
 public:
  SnapshotWriter(BlobId blob, const consensus::SnapshotMeta& meta, const ImageHeader& header,
                 std::unique_ptr<ImageReader> image, size_t slice_bytes);

  // Produces at most one slice's worth of requests. Nothing while earlier slices wait to be written (back-pressure).
  std::vector<BlobRequest> work();
  // More to produce right now.
  bool busy() const { return !sealed_ && in_flight_ < kMaxInFlightSlices * slice_bytes_; }
  bool finished() const { return sealed_; }
  uint64_t image_bytes() const { return image_bytes_; }  // before compression
  void on_appended(uint64_t size) { in_flight_ = size < written_ ? written_ - size : 0; }

  BlobId blob() const { return meta_.blob; }
  // Complete once the blob is sealed.
  const consensus::SnapshotMeta& meta() const { return meta_; }

 private:
  static constexpr size_t kMaxInFlightSlices = 4;
  void append(std::vector<Slice> encoded, std::vector<BlobRequest>& out);

  consensus::SnapshotMeta meta_;
  std::unique_ptr<ImageReader> image_;
  stable::SnapshotEncoder encoder_;
  size_t slice_bytes_;
  std::string pending_;  // read but not encoded
  uint64_t image_bytes_ = 0;
  uint64_t written_ = 0;
  uint64_t in_flight_ = 0;
  bool created_ = false;
  bool sealed_ = false;
};

}  // namespace holdfast::replica
