// Snapshots of a replica over PBFT: images of the state at a checkpoint, which count once it is certified.

#include "holdfast/base/mark.h"
#include "holdfast/replica/byzantine_step.h"

namespace holdfast::replica {

// Everything that was ordered stays in the log and in memory until a snapshot takes its place: also what makes no sense,
// what was only asked, what is repeated, and batches without anything. So all of it counts, or one lying gateway or
// primary could make both grow for ever.
void ByzantineReplica::count_batch(const pbft::Execute& event) {
  constexpr uint64_t kRecordsOfAPlace = 256, kSignatureOfAVote = 96;
  uint64_t operations = 0;
  for (const pbft::Request& r : event.requests) operations += r.operations.size();
  entries_since_snapshot_ += std::max<uint64_t>(operations, 1);
  bytes_since_snapshot_ += event.bytes + kRecordsOfAPlace + kSignatureOfAVote * membership_.voters.size();
}

bool ByzantineReplica::snapshot_due() const {
  const bool due =
      entries_since_snapshot_ >= config_.snapshot_count || bytes_since_snapshot_ >= config_.snapshot_bytes;
  return due && bytes_since_snapshot_ >= image_bytes_ && !writer_ && !sealed_ && !loader_;
}

void ByzantineReplica::begin_snapshot(Time, std::unique_ptr<ImageReader> image, Out& out) {
  ensure(wanted_header_.has_value() && !writer_, "a snapshot begins once it is wanted");
  const consensus::SnapshotMeta meta{wanted_header_->index, wanted_header_->term, membership_, {}, 0, 0};
  writer_.emplace(core_->name_blob(), meta, *wanted_header_, std::move(image), config_.snapshot_slice_bytes);
  wanted_header_.reset();
  core_->keep_checkpoint(writing_);
  write_snapshot(out);
}

// One slice of the snapshot in work.
void ByzantineReplica::write_snapshot(Out& out) {
  if (!writer_) return;
  for (BlobRequest& r : writer_->work()) out.blob(std::move(r));
}

void ByzantineReplica::on_blob(Time now, const BlobAnswer& answer, Out& out) {
  if (phase_ == Phase::kStopped || writer_answered(now, answer, out) || loader_answered(now, answer, out)) return;
  if (phase_ == Phase::kRunning) core_step(now, out, [&](auto& o) { core_->on_blob(now, answer, o); });
}

bool ByzantineReplica::writer_answered(Time now, const BlobAnswer& answer, Out& out) {
  const BlobId id = std::visit([](const auto& a) { return a.id; }, answer);
  if (!writer_ || id != writer_->blob()) return false;
  if (const auto* appended = std::get_if<BlobAppended>(&answer)) {
    writer_->on_appended(appended->size);
  } else if (std::holds_alternative<BlobSealed>(answer)) {
    sealed_ = pbft::SnapshotMeta{writing_, id, writer_->meta().size};
    sealed_image_bytes_ = writer_->image_bytes();
    writer_.reset();
    offer_snapshot(now, out);
  } else if (std::holds_alternative<BlobFailed>(answer)) {
    mark<"replica.group_snapshot_failed">();
    writer_.reset();  // tried again after as many commands as ever
  }
  return true;
}

// The sealed snapshot counts once its checkpoint is certified.
void ByzantineReplica::offer_snapshot(Time now, Out& out) {
  if (!sealed_ || core_->stable_checkpoint() < sealed_->seq) return;
  const pbft::SnapshotMeta meta = *std::exchange(sealed_, std::nullopt);
  Status taken;
  core_step(now, out, [&](auto& o) { taken = core_->snapshot_taken(now, meta, o); });
  if (!taken.ok()) {
    mark<"replica.group_snapshot_overtaken">();
    return out.blob(BlobDrop{meta.blob});
  }
  blobs_[meta.blob] = meta.size;
  image_bytes_ = sealed_image_bytes_;
  write_incarnation(out);
}

// Behind the mark of a snapshot, in front of which everything may be released.
void ByzantineReplica::write_incarnation(Out& out) { rewritten_ = out.persist(Incarnation{incarnation_}); }

bool ByzantineReplica::loader_answered(Time now, const BlobAnswer& answer, Out& out) {
  const BlobId id = std::visit([](const auto& a) { return a.id; }, answer);
  if (!loader_ || id != loader_->meta().blob) return false;
  if (const auto* data = std::get_if<BlobData>(&answer)) {
    std::string image;
    const Status status = loader_->add(*data, image);
    if (!image.empty()) out.raise(LoadBytes{std::move(image)});
    if (!status.ok()) {
      out.raise(LoadAborted{});
      load_done(now, status, {}, out);
    } else if (loader_->complete()) {
      out.raise(LoadEnd{});
    } else {
      out.blob(loader_->next_read());
    }
  } else if (const auto* failed = std::get_if<BlobFailed>(&answer)) {
    out.raise(LoadAborted{});
    load_done(now, absl::DataLossError(failed->what), {}, out);
  }
  return true;
}

bool ByzantineReplica::load_done(Time now, const Status& loaded, const crypto::Digest& digest, Out& out) {
  if (!loader_) return false;
  if (phase_ == Phase::kLoading) return loaded_at_start(now, loaded, digest, out);
  state_replaced_ = false;
  core_step(now, out, [&](auto& o) {
    if (loaded.ok()) {
      core_->snapshot_loaded(now, loading_, certified_form(digest, loader_->header()->index), o);
    } else {
      core_->snapshot_refused(now, loading_, o);
    }
  });
  if (!state_replaced_) mark<"replica.group_snapshot_refused">();
  loader_.reset();
  drop_unused(out);
  return state_replaced_;
}

// The state is that of the snapshot which has just been loaded, or the one before everything.
void ByzantineReplica::state_replaced(Time now, const pbft::SnapshotMeta& meta, Out& out) {
  if (writer_) out.blob(BlobDrop{writer_->blob()});  // it shows a state that is no more
  if (sealed_) out.blob(BlobDrop{sealed_->blob});
  writer_.reset();
  sealed_.reset();
  wanted_header_.reset();
  state_replaced_ = true;
  if (meta.blob) {
    adopt_image_header(now);
  } else {
    mark<"replica.group_state_begins_anew">();
    applied_ = {};
    clock_ms_ = 0;
    out.raise(Reset{});
  }
  write_incarnation(out);
}

void ByzantineReplica::adopt_image_header(Time now) {
  const ImageHeader& header = *loader_->header();
  applied_ = header.index;
  clock_ms_ = header.clock_ms;
  clock_at_ = now;
  image_bytes_ = loader_->image_bytes();
  entries_since_snapshot_ = bytes_since_snapshot_ = 0;
}

// Drops blobs that no recovery and no transfer needs, and releases records.
void ByzantineReplica::drop_unused(Out& out) {
  if (rewritten_ > stable_) return;
  if (core_->first_needed() != StableSeq{}) out.release(std::min(core_->first_needed(), rewritten_));
  std::erase_if(blobs_, [&](const auto& blob) {
    if (core_->uses_blob(blob.first) || (loader_ && loader_->meta().blob == blob.first)) return false;
    out.blob(BlobDrop{blob.first});
    return true;
  });
}

}  // namespace holdfast::replica
