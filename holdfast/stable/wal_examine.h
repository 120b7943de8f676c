// Examines a log without changing it: what recovery acts on and what `verify` reports.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/stable/wal_reader.h"
#include "holdfast/stable/wal_verdict.h"

namespace holdfast::stable::wal {

// The first thing found wrong with a log.
struct Damage {
  std::string file;      // empty: the directory as a whole
  uint64_t offset = 0;   // where in the file
  StableSeq first_lost;  // the first record that cannot be read; zero when that cannot be said
  std::string what;
  std::string advice;
};
std::string to_text(const Damage& damage);
Status to_status(const Damage& damage, const std::string& directory);  // kDataLoss

// The files of a log, by their names.
struct LogFiles {
  std::vector<uint64_t> segments;  // ascending
  std::vector<std::string> spares;
};
StatusOr<LogFiles> list_log(Disk& disk);

// A segment's header as it was read.
struct HeaderFound {
  SegmentHeader header;
  std::optional<Damage> damage;  // it cannot be read: header_damage()
};

// The damage that SegmentReader::open found.
Damage header_damage(const std::string& file, const Status& found);

// What the headers of all segments, in the order of their names, say about themselves and each other. They agree when
// numbers match names and are consecutive, identities are the same and first records do not go back.
struct Agreement {
  // The headers from here on agree; as many as there are segments when not even the last is good. What comes before is
  // a leftover if check_start() accepts the segment at `begin`: a directory sync that failed may leave the name of a
  // segment that was removed, even in another segment's content, and the names after it may be gone for good.
  size_t begin = 0;
  std::optional<Damage> damage;  // the first disagreement; none when begin is 0
};
Agreement check_headers(const std::vector<uint64_t>& names, const std::vector<HeaderFound>& headers);

// The oldest segment must not start behind a record that may still be needed.
std::optional<Damage> check_start(const SegmentHeader& oldest, StableSeq released);

struct Findings {
  Verdict verdict = Verdict::kEnds;
  std::optional<Damage> damage;  // when the verdict is damage
  uint64_t valid_end = 0;        // where the next frame is due
  StableSeq next_seq;            // the number it will start with
  uint32_t last_crc = 0;         // of the last frame before that, 0 when there is none
  uint64_t stale_end = 0;        // a cut must overwrite from valid_end to here
  StableSeq proven;              // some frame calls the records up to here stable
  StableSeq released;            // the greatest such number in any frame or the header
  // The whole frames, up to valid_end, that may never have been synced although they can be read: those behind the last
  // one whose records some frame calls stable.
  std::vector<Frame> unproven;
};

// Reads the whole segment. `successor_first`: the first record of the next segment, none for the last one.
// `on_frame` sees every whole frame in order, up to valid_end; an error it returns is returned.
// Errors: the device cannot read, or on_frame's.
StatusOr<Findings> examine_segment(SegmentReader& reader, std::optional<StableSeq> successor_first,
                                   const std::function<Status(const Frame&)>& on_frame);

}  // namespace holdfast::stable::wal
