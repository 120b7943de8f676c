// The decision at the end of a segment: is this a log that simply ends, a torn tail that may be cut, or damage?
//
// A crash may leave, behind the last record that was acknowledged as stable, any part of what had been written and not
// yet synced: nothing, whole frames, frames with holes, later frames without earlier ones. All of that was promised to
// nobody and is cut. Everything else is damage, and a log with damage is refused as it stands.
//
// What tells the two apart is what the log itself knows about its syncs:
//  - A segment gets a successor only after it was synced. So a segment with a successor has no tail to be torn.
//  - Every frame says up to which record a sync had succeeded when it was written (FrameHeader::stable). So a record
//    that is missing although some frame, anywhere in the segment, calls it stable, was acknowledged.
//  - A segment's file has its full length before it gets its name. So a shorter one was cut by somebody.
//
// What it cannot know: damage to the very last acknowledged frame, when no frame was written after it. Wal::mark and
// Wal::close keep that gap small (docs/formats/wal.md, "What recovery cannot see").
#pragma once

#include "holdfast/base/planted.h"

namespace holdfast::stable::wal {

// What stands where the next frame was due.
enum class AtEnd {
  kNothing,      // no frame of this segment, or the end of the segment
  kUnusable,     // a frame of which parts are missing, or that does not follow the one before it
  kOtherNumber,  // a whole frame, but its first record is not the next one
};
constexpr AtEnd last_value(AtEnd) { return AtEnd::kOtherNumber; }

// How far the whole frames of a segment go, against the first record of its successor.
enum class Reach { kShort, kExact, kBeyond };
constexpr Reach last_value(Reach) { return Reach::kBeyond; }

struct EndFacts {
  bool has_successor = false;
  Reach reach = Reach::kExact;  // meaningful with a successor only
  bool file_complete = true;    // the file is as long as its header says
  AtEnd at_end = AtEnd::kNothing;
  bool acknowledged_beyond = false;  // some frame calls a record stable that is not there
  bool frames_behind = false;        // a frame header checks somewhere behind the end
};

enum class Verdict {
  kEnds,              // nothing to repair
  kCut,               // a torn tail: overwrite it, then go on
  kIncomplete,        // damage: a segment with a successor does not reach it
  kOverlaps,          // damage: a segment holds records that its successor holds too
  kNumbering,         // damage: the numbers jump
  kTruncated,         // damage: the file lost its end
  kAcknowledgedLost,  // damage: records that were acknowledged are gone
};
constexpr Verdict last_value(Verdict) { return Verdict::kAcknowledgedLost; }

constexpr bool is_damage(Verdict v) { return v != Verdict::kEnds && v != Verdict::kCut; }

constexpr Verdict judge_facts(const EndFacts& f) {
  if (f.has_successor) {
    if (f.reach == Reach::kBeyond) return Verdict::kOverlaps;
    if (f.reach == Reach::kShort) return f.file_complete ? Verdict::kIncomplete : Verdict::kTruncated;
    // All records are there. What lies behind them can only be a frame that carries none, damaged or not.
    return f.at_end == AtEnd::kOtherNumber ? Verdict::kNumbering : Verdict::kEnds;
  }
  if (!f.file_complete) return Verdict::kTruncated;
  if (f.acknowledged_beyond) return Verdict::kAcknowledgedLost;
  if (f.at_end == AtEnd::kOtherNumber) return Verdict::kNumbering;
  return f.at_end == AtEnd::kUnusable || f.frames_behind ? Verdict::kCut : Verdict::kEnds;
}

// The verdict, and the one place where the planted bug S5 (damage taken for a torn tail) sits.
inline Verdict judge(const EndFacts& f) {
  const Verdict v = judge_facts(f);
  if (planted<"S5">() && is_damage(v)) return Verdict::kCut;
  return v;
}

}  // namespace holdfast::stable::wal
