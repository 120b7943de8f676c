#include "holdfast/stable/wal.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::stable {
namespace {

using namespace wal;  // NOLINT: the format is this file's vocabulary

std::string_view view_of(const auto& array) { return {array.data(), array.size()}; }

uint64_t frame_bytes(std::span<const PendingRecord> records) {
  uint64_t n = kFrameHeaderBytes;
  for (const PendingRecord& r : records) n += kRecordHeaderBytes + r.bytes.size();
  return n;
}

// The bytes of one frame at `offset`, padded to whole blocks.
Chain encode_frame(FrameHeader& header, std::span<const PendingRecord> records, const SegmentHeader& segment,
                   uint64_t offset) {
  const uint64_t bytes = kFrameHeaderBytes + header.body_bytes;
  const uint64_t padded = round_up(bytes, segment.block_bytes);
  codec::Writer w(padded);
  w.bytes(view_of(encode(header, segment.salt, offset)));
  for (const PendingRecord& r : records) {
    w.bytes(view_of(encode_record_header(r.seq, r.bytes, segment.salt, offset + w.size())));
    for (const Slice& part : r.bytes.parts()) w.slice(part);
  }
  ensure(w.size() == bytes, "a frame has the length that its header says");
  w.bytes(std::string(padded - bytes, '\0'));
  return w.finish();
}

}  // namespace

Wal::Wal(Disk& disk, const WalOptions& options, std::vector<std::string> spares)
    : disk_(disk), options_(options), pool_(disk, options.segment_bytes, options.spares_kept, std::move(spares)) {}

Status Wal::poison(Status s) {
  if (s.ok()) return s;
  const char* advice = absl::IsResourceExhausted(s) ? "free space on that file system and start this member again"
                                                    : "check the device, then start this member again, or replace it";
  poison_ = Status(s.code(), "the log in " + disk_.path() + " cannot go on: " + std::string(s.message()) + "; " +
                                 advice + " (no acknowledged record is lost by stopping)");
  return poison_;
}

Status Wal::write(std::span<const PendingRecord> batch) {
  if (!poison_.ok()) return poison_;
  return poison(write_records(batch));
}

Status Wal::write_records(std::span<const PendingRecord> batch) {
  while (!batch.empty()) {
    // As many records as fit.
    uint64_t bytes = kFrameHeaderBytes;
    size_t fit = 0;
    for (; fit < batch.size(); ++fit) {
      const PendingRecord& r = batch[fit];
      ensure(r.seq == last_written_ + fit + 1, "the records of the log are numbered without gaps");
      if (r.bytes.size() > kMaxRecordBytes) {
        return absl::InvalidArgumentError("record " + to_text(r.seq) + " has " + std::to_string(r.bytes.size()) +
                                          " bytes, more than the " + std::to_string(kMaxRecordBytes) +
                                          " that the log takes");
      }
      const uint64_t with = bytes + kRecordHeaderBytes + r.bytes.size();
      if (with > space_left()) break;
      bytes = with;
    }
    if (fit > 0) {
      if (Status s = write_frame(batch.first(fit)); !s.ok()) return s;
      batch = batch.subspan(fit);
    }
    if (!batch.empty()) {
      if (Status s = next_segment(frame_bytes(batch.first(1))); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

Status Wal::write_frame(std::span<const PendingRecord> records) {
  FrameHeader header;
  header.first_seq = last_written_ + 1;
  header.stable = stable_;
  header.released = released_;
  header.writer = options_.writer;
  header.previous = last_crc_;
  header.body_bytes = static_cast<uint32_t>(frame_bytes(records) - kFrameHeaderBytes);
  header.records = static_cast<uint32_t>(records.size());
  const Chain bytes = encode_frame(header, records, active_, end_);
  ensure(bytes.size() <= space_left(), "a frame fits into its segment");
  if (Status s = file_->write(end_, bytes); !s.ok()) return s;
  unsynced_ = true;
  end_ += bytes.size();
  last_crc_ = header.crc;
  last_written_ += records.size();
  marked_ = std::max(marked_, header.stable);
  written_released_ = header.released;
  return absl::OkStatus();
}

// The old segment is synced before the new one gets its name: recovery relies on it.
Status Wal::next_segment(uint64_t room) {
  if (Status s = sync_active(); !s.ok()) return s;
  SegmentHeader h;
  h.number = active_.number + 1;
  h.first_seq = last_written_ + 1;
  h.block_bytes = options_.block_bytes;
  h.segment_bytes = std::max(options_.segment_bytes, h.block_bytes + round_up(room, h.block_bytes));
  if (h.segment_bytes > options_.segment_bytes) mark<"wal.large_segment">();
  h.identity = options_.identity;
  h.salt = make_salt(h.identity, h.number, h.first_seq, options_.writer);
  h.released = released_;
  StatusOr<std::unique_ptr<File>> file = pool_.make(h);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  active_ = h;
  end_ = h.block_bytes;
  last_crc_ = 0;
  segments_.push_back({h.number, h.first_seq, h.segment_bytes});
  marked_ = std::max(marked_, last_written_);
  written_released_ = stable_released_ = released_;
  return absl::OkStatus();
}

Status Wal::sync_active() {
  if (unsynced_) {
    Status s = file_->sync();
    if (planted<"S4">() && !s.ok()) s = file_->sync();
    if (!s.ok()) return s;
  }
  unsynced_ = false;
  stable_ = last_written_;
  stable_released_ = written_released_;
  return absl::OkStatus();
}

Status Wal::sync() {
  if (!poison_.ok()) return poison_;
  return poison(sync_active());
}

void Wal::release(StableSeq first_needed) {
  ensure(first_needed <= last_written_ + 1, "only records that were written can be released");
  released_ = std::max(released_, first_needed);
}

Status Wal::trim() {
  if (!poison_.ok()) return poison_;
  const auto removable = [&](StableSeq upto) { return segments_.size() > 1 && segments_[1].first_seq <= upto; };
  if (!removable(released_)) return absl::OkStatus();
  // A recovery must find, in what is left, that the removed records were released.
  if (!removable(stable_released_)) {
    if (Status s = save_released(); !s.ok()) return s;
  }
  while (removable(stable_released_)) {
    if (Status s = pool_.retire(segments_.front().number, segments_.front().bytes); !s.ok()) return poison(s);
    segments_.pop_front();
  }
  return absl::OkStatus();
}

Status Wal::save_released() {
  if (space_left() < active_.block_bytes) return poison(next_segment(kFrameHeaderBytes));
  if (Status s = poison(write_frame({})); !s.ok()) return s;
  return sync();
}

Status Wal::prepare() {
  if (!poison_.ok()) return poison_;
  return pool_.prepare();
}

Status Wal::mark_stable() {
  if (!poison_.ok()) return poison_;
  if (marked_ >= stable_ || space_left() < active_.block_bytes) return absl::OkStatus();
  return poison(write_frame({}));
}

Status Wal::close() {
  if (Status s = sync(); !s.ok()) return s;
  if (Status s = mark_stable(); !s.ok()) return s;
  return sync();
}

}  // namespace holdfast::stable
