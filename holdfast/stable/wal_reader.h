// Reads one segment file of the log, frame by frame, believing nothing. Shared by recovery and inspection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/stable/disk.h"
#include "holdfast/stable/wal_format.h"

namespace holdfast::stable::wal {

enum class FrameState {
  kAbsent,  // no frame header of this segment stands there
  kTorn,    // a header, but its records do not all check
  kWhole,
};
constexpr FrameState last_value(FrameState) { return FrameState::kWhole; }

struct FoundRecord {
  StableSeq seq;
  uint64_t offset = 0;  // of its header in the file
  Slice payload;
  bool checks = false;
};

struct Frame {
  FrameState state = FrameState::kAbsent;
  uint64_t offset = 0;
  uint64_t end = 0;  // where the next frame starts; inside the segment also for a torn frame
  FrameHeader header;
  // Whole: all of them. Torn: up to the first that cannot be told from what follows, the bad ones included.
  std::vector<FoundRecord> records;
  Slice bytes;  // header, records and padding; empty unless whole

  StableSeq next_seq() const { return header.first_seq + header.records; }
};

class SegmentReader {
 public:
  // Reads the header. kDataLoss, kUnimplemented: as decode_segment_header; the file is not named. `file` must outlive
  // the reader.
  static StatusOr<SegmentReader> open(File& file, std::string name);

  const std::string& name() const { return name_; }
  const SegmentHeader& header() const { return header_; }
  uint64_t file_bytes() const { return file_bytes_; }
  // The file is at least as long as its header says: a crash cannot make it shorter.
  bool complete() const { return file_bytes_ >= header_.segment_bytes; }
  uint64_t begin() const { return header_.block_bytes; }
  uint64_t end() const { return header_.segment_bytes; }

  // The frame at `offset`, a multiple of the block size inside the segment. Errors: the device cannot read.
  StatusOr<Frame> frame_at(uint64_t offset);
  // As frame_at, without looking at the records: whole means no more than that the header checks.
  StatusOr<Frame> header_at(uint64_t offset);

 private:
  SegmentReader(File& file, std::string name) : file_(&file), name_(std::move(name)) {}
  StatusOr<Slice> bytes(uint64_t offset, uint64_t length);
  void check_records(const Slice& body, Frame& frame) const;

  File* file_;
  std::string name_;
  SegmentHeader header_;
  uint64_t file_bytes_ = 0;
  uint64_t window_begin_ = 0;
  Slice window_;
};

}  // namespace holdfast::stable::wal
