// How a log is opened: examine every segment, replay, cut what was never acknowledged, make certain of the rest.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/stable/wal.h"
#include "holdfast/stable/wal_examine.h"

namespace holdfast::stable {
namespace {

using namespace wal;  // NOLINT: the format is this file's vocabulary

// Zeros over [from, to), in pieces.
Status overwrite(File& file, uint64_t from, uint64_t to) {
  static const std::string zeros(size_t{256} << 10, '\0');
  while (from < to) {
    const uint64_t n = std::min<uint64_t>(zeros.size(), to - from);
    if (Status s = file.write(from, Chain(Slice::unowned(std::string_view(zeros).substr(0, n)))); !s.ok()) return s;
    from += n;
  }
  return absl::OkStatus();
}

Status refuse_identity(const Identity& wanted, const Identity& found, const std::string& path) {
  return absl::FailedPreconditionError(
      "the log in " + path + " belongs to cluster " + std::to_string(found.cluster) + ", member " +
      std::to_string(found.node) + "; this is cluster " + std::to_string(wanted.cluster) + ", member " +
      std::to_string(wanted.node) + ". Give this member its own data directory, or correct its name and cluster flags");
}

WalOptions normalized(WalOptions o) {
  o.segment_bytes = std::max(round_up(o.segment_bytes, o.block_bytes), uint64_t{2} * o.block_bytes);
  return o;
}

}  // namespace

class Wal::Recovery {
 public:
  Recovery(Disk& disk, const WalOptions& options, const Replay& replay)
      : disk_(disk), options_(normalized(options)), replay_(replay) {}

  StatusOr<std::unique_ptr<Wal>> run() {
    StatusOr<LogFiles> files = list_log(disk_);
    if (!files.ok()) return files.status();
    wal_.reset(new Wal(disk_, options_, files->spares));
    if (files->segments.empty()) return start_new(*files);
    numbers_ = files->segments;
    for (auto step : {&Recovery::open_all, &Recovery::examine_all, &Recovery::repair_last, &Recovery::make_certain,
                      &Recovery::remove_leftovers}) {
      if (Status s = (this->*step)(); !s.ok()) return s;
    }
    return std::move(wal_);
  }

 private:
  StatusOr<std::unique_ptr<Wal>> start_new(const LogFiles& files) {
    for (const std::string& name : files.spares) {
      if (parse_spare_name(name) == 1) continue;
      return to_status({"", 0, StableSeq(1), "spare files of a log are there, but none of its segments",
                        "nothing was changed. Restore the missing files, or empty the directory to begin anew"},
                       disk_.path());
    }
    if (Status s = wal_->poison(wal_->next_segment(0)); !s.ok()) return s;
    return std::move(wal_);
  }

  Status open_all() {
    std::vector<HeaderFound> headers;
    for (const uint64_t number : numbers_) {
      const std::string name = segment_name(number);
      StatusOr<std::unique_ptr<File>> file = disk_.open(name);
      if (!file.ok()) return file.status();
      StatusOr<SegmentReader> reader = SegmentReader::open(**file, name);
      if (absl::IsUnimplemented(reader.status())) {
        return absl::UnimplementedError(disk_.path() + "/" + name + ": " + std::string(reader.status().message()));
      }
      if (absl::IsDataLoss(reader.status())) {
        mark<"wal.header_damaged">();
        headers.push_back({{}, header_damage(name, reader.status())});
      } else if (!reader.ok()) {
        return reader.status();
      } else if (reader->header().identity != options_.identity) {
        return refuse_identity(options_.identity, reader->header().identity, disk_.path());
      } else {
        headers.push_back({reader->header(), std::nullopt});
      }
      files_.push_back(*std::move(file));
      readers_.push_back(std::move(reader));
    }
    agreement_ = check_headers(numbers_, headers);
    if (agreement_.begin == numbers_.size()) return to_status(*agreement_.damage, disk_.path());
    return check_beginning();
  }

  SegmentReader& reader(size_t i) { return *readers_[i]; }

  // What is to be replayed must begin at or before a record that is known to be needed no more. Found out before
  // anything is replayed: a replay with a hole in it makes no sense to whom it is for.
  Status check_beginning() {
    const SegmentHeader& oldest = reader(agreement_.begin).header();
    StableSeq released = reader(readers_.size() - 1).header().released;
    if (oldest.first_seq > std::max(released, StableSeq(1))) {
      for (size_t i = agreement_.begin; i < readers_.size(); ++i) {
        StatusOr<Findings> found = examine(i, [](const Frame&) { return absl::OkStatus(); });
        if (!found.ok()) return found.status();
        released = std::max(released, found->released);
      }
    }
    const auto damage = check_start(oldest, released);
    if (!damage.has_value()) return absl::OkStatus();
    return to_status(agreement_.damage.has_value() ? *agreement_.damage : *damage, disk_.path());
  }

  StatusOr<Findings> examine(size_t i, const std::function<Status(const Frame&)>& on_frame) {
    std::optional<StableSeq> successor;
    if (i + 1 < readers_.size()) successor = reader(i + 1).header().first_seq;
    return examine_segment(reader(i), successor, on_frame);
  }

