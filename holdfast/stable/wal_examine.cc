#include "holdfast/stable/wal_examine.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"

namespace holdfast::stable::wal {
namespace {

constexpr const char* kRestore =
    "nothing was changed. Restore the directory from an intact copy, or, when this is a member of a group whose other "
    "members are healthy, remove this member, wipe its directory and add it again: it will get its data from them";

std::string describe(Verdict verdict, const Findings& f, const SegmentReader& reader,
                     std::optional<StableSeq> successor) {
  const std::string next = to_text(f.next_seq);
  switch (verdict) {
    case Verdict::kIncomplete:
      return "record " + next + " is damaged or missing, although the next segment starts with " + to_text(*successor);
    case Verdict::kOverlaps:
      return "the segment goes on to records that its successor, starting with " + to_text(*successor) + ", holds too";
    case Verdict::kNumbering:
      return "record " + next + " is due here, but a frame with another number stands there";
    case Verdict::kTruncated:
      return "the file has " + std::to_string(reader.file_bytes()) + " bytes, but was made with " +
             std::to_string(reader.header().segment_bytes) + ": its end was cut off";
    case Verdict::kAcknowledgedLost:
      return "record " + next + " is damaged or missing, although the records up to " + to_text(f.proven) +
             " were acknowledged as stable";
    case Verdict::kEnds:
    case Verdict::kCut:
      break;
  }
  return "";
}

// Looks behind the end for frames of this segment: each says what had been stable, and must not be taken for a new one.
Status look_behind(SegmentReader& reader, Findings& found, EndFacts& facts) {
  for (uint64_t at = found.valid_end; at < reader.end();) {
    StatusOr<Frame> frame = reader.header_at(at);
    if (!frame.ok()) return frame.status();
    at += reader.header().block_bytes;
    if (frame->state == FrameState::kAbsent) continue;
    facts.frames_behind = true;
    found.stale_end = std::max(found.stale_end, frame->end);
    found.proven = std::max(found.proven, frame->header.stable);
    found.released = std::max(found.released, frame->header.released);
  }
  return absl::OkStatus();
}

// A frame is certainly on the medium when a later one calls its records stable; then those before it are, too.
void forget_proven(Findings& found) {
  auto& frames = found.unproven;
  const auto proven = std::find_if(frames.rbegin(), frames.rend(), [&](const Frame& f) {
    return f.header.records > 0 && f.next_seq() <= found.proven + 1;
  });
  frames.erase(frames.begin(), proven.base());
}

}  // namespace

std::string to_text(const Damage& d) {
  std::string text = d.file.empty() ? "" : d.file + " at byte " + std::to_string(d.offset) + ": ";
  return text + d.what + "; " + d.advice;
}

Status to_status(const Damage& d, const std::string& directory) {
  return absl::DataLossError("the log in " + directory + " is damaged: " + to_text(d));
}

StatusOr<LogFiles> list_log(Disk& disk) {
  StatusOr<std::vector<std::string>> names = disk.list();
  if (!names.ok()) return names.status();
  LogFiles files;
  for (const std::string& name : *names) {
    if (const auto number = parse_segment_name(name)) files.segments.push_back(*number);
    if (parse_spare_name(name)) files.spares.push_back(name);
  }
  std::sort(files.segments.begin(), files.segments.end());
  return files;
}

namespace {

std::optional<Damage> check_alone(uint64_t name, const HeaderFound& found) {
  if (found.damage.has_value() || found.header.number == name) return found.damage;
  return Damage{segment_name(name), 0, {}, "the file says that it is " + segment_name(found.header.number), kRestore};
}

std::optional<Damage> check_pair(const SegmentHeader& before, const SegmentHeader& h) {
  const std::string file = segment_name(h.number);
  if (h.number != before.number + 1) {
    mark<"wal.segment_missing">();
    const std::string missing = segment_name(before.number + 1);
    return Damage{missing, 0, {}, "the segment is missing, " + file + " is there", kRestore};
  }
  if (h.first_seq < before.first_seq) {
    return Damage{
        file, 0, h.first_seq,
        "the segment starts with " + to_text(h.first_seq) + ", its predecessor with " + to_text(before.first_seq),
        kRestore};
  }
  if (h.identity != before.identity) {
    return Damage{file, 0, h.first_seq, "the segment belongs to another member than its predecessor", kRestore};
  }
  return std::nullopt;
}

}  // namespace

Agreement check_headers(const std::vector<uint64_t>& names, const std::vector<HeaderFound>& headers) {
  Agreement out;
  bool good_before = false;
  for (size_t i = 0; i < headers.size(); ++i) {
    std::optional<Damage> damage = check_alone(names[i], headers[i]);
    const bool good = !damage.has_value();
    if (!good) {
      out.begin = i + 1;
    } else if (good_before) {
      damage = check_pair(headers[i - 1].header, headers[i].header);
      if (damage.has_value()) out.begin = i;
    }
    if (!out.damage.has_value()) out.damage = std::move(damage);
    good_before = good;
  }
  return out;
}

Damage header_damage(const std::string& file, const Status& found) {
  return Damage{file, 0, {}, std::string(found.message()), kRestore};
}

std::optional<Damage> check_start(const SegmentHeader& oldest, StableSeq released) {
  const StableSeq needed = std::max(released, StableSeq(1));
  if (oldest.first_seq <= needed) return std::nullopt;
  mark<"wal.oldest_segment_missing">();
  return Damage{oldest.number > 1 ? segment_name(oldest.number - 1) : segment_name(oldest.number), 0, needed,
                "the records from " + to_text(needed) + " to " + to_text(oldest.first_seq - 1) +
                    " are still needed and their segments are missing",
                kRestore};
}

StatusOr<Findings> examine_segment(SegmentReader& reader, std::optional<StableSeq> successor_first,
                                   const std::function<Status(const Frame&)>& on_frame) {
  Findings found;
  EndFacts facts;
  found.next_seq = reader.header().first_seq;
  found.proven = found.next_seq - 1;
  found.released = reader.header().released;
  facts.has_successor = successor_first.has_value();
  facts.file_complete = reader.complete();
  uint64_t at = reader.begin();
  while (at < reader.end()) {
    StatusOr<Frame> got = reader.frame_at(at);
    if (!got.ok()) return got.status();
    if (got->state == FrameState::kAbsent) break;
    if (got->state == FrameState::kTorn || got->header.previous != found.last_crc) {
      if (got->state == FrameState::kWhole) mark<"wal.stale_frame">();
      facts.at_end = AtEnd::kUnusable;
      break;
    }
    if (got->header.first_seq != found.next_seq) {
      facts.at_end = AtEnd::kOtherNumber;
      break;
    }
    if (successor_first.has_value() && got->next_seq() > *successor_first) {
      facts.reach = Reach::kBeyond;
      break;
    }
    if (Status s = on_frame(*got); !s.ok()) return s;
    found.proven = std::max(found.proven, got->header.stable);
    found.released = std::max(found.released, got->header.released);
    found.next_seq = got->next_seq();
    found.last_crc = got->header.crc;
    at = got->end;
    forget_proven(found);
    found.unproven.push_back(*std::move(got));
  }
  found.valid_end = found.stale_end = at;
  if (facts.reach != Reach::kBeyond && successor_first.has_value() && found.next_seq < *successor_first) {
    facts.reach = Reach::kShort;
  }
  if (!successor_first.has_value()) {
    if (Status s = look_behind(reader, found, facts); !s.ok()) return s;
    facts.acknowledged_beyond = found.proven >= found.next_seq;
  }
  found.verdict = judge(facts);
  if (is_damage(found.verdict)) {
    found.damage =
        Damage{reader.name(), at, found.next_seq, describe(found.verdict, found, reader, successor_first), kRestore};
  }
  return found;
}

}  // namespace holdfast::stable::wal
