#include "holdfast/stable/wal_reader.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"

namespace holdfast::stable::wal {
namespace {

// Large enough that small frames cost few reads, small enough that a record kept in memory does not pin much.
constexpr uint64_t kWindowBytes = uint64_t{1} << 20;

}  // namespace

StatusOr<SegmentReader> SegmentReader::open(File& file, std::string name) {
  SegmentReader r(file, std::move(name));
  StatusOr<uint64_t> size = file.size();
  if (!size.ok()) return size.status();
  r.file_bytes_ = *size;
  StatusOr<Slice> head = file.read(0, kSegmentHeaderBytes);
  if (!head.ok()) return head.status();
  StatusOr<SegmentHeader> header = decode_segment_header(head->view());
  if (!header.ok()) return header.status();
  r.header_ = *header;
  return r;
}

StatusOr<Slice> SegmentReader::bytes(uint64_t offset, uint64_t length) {
  const uint64_t last = std::min(file_bytes_, end());
  if (offset >= last) return Slice();
  length = std::min(length, last - offset);
  if (offset < window_begin_ || offset + length > window_begin_ + window_.size()) {
    const uint64_t want = std::min(std::max(length, kWindowBytes), last - offset);
    StatusOr<Slice> got = file_->read(offset, want);
    if (!got.ok()) return got.status();
    window_begin_ = offset;
    window_ = *std::move(got);
  }
  const uint64_t skip = offset - window_begin_;
  return window_.sub(skip, std::min<uint64_t>(length, window_.size() - skip));
}

StatusOr<Frame> SegmentReader::header_at(uint64_t offset) {
  ensure(offset % header_.block_bytes == 0, "frames start at block boundaries");
  ensure(offset >= begin() && offset < end(), "frames lie inside their segment");
  Frame frame;
  frame.offset = offset;
  frame.end = offset + header_.block_bytes;
  StatusOr<Slice> head = bytes(offset, kFrameHeaderBytes);
  if (!head.ok()) return head.status();
  const auto header = decode_frame_header(head->view(), header_.salt, offset);
  if (!header.has_value()) return frame;
  const uint64_t frame_end = offset + round_up(kFrameHeaderBytes + header->body_bytes, header_.block_bytes);
  if (frame_end > end()) return frame;  // no writer makes such a frame
  frame.header = *header;
  frame.end = frame_end;
  frame.state = FrameState::kWhole;
  return frame;
}

StatusOr<Frame> SegmentReader::frame_at(uint64_t offset) {
  StatusOr<Frame> found = header_at(offset);
  if (!found.ok() || found->state == FrameState::kAbsent) return found;
  Frame frame = *std::move(found);
  StatusOr<Slice> all = bytes(offset, frame.end - offset);
  if (!all.ok()) return all.status();
  const size_t have = all->size() < kFrameHeaderBytes ? 0 : all->size() - kFrameHeaderBytes;
  const size_t body = std::min<size_t>(have, frame.header.body_bytes);
  check_records(body == 0 ? Slice() : all->sub(kFrameHeaderBytes, body), frame);
  if (frame.state == FrameState::kWhole) frame.bytes = *std::move(all);
  return frame;
}

void SegmentReader::check_records(const Slice& body, Frame& frame) const {
  uint64_t at = 0;
  StableSeq expected = frame.header.first_seq;
  bool whole = body.size() == frame.header.body_bytes;
  for (uint32_t i = 0; i < frame.header.records; ++i, ++expected) {
    if (body.size() - at < kRecordHeaderBytes) {
      whole = false;
      break;
    }
    const uint64_t offset = frame.offset + kFrameHeaderBytes + at;
    const RecordHeader r = decode_record_header(body.view().substr(at));
    FoundRecord record{expected, offset, Slice(), false};
    if (r.length > body.size() - at - kRecordHeaderBytes) {
      whole = false;
      frame.records.push_back(std::move(record));
      break;
    }
    record.payload = body.sub(at + kRecordHeaderBytes, r.length);
    record.checks = r.seq == expected && r.crc == record_crc(r.seq, record.payload.view(), header_.salt, offset);
    whole = whole && record.checks;
    frame.records.push_back(std::move(record));
    at += kRecordHeaderBytes + r.length;
  }
  whole = whole && at == frame.header.body_bytes;
  frame.state = whole ? FrameState::kWhole : FrameState::kTorn;
}

}  // namespace holdfast::stable::wal
