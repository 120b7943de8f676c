// The write-ahead log: one node's numbered stream of stable records, over a Disk.
//
// Guarantees:
//  1. After sync() has returned OK, every record written before is replayed by every later open(), in order, with its
//     bytes, until it is released; whatever crashes in between.
//  2. open() replays a run of consecutive records that ends with the last written one or earlier, never before the last
//     synced one. Records of one write() call that fall into one segment are replayed all or none.
//  3. A record that open() has replayed is stable, also when it had never been synced before.
//  4. A log in which an acknowledged record is damaged or missing is refused (kDataLoss, with file, offset and advice),
//     not shortened; nothing is changed on the disk then. Only what was never acknowledged is cut.
//     docs/formats/wal.md says what damage cannot be seen.
//  5. Once a write or sync has failed the log is poisoned: that call and every later one returns the error. What is on
//     the medium is unknown then, and a sync that is tried again proves nothing (the kernel may have dropped the data).
//     The member must stop; the next open() finds out what is there.
//
// Not thread-safe; the real host keeps it on its log thread. Calls block for the disk.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"
#include "holdfast/model/types.h"
#include "holdfast/stable/disk.h"
#include "holdfast/stable/wal_format.h"
#include "holdfast/stable/wal_segments.h"

namespace holdfast::stable {

struct WalOptions {
  wal::Identity identity;
  // Rounded up to whole blocks. A record that does not fit gets a larger segment of its own.
  uint64_t segment_bytes = uint64_t{64} << 20;
  // A power of two from 512 to 1 MiB. Every write fills whole blocks: at the size of a memory page or more, the kernel
  // never has to read a recycled block before it can change it. Existing segments keep theirs.
  uint32_t block_bytes = 4096;
  size_t spares_kept = 1;
  // Distinguishes this process from earlier ones that wrote the same log: from a clock or a random source. What an
  // earlier process left unacknowledged can then never be taken for this one's, whatever the disk does.
  uint64_t writer = 0;
};

struct PendingRecord {
  StableSeq seq;
  Chain bytes;
};

class Wal {
 public:
  using Replay = std::function<Status(StableSeq, Slice)>;

  // Recovers the log in `disk`, or starts a new one when there is none. Replays every record in order; an error from
  // `replay` ends it and is returned. On an error, what was replayed must be forgotten.
  //   kDataLoss            damage; nothing was changed
  //   kUnimplemented       written by a newer version
  //   kFailedPrecondition  the log of another cluster or node
  //   kResourceExhausted   no space for the first segment
  //   kInternal            the device fails
  static StatusOr<std::unique_ptr<Wal>> open(Disk& disk, const WalOptions& options, const Replay& replay);

  // Whose log is in `disk`; none when there is no log. Errors as open().
  static StatusOr<std::optional<wal::Identity>> identity(Disk& disk);

  // Writes the records, which continue the numbering without a gap, without making them stable. One write to the device
  // per segment. kInvalidArgument for a record longer than wal::kMaxRecordBytes (poisons too: the stream has a gap).
  Status write(std::span<const PendingRecord> batch);
  // Makes everything written stable.
  Status sync();

  // No record below `first_needed` will be needed by a recovery. Monotone. Takes effect with trim().
  void release(StableSeq first_needed);
  // Gives up segments that hold released records only: they are recycled or removed. Costs no disk access when there is
  // nothing to give up. For idle moments: may write and sync.
  Status trim();
  // Allocates the next segment ahead of its need. A failure (kResourceExhausted, say) poisons nothing: it is the early
  // warning that the log is about to run out of space.
  Status prepare();
  // Writes a frame without records that says what is stable, if no frame says so yet, so that a later damage to the
  // last records is told from a torn tail. For idle moments; not synced by itself.
  Status mark_stable();
  // mark_stable() and sync(), for an orderly end.
  Status close();

  StableSeq last_written() const { return last_written_; }
  StableSeq stable() const { return stable_; }
  // OK, or what poisoned the log.
  const Status& status() const { return poison_; }
  // The first record that is still in the log's files. Greater than last_written() when there is none.
  StableSeq first_kept() const { return segments_.front().first_seq; }
  size_t segments() const { return segments_.size(); }

 private:
  struct Segment {
    uint64_t number = 0;
    StableSeq first_seq;
    uint64_t bytes = 0;
  };
  // Recovery (wal_recovery.cc).
  class Recovery;

  Wal(Disk& disk, const WalOptions& options, std::vector<std::string> spares);

  uint64_t space_left() const { return active_.segment_bytes - end_; }
  Status write_records(std::span<const PendingRecord> batch);
  Status write_frame(std::span<const PendingRecord> records);
  Status next_segment(uint64_t room);
  Status sync_active();
  Status save_released();
  Status poison(Status s);

  Disk& disk_;
  WalOptions options_;
  wal::SegmentPool pool_;
  std::deque<Segment> segments_;  // never empty once open; the last one is active
  wal::SegmentHeader active_;
  std::unique_ptr<File> file_;
  uint64_t end_ = 0;       // where the next frame goes
  uint32_t last_crc_ = 0;  // of the frame before it
  StableSeq last_written_;
  StableSeq stable_;
  StableSeq marked_;            // some frame or header on the disk says that the records up to here are stable
  StableSeq released_;          // as told by release()
  StableSeq written_released_;  // the last frame says so
  StableSeq stable_released_;   // a synced frame says so: segments below may go
  bool unsynced_ = false;
  Status poison_;
};

}  // namespace holdfast::stable
