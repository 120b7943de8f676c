// How a replica over PBFT comes back: its latest snapshot if it is whole and what was certified, or that of another
// member; then the order behind it.

#include "absl/strings/str_cat.h"
#include "holdfast/base/mark.h"
#include "holdfast/replica/byzantine_step.h"

namespace holdfast::replica {

void ByzantineReplica::recover_blob(BlobId id, uint64_t size) {
  blobs_[id] = size;
  core_->recover_blob(id, size);
}

void ByzantineReplica::replay(StableSeq seq, const Record& record) {
  ensure(phase_ == Phase::kRecovering, "records are replayed before the start");
  if (const auto* i = std::get_if<Incarnation>(&record)) {
    incarnation_ = std::max(incarnation_, i->number);
  } else if (const auto* r = std::get_if<pbft::Record>(&record)) {
    core_->replay(seq, *r);
  } else {
    foreign_ = true;
  }
}

void ByzantineReplica::start(Time now, Out& out) {
  ensure(phase_ == Phase::kRecovering, "a replica is started once");
  incarnation_ = std::max(incarnation_ + 1, config_.incarnation_hint);
  incarnation_seq_ = rewritten_ = out.persist(Incarnation{incarnation_});
  stable_ = out.next_seq() - 2;  // everything replayed
  Status fits = core_->recovered();
  if (foreign_) fits = absl::FailedPreconditionError("the records were written by another engine of consensus");
  if (!fits.ok()) {
    return stop(absl::StrCat(fits.message(),
                             "; clear this member's data directory and start it as one that has lost "
                             "its disk, or restore a backup"),
                out);
  }
  phase_ = Phase::kLoading;
  const pbft::SnapshotMeta& meta = core_->snapshot();
  if (!meta.blob) return run(now, /*trusted=*/true, out);
  const auto blob = blobs_.find(meta.blob);
  if (blob == blobs_.end() || blob->second != meta.size) {
    mark<"replica.group_snapshot_missing">();
    return run(now, /*trusted=*/false, out);
  }
  load(meta, out);
}

void ByzantineReplica::load(const pbft::SnapshotMeta& meta, Out& out) {
  loader_.emplace(meta.blob, meta.size, config_.snapshot_slice_bytes);
  out.raise(LoadBegin{});
  out.blob(loader_->next_read());
}

bool ByzantineReplica::loaded_at_start(Time now, const Status& loaded, const crypto::Digest& digest, Out& out) {
  bool good = loaded.ok();
  if (good) {
    const ImageHeader& header = *loader_->header();
    good = core_->snapshot_state() == certified_form(digest, header.index);
    if (good) adopt_image_header(now);
  }
  loader_.reset();
  if (!good) mark<"replica.group_snapshot_damaged">();
  run(now, good, out);
  return good;
}

// `trusted`: the state is what the records of PBFT go on from. If not, it is fetched from the others.
void ByzantineReplica::run(Time now, bool trusted, Out& out) {
  if (!trusted) {
    out.raise(Reset{});
    core_->distrust_state();
  }
  phase_ = Phase::kRunning;
  clock_at_ = now;
  membership_ = membership_of(config_.byzantine->configuration);
  out.raise(Started{});
  core_step(now, out, [&](auto& o) { core_->start(now, o); });
  if (phase_ != Phase::kRunning) return;
  membership_ = membership_of(core_->configuration());
  pbft::ClientConfig c;
  c.self = config_.consensus.self;
  c.cluster = config_.byzantine->cluster;
  c.configuration = core_->configuration();
  c.incarnation = incarnation_;
  c.max_request_bytes = kMaxGroupRequestBytes;
  c.retry = config_.proposal_retry;
  client_.emplace(c, *authority_);
  drop_unused(out);
}

void ByzantineReplica::stop(std::string what, Out& out) {
  if (phase_ == Phase::kStopped) return;
  phase_ = Phase::kStopped;
  out.raise(MustStop{std::move(what)});
}

}  // namespace holdfast::replica
