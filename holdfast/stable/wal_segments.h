// The files behind the log: a segment is made from a spare file, and becomes one again when its records are released.
//
// Invariants:
//  1. A file gets a segment's name only when it has its full length and a valid header, both synced.
//  2. No frame is written into a segment before its name is durable.
//  3. Names change one at a time, with a sync of the directory between, so that a crash never leaves a gap.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "holdfast/stable/disk.h"
#include "holdfast/stable/wal_format.h"

namespace holdfast::stable::wal {

class SegmentPool {
 public:
  // `spares`: the names of the spare files that are there. `spares_kept`: how many to keep for reuse.
  SegmentPool(Disk& disk, uint64_t segment_bytes, size_t spares_kept, std::vector<std::string> spares)
      : disk_(disk), segment_bytes_(segment_bytes), spares_kept_(spares_kept), spares_(std::move(spares)) {}

  // Makes the segment that `header` describes, durable under its name, with no frame in it.
  StatusOr<std::unique_ptr<File>> make(const SegmentHeader& header);

  // Sees to it that a spare is there, so that the next make() of ordinary size needs no space.
  Status prepare();

  // Gives up the segment: keeps its file as a spare, or removes it.
  Status retire(uint64_t number, uint64_t bytes);

  // Drops the spares that are too many.
  Status trim_spares();

 private:
  struct Fresh {
    std::string name;
    std::unique_ptr<File> file;
  };
  StatusOr<Fresh> create_spare(uint64_t bytes);
  StatusOr<Fresh> take_spare(uint64_t bytes);

  Disk& disk_;
  uint64_t segment_bytes_;
  size_t spares_kept_;
  std::vector<std::string> spares_;
};

}  // namespace holdfast::stable::wal
