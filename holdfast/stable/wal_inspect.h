// Looking at a log without touching it: for `holdfast wal dump` and `holdfast wal verify`.
//
// Works on logs of any cluster and node, also on damaged ones, and also (with what was there at the time) while a
// member is writing. Nothing is written, cut or repaired.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/stable/disk.h"
#include "holdfast/stable/wal_examine.h"

namespace holdfast::stable {

// One thing found in a segment file, in the order of positions.
struct WalItem {
  enum class Kind {
    kRecord,     // of a frame that checks
    kBadRecord,  // its frame's header checks, it does not
    kMark,       // a frame without records
    kStray,      // a frame header that checks, behind the end of what recovery would replay; seq: its first record
  };
  Kind kind = Kind::kRecord;
  std::string file;
  uint64_t offset = 0;  // of the record's header, or of the frame's
  uint64_t length = 0;  // of the record's bytes
  StableSeq seq;
  StableSeq stable;  // what its frame calls stable
  Slice bytes;       // of a record that can be read
};
constexpr WalItem::Kind last_value(WalItem::Kind) { return WalItem::Kind::kStray; }

struct WalSegmentReport {
  std::string file;
  uint64_t file_bytes = 0;
  wal::SegmentHeader header;  // zeros when it cannot be read
  uint64_t frames = 0;
  uint64_t records = 0;
  uint64_t used_bytes = 0;  // up to the end of the last whole frame
  wal::Verdict verdict = wal::Verdict::kEnds;
  bool leftover = false;  // recovery removes it, if the segments behind it hold all that is needed
};

struct WalReport {
  std::vector<WalSegmentReport> segments;
  size_t spares = 0;
  StableSeq first, last;              // the records that recovery would replay; zeros when there are none
  StableSeq proven;                   // a frame calls the records up to here stable
  StableSeq released;                 // no record below this is needed
  bool torn_tail = false;             // recovery will cut a tail that was never acknowledged
  std::optional<wal::Damage> damage;  // the first one; recovery refuses the log
  bool ok() const { return !damage.has_value(); }
};

// Reads the whole log. Errors: the device cannot list or read (damage is no error). kNotFound: there is no log.
StatusOr<WalReport> verify_wal(Disk& disk);

// Shows every item of every segment whose header can be read, damaged or not; `on_item` ends the dump by returning an
// error, which is returned. `on_segment` may be empty. Unreadable headers are passed over (verify_wal names them).
Status dump_wal(Disk& disk, const std::function<void(const WalSegmentReport&)>& on_segment,
                const std::function<Status(const WalItem&)>& on_item);

}  // namespace holdfast::stable
