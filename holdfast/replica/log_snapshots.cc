// Snapshots of a replica: taken while the state goes on changing, two kept, received ones verified before they count.

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/replica/engine_step.h"

namespace holdfast::replica {

void LogReplica::begin_snapshot(Time now, std::unique_ptr<ImageReader> image, Out& out) {
  ensure(wanted_.has_value() && !writer_, "a snapshot begins once it is wanted");
  writer_.emplace(engine_->name_blob(), *wanted_, *wanted_header_, std::move(image), config_.snapshot_slice_bytes);
  wanted_.reset();
  wanted_header_.reset();
  write_snapshot(now, out);
}

// One slice of the snapshot in work.
void LogReplica::write_snapshot(Time now, Out& out) {
  if (!writer_) return;
  const bool wrote = writer_->busy();
  for (BlobRequest& r : writer_->work()) out.blob(std::move(r));
  if (planted<"R18">() && wrote && writer_->finished()) snapshot_sealed(now, out);
}

void LogReplica::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  if (phase_ == Phase::kStopped) return;
  const BlobId id = std::visit([](const auto& a) { return a.id; }, answer);
  if (writer_ && id == writer_->blob()) {
    if (const auto* appended = std::get_if<BlobAppended>(&answer)) {
      writer_->on_appended(appended->size);
    } else if (std::holds_alternative<BlobSealed>(answer)) {
      if (!planted<"R18">()) snapshot_sealed(now, out);
      writer_.reset();
    } else if (std::holds_alternative<BlobFailed>(answer)) {
      mark<"replica.snapshot_failed">();
      writer_.reset();  // tried again after as many entries as ever
    }
    return;
  }
  if (loader_ && id == loader_->meta().blob) {
    if (const auto* data = std::get_if<BlobData>(&answer)) {
      std::string image;
      const Status status = loader_->add(*data, image);
      if (!image.empty()) out.raise(LoadBytes{std::move(image)});
      if (!status.ok()) {
        out.raise(LoadAborted{});
        return load_ended(now, status, out);
      }
      if (loader_->complete() && phase_ == Phase::kRunning && loader_->meta().index <= applied_) {
        mark<"replica.received_snapshot_overtaken">();
        out.raise(LoadAborted{});
        return load_ended(now, absl::AbortedError("entries have come further than the snapshot"), out);
      }
      if (loader_->complete()) {
        out.raise(LoadEnd{});
      } else {
        out.blob(loader_->next_read());
      }
      return;
    }
    if (const auto* failed = std::get_if<BlobFailed>(&answer)) {
      out.raise(LoadAborted{});
      return load_ended(now, absl::DataLossError(failed->what), out);
    }
  }
  if (phase_ == Phase::kRunning) {
    engine_step(now, out, [&](Engine::Out& o) { engine_->on_blob(now, answer, o); });
  }
}

void LogReplica::snapshot_sealed(Time now, Out& out) {
  const consensus::SnapshotMeta meta = writer_->meta();
  if (meta.index <= engine_->snapshot().index) {  // overtaken by one from the leader
    out.blob(BlobDrop{meta.blob});
    return;
  }
  blobs_[meta.blob] = meta.size;
  image_bytes_ = writer_->image_bytes();
  engine_step(now, out, [&](Engine::Out& o) { engine_->snapshot_taken(now, meta, o); });
  keep(meta, out);
}

// The snapshot counts from the moment its record is stable; what it makes superfluous goes then.
void LogReplica::keep(const consensus::SnapshotMeta& meta, Out& out) {
  kept_.push_back({meta, StableSeq{}});
  // This record might be among those that are released one day.
  drop_when_stable_ = out.persist(Incarnation{incarnation_});
  drop_old_snapshots(out);
}

void LogReplica::drop_old_snapshots(Out& out) {
  if (drop_when_stable_ != StableSeq{} && drop_when_stable_ <= stable_) {
    drop_when_stable_ = {};
    kept_.back().first_needed = engine_->first_needed_behind(kept_.back().meta.index);
    const size_t keep = planted<"R18">() ? 1 : 2;
    for (; kept_.size() > keep; kept_.pop_front()) superfluous_.push_back(kept_.front().meta.blob);
    out.release((planted<"R17">() ? kept_.back() : kept_.front()).first_needed);
  }
  std::erase_if(superfluous_, [&](BlobId blob) {
    if (engine_->uses_blob(blob)) return false;  // a follower is still being sent it
    if (blob == BlobId{}) return true;           // the empty state of index 0
    blobs_.erase(blob);
    out.blob(BlobDrop{blob});
    return true;
  });
}

// The owner has taken the image in, or the image was damaged.
bool LogReplica::load_done(Time now, const Status& loaded, const crypto::Digest&, Out& out) {
  load_ended(now, loaded, out);
  return loaded.ok();
}

void LogReplica::load_ended(Time now, const Status& loaded, Out& out) {
  if (!loader_) return;
  const consensus::SnapshotMeta meta = loader_->meta();
  if (phase_ == Phase::kLoading) {
    if (loaded.ok()) {
      adopt_image_header(out);
      loader_.reset();
      return run(now, out);
    }
    mark<"replica.snapshot_damaged_at_start">();
    loader_.reset();
    blobs_.erase(meta.blob);
    out.blob(BlobDrop{meta.blob});
    return load_newest(now, out);
  }
  if (!loaded.ok()) {
    mark<"replica.received_snapshot_refused">();
    loader_.reset();
    blobs_.erase(meta.blob);  // Raft drops it
    engine_step(now, out, [&](Engine::Out& o) { engine_->snapshot_refused(now, meta.index, o); });
    return;
  }
  loaded_received(now, out);
}

void LogReplica::loaded_received(Time now, Out& out) {
  const consensus::SnapshotMeta meta = loader_->meta();
  adopt_image_header(out);
  loader_.reset();
  if (writer_) {  // it shows a state that is no more
    out.blob(BlobDrop{writer_->blob()});
    writer_.reset();
  }
  wanted_.reset();
  wanted_header_.reset();
  engine_step(now, out, [&](Engine::Out& o) { engine_->snapshot_loaded(now, meta, o); });
  // Older snapshots end where the void begins; they cannot serve as a fallback.
  for (const Kept& old : kept_) superfluous_.push_back(old.meta.blob);
  kept_.clear();
  keep(meta, out);
  finish_reads(out);
}

void LogReplica::adopt_image_header(Out& out) {
  ensure(loader_.has_value() && loader_->header().has_value(), "a loaded snapshot has a header");
  const ImageHeader& header = *loader_->header();
  image_bytes_ = loader_->image_bytes();
  StatusOr<AppliedTable> table = AppliedTable::from_rows(header.applied);
  if (!table.ok()) return stop(std::string(table.status().message()), out);
  table_ = *std::move(table);
  clock_.applied(header.clock_ms, false);
  applied_ = header.index;
  applied_term_ = header.term;
  applied_membership_ = header.membership;
  removed_ = header.removed;
  entries_since_snapshot_ = 0;
  bytes_since_snapshot_ = 0;
  for (uint64_t sequence : proposals_.sequences()) {
    if (!table_.contains(Origin{config_.consensus.self, incarnation_, sequence, 0})) continue;
    mark<"replica.answer_lost_in_snapshot">();
    proposals_.settle(sequence);
    out.raise(AnswerLost{sequence});
  }
}

}  // namespace holdfast::replica