  Status examine_all() {
    StableSeq released;
    for (size_t i = agreement_.begin; i < readers_.size(); ++i) {
      const bool sealed = i + 1 < readers_.size();
      StatusOr<Findings> found = examine(i, [&](const Frame& f) { return replay(f); });
      if (!found.ok()) return found.status();
      if (found->damage.has_value()) return to_status(*found->damage, disk_.path());
      if (planted<"S5">() && sealed && found->verdict == Verdict::kCut) {
        if (Status s = forget_behind(i); !s.ok()) return s;
      }
      released = std::max(released, found->released);
      durable_released_ = std::max(durable_released_, sealed ? found->released : reader(i).header().released);
      last_ = *std::move(found);
    }
    last_.released = released;
    return absl::OkStatus();
  }

  // Part of the planted bug S5: what follows a "torn tail" goes with it.
  Status forget_behind(size_t last) {
    while (readers_.size() > last + 1) {
      if (Status s = disk_.remove(segment_name(numbers_[readers_.size() - 1])); !s.ok()) return s;
      readers_.pop_back();
      files_.pop_back();
    }
    return absl::OkStatus();
  }

  Status replay(const Frame& frame) {
    for (const FoundRecord& r : frame.records) {
      if (Status s = replay_(r.seq, r.payload); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  // Afterwards all that was replayed is stable, and nothing else of the log is there.
  Status repair_last() {
    File& file = *files_.back();
    if (last_.verdict == Verdict::kCut) {
      mark<"wal.torn_tail_cut">();
      if (Status s = overwrite(file, last_.valid_end, last_.stale_end); !s.ok()) return s;
    }
    // What can be read may come from a page cache that has given up writing it (a sync that failed before the restart):
    // written again, it is dirty again, and the sync below means something. The bytes are the same, so a crash in
    // between harms nothing.
    for (const Frame& f : last_.unproven) {
      if (Status s = file.write(f.offset, Chain(f.bytes)); !s.ok()) return s;
    }
    if (Status s = file.sync(); !s.ok()) return s;
    for (size_t i = agreement_.begin; i < readers_.size(); ++i) {
      const SegmentHeader& h = reader(i).header();
      wal_->segments_.push_back({h.number, h.first_seq, h.segment_bytes});
    }
    wal_->active_ = reader(readers_.size() - 1).header();
    wal_->file_ = std::move(files_.back());
    wal_->end_ = last_.valid_end;
    wal_->last_written_ = wal_->stable_ = last_.next_seq - 1;
    wal_->last_crc_ = last_.last_crc;
    wal_->marked_ = last_.verdict == Verdict::kCut ? StableSeq{} : last_.proven;
    // A frame behind the end may have released records that it followed and that are gone.
    wal_->released_ = std::min(last_.released, last_.next_seq);
    wal_->written_released_ = wal_->stable_released_ = durable_released_;
    return absl::OkStatus();
  }

  // The names, too, may be the cache's alone, and syncing the directory again proves nothing. Every segment but the
  // last is certain, because nothing was written behind it before it was; so is the last one once a frame stands in it.
  // A last one without a frame is made anew.
  Status make_certain() {
    if (wal_->end_ > wal_->active_.block_bytes) return disk_.sync_dir();
    mark<"wal.empty_segment_made_anew">();
    SegmentHeader& h = wal_->active_;
    h.salt = make_salt(h.identity, h.number, h.first_seq, options_.writer);
    h.block_bytes = options_.block_bytes;
    h.segment_bytes = options_.segment_bytes;
    StatusOr<std::unique_ptr<File>> file = wal_->pool_.make(h);
    if (!file.ok()) return file.status();
    wal_->file_ = *std::move(file);
    wal_->end_ = h.block_bytes;
    wal_->segments_.back().bytes = h.segment_bytes;
    return absl::OkStatus();
  }

  Status remove_leftovers() {
    // That they were released may have stood in frames that were cut: the next recovery must find it, too.
    if (agreement_.begin > 0 && wal_->first_kept() > std::max(wal_->stable_released_, StableSeq(1))) {
      mark<"wal.release_saved_again">();
      if (Status s = wal_->save_released(); !s.ok()) return s;
    }
    for (size_t i = 0; i < agreement_.begin; ++i) {
      mark<"wal.leftover_removed">();
      if (Status s = disk_.remove(segment_name(numbers_[i])); !s.ok()) return s;
    }
    if (agreement_.begin > 0) {
      if (Status s = disk_.sync_dir(); !s.ok()) return s;
    }
    return wal_->pool_.trim_spares();
  }

  Disk& disk_;
  WalOptions options_;
  const Replay& replay_;
  std::unique_ptr<Wal> wal_;
  std::vector<uint64_t> numbers_;  // of the segments, by their names, and then their files and readers
  std::vector<std::unique_ptr<File>> files_;
  std::vector<StatusOr<SegmentReader>> readers_;
  Agreement agreement_;
  Findings last_;
  // What frames that were certainly synced say; the last segment's frames may not have been.
  StableSeq durable_released_;
};

StatusOr<std::unique_ptr<Wal>> Wal::open(Disk& disk, const WalOptions& options, const Replay& replay) {
  return Recovery(disk, options, replay).run();
}

StatusOr<std::optional<Identity>> Wal::identity(Disk& disk) {
  StatusOr<LogFiles> files = list_log(disk);
  if (!files.ok()) return files.status();
  if (files->segments.empty()) return std::optional<Identity>();
  const std::string name = segment_name(files->segments.back());
  StatusOr<std::unique_ptr<File>> file = disk.open(name);
  if (!file.ok()) return file.status();
  StatusOr<SegmentReader> reader = SegmentReader::open(**file, name);
  if (!reader.ok()) return reader.status();
  return std::optional<Identity>(reader->header().identity);
}

}  // namespace holdfast::stable
