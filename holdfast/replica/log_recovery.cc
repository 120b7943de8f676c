// How a replica comes back: the newest snapshot that is whole, then the log behind it.
//
// The engine is started only after the snapshot has been loaded, so a damaged newest snapshot can be passed over in
// favour of the older one: the stable records reach back to the older one's place. What must not happen is a gap
// between a snapshot and the first entry behind it; then the member refuses to start.

#include "absl/strings/str_cat.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/replica/engine_step.h"

namespace holdfast::replica {

void LogReplica::recover_blob(BlobId id, uint64_t size) {
  blobs_[id] = size;
  engine_->recover_blob(id, size);
}

void LogReplica::replay(StableSeq seq, const Record& record) {
  ensure(phase_ == Phase::kRecovering, "records are replayed before the start");
  if (const auto* i = std::get_if<Incarnation>(&record)) {
    incarnation_ = std::max(incarnation_, i->number);
  } else {
    replayed_.emplace_back(seq, record);
  }
}

void LogReplica::start(Time now, Out& out) {
  ensure(phase_ == Phase::kRecovering, "a replica is started once");
  incarnation_ = std::max(incarnation_ + 1, config_.incarnation_hint);
  incarnation_seq_ = out.persist(Incarnation{incarnation_});
  // Everything replayed is stable.
  stable_ = out.next_seq() - 2;
  survey_replayed();
  for (auto it = blobs_.begin(); it != blobs_.end();) {
    const bool named = std::any_of(kept_.begin(), kept_.end(), [&](const Kept& k) { return k.meta.blob == it->first; });
    if (!named) out.blob(BlobDrop{it->first});  // sealed, but its record was never stable; or superfluous
    it = named ? std::next(it) : blobs_.erase(it);
  }
  load_newest(now, out);
}

// Finds the snapshots that the records speak of.
void LogReplica::survey_replayed() {
  for (consensus::FoundSnapshot& found : engine_->survey(replayed_)) {
    kept_.push_back({found.meta, found.first_needed, found.reset, found.log_begins});
  }
  while (kept_.size() > 2) kept_.pop_front();
}

void LogReplica::load_newest(Time now, Out& out) {
  phase_ = Phase::kLoading;
  if (kept_.empty() || kept_.back().meta.blob == BlobId{}) return run(now, out);
  const consensus::SnapshotMeta& meta = kept_.back().meta;
  const auto blob = blobs_.find(meta.blob);
  if (blob == blobs_.end() || blob->second != meta.size) return fall_back(now, out);
  loader_.emplace(meta, config_.snapshot_slice_bytes);
  out.raise(LoadBegin{meta.index});
  out.blob(loader_->next_read());
}

// The newest snapshot is missing or damaged.
void LogReplica::fall_back(Time now, Out& out) {
  const Kept bad = kept_.back();
  kept_.pop_back();
  const bool unbroken = planted<"R17">() || (!kept_.empty() && bad.log_begins <= kept_.back().meta.index + 1);
  const bool usable = !kept_.empty() && !bad.reset && unbroken;
  if (!usable) {
    return stop(
        absl::StrCat("the snapshot at index ", bad.meta.index.value(), " (blob ", bad.meta.blob.value(),
                     ") is missing or damaged, and there is no older one with an unbroken log behind it. Remove "
                     "this member from the cluster, clear its data directory and add it again; or restore the "
                     "directory from a backup"),
        out);
  }
  mark<"replica.older_snapshot_used">();
  load_newest(now, out);
}

// Hands the records to the engine, all but the marks of snapshots that were passed over, and starts it.
void LogReplica::run(Time now, Out& out) {
  const consensus::Index newest = kept_.empty() ? consensus::Index{} : kept_.back().meta.index;
  for (const auto& [seq, record] : replayed_) {
    if (engine_->marks_snapshot(record).value_or(newest) > newest) continue;
    engine_->replay(seq, record);
  }
  replayed_.clear();
  replayed_.shrink_to_fit();
  if (const Status fits = engine_->recovered(); !fits.ok()) {
    return stop(std::string(fits.message()) +
                    "; clear this member's data directory and add it to the cluster again, or restore a backup",
                out);
  }
  if (applied_ == consensus::Index{})
    applied_membership_ = kept_.empty() ? config_.bootstrap : kept_.back().meta.membership;
  phase_ = Phase::kRunning;
  out.raise(Started{});
  engine_step(now, out, [&](Engine::Out& o) { engine_->start(now, o); });
  if (kept_.empty()) kept_.push_back({engine_->snapshot(), StableSeq{1}});
}

void LogReplica::stop(std::string what, Out& out) {
  if (phase_ == Phase::kStopped) return;
  phase_ = Phase::kStopped;
  out.raise(MustStop{std::move(what)});
}

}  // namespace holdfast::replica
