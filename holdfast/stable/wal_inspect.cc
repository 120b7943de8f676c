#include "holdfast/stable/wal_inspect.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace holdfast::stable {
namespace {

using namespace wal;  // NOLINT: the format is this file's vocabulary

struct OpenedSegment {
  std::unique_ptr<File> file;
  std::optional<SegmentReader> reader;
  WalSegmentReport report;
  std::optional<Damage> damage;
};

StatusOr<std::vector<OpenedSegment>> open_segments(Disk& disk, const LogFiles& files) {
  std::vector<OpenedSegment> all;
  for (const uint64_t number : files.segments) {
    OpenedSegment s;
    s.report.file = segment_name(number);
    StatusOr<std::unique_ptr<File>> file = disk.open(s.report.file);
    if (!file.ok()) return file.status();
    s.file = *std::move(file);
    StatusOr<uint64_t> size = s.file->size();
    if (!size.ok()) return size.status();
    s.report.file_bytes = *size;
    StatusOr<SegmentReader> reader = SegmentReader::open(*s.file, s.report.file);
    if (reader.ok()) {
      s.report.header = reader->header();
      s.reader = *std::move(reader);
    } else if (absl::IsDataLoss(reader.status()) || absl::IsUnimplemented(reader.status())) {
      s.damage = header_damage(s.report.file, reader.status());
    } else {
      return reader.status();
    }
    all.push_back(std::move(s));
  }
  return all;
}

void keep_first(std::optional<Damage>& kept, std::optional<Damage> found) {
  if (!kept.has_value() && found.has_value()) kept = std::move(found);
}

// Examines one segment for verify_wal and adds it to the report.
Status verify_segment(OpenedSegment& s, std::optional<StableSeq> successor, WalReport& report) {
  if (!s.reader.has_value()) return absl::OkStatus();
  StatusOr<Findings> found = examine_segment(*s.reader, successor, [&](const Frame& f) {
    ++s.report.frames;
    s.report.records += f.header.records;
    return absl::OkStatus();
  });
  if (!found.ok()) return found.status();
  s.report.used_bytes = found->valid_end;
  s.report.verdict = found->verdict;
  report.released = std::max(report.released, found->released);
  keep_first(report.damage, found->damage);
  if (!report.ok()) return absl::OkStatus();
  report.proven = std::max(report.proven, found->proven);
  report.torn_tail = found->verdict == Verdict::kCut;
  report.last = found->next_seq - 1;
  return absl::OkStatus();
}

Status dump_frame(const SegmentReader& reader, const Frame& frame,
                  const std::function<Status(const WalItem&)>& on_item) {
  WalItem item;
  item.file = reader.name();
  item.stable = frame.header.stable;
  if (frame.header.records == 0) {
    item.kind = WalItem::Kind::kMark;
    item.offset = frame.offset;
    item.seq = frame.header.first_seq;
    return on_item(item);
  }
  for (const FoundRecord& r : frame.records) {
    item.kind = r.checks ? WalItem::Kind::kRecord : WalItem::Kind::kBadRecord;
    item.offset = r.offset;
    item.length = r.payload.size();
    item.seq = r.seq;
    item.bytes = r.checks ? r.payload : Slice();
    if (Status s = on_item(item); !s.ok()) return s;
  }
  return absl::OkStatus();
}

Status dump_segment(SegmentReader& reader, const std::function<Status(const WalItem&)>& on_item) {
  uint32_t last_crc = 0;
  StableSeq next = reader.header().first_seq;
  bool ended = false;
  for (uint64_t at = reader.begin(); at < reader.end();) {
    StatusOr<Frame> frame = reader.frame_at(at);
    if (!frame.ok()) return frame.status();
    const bool follows = !ended && frame->header.previous == last_crc && frame->header.first_seq == next;
    if (frame->state == FrameState::kAbsent) {
      ended = true;
    } else if (follows) {
      if (Status s = dump_frame(reader, *frame, on_item); !s.ok()) return s;
      ended = frame->state != FrameState::kWhole;
    } else {
      ended = true;
      WalItem item{WalItem::Kind::kStray,   reader.name(),        at,     frame->header.body_bytes,
                   frame->header.first_seq, frame->header.stable, Slice()};
      if (Status s = on_item(item); !s.ok()) return s;
    }
    last_crc = frame->header.crc;
    next = frame->next_seq();
    at = ended ? at + reader.header().block_bytes : frame->end;
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<WalReport> verify_wal(Disk& disk) {
  StatusOr<LogFiles> files = list_log(disk);
  if (!files.ok()) return files.status();
  if (files->segments.empty()) {
    return absl::NotFoundError(disk.path() + " holds no log (no files named wal-...); check the directory");
  }
  StatusOr<std::vector<OpenedSegment>> segments = open_segments(disk, *files);
  if (!segments.ok()) return segments.status();
  WalReport report;
  report.spares = files->spares.size();
  // In the order of recovery, so that both name the same damage first.
  std::vector<HeaderFound> headers;
  for (const OpenedSegment& s : *segments) headers.push_back({s.report.header, s.damage});
  const Agreement agreement = check_headers(files->segments, headers);
  for (size_t i = 0; i < segments->size(); ++i) {
    OpenedSegment& s = (*segments)[i];
    s.report.leftover = i < agreement.begin;
    std::optional<StableSeq> successor;
    if (i + 1 < segments->size()) successor = (*segments)[i + 1].report.header.first_seq;
    if (!s.report.leftover) {
      if (Status status = verify_segment(s, successor, report); !status.ok()) return status;
    }
    report.segments.push_back(s.report);
  }
  if (agreement.begin == segments->size()) {
    report.damage = agreement.damage;
    return report;
  }
  const SegmentHeader& oldest = report.segments[agreement.begin].header;
  if (const auto damage = check_start(oldest, report.released)) {
    report.damage = agreement.damage.has_value() ? agreement.damage : damage;
  }
  if (oldest.first_seq > StableSeq{} && report.last >= oldest.first_seq) report.first = oldest.first_seq;
  if (!report.first) report.last = StableSeq{};
  return report;
}

Status dump_wal(Disk& disk, const std::function<void(const WalSegmentReport&)>& on_segment,
                const std::function<Status(const WalItem&)>& on_item) {
  StatusOr<LogFiles> files = list_log(disk);
  if (!files.ok()) return files.status();
  StatusOr<std::vector<OpenedSegment>> segments = open_segments(disk, *files);
  if (!segments.ok()) return segments.status();
  for (OpenedSegment& s : *segments) {
    if (on_segment) on_segment(s.report);
    if (!s.reader.has_value()) continue;
    if (Status status = dump_segment(*s.reader, on_item); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace holdfast::stable
