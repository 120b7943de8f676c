#include "holdfast/consensus/pbft/ledger.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/planted.h"

namespace holdfast::pbft {

void Ledger::replay(StableSeq seq, const Record& record) {
  stable_ = seq;
  std::visit([&](const auto& r) { take(seq, r); }, record);
}

Ledger::Place& Ledger::place(StableSeq seq, Seq at) {
  first_record(at, seq);
  Place& p = recovered_.places[at];
  if (!p.first) p.first = seq;
  return p;
}

void Ledger::add_content(Place& place, const std::optional<Slice>& batch) {
  if (!batch) return;
  if (const ContentPtr content = content_of(*batch)) {
    place.contents[content->digest] = content;
  } else {
    damage_ = "a record holds a batch that is none";
  }
}

void Ledger::take(StableSeq seq, const Accepted& r) {
  if (r.vote.seq <= snapshot_.seq) return;
  Place& p = place(seq, r.vote.seq);
  if (!planted<"B11">()) p.accepted = r.vote;
  add_content(p, r.batch);
}

void Ledger::take(StableSeq seq, const Prepared& r) {
  if (r.cert.vote.seq <= snapshot_.seq) return;
  Place& p = place(seq, r.cert.vote.seq);
  if (!planted<"B11">()) p.prepared = r.cert;
}

void Ledger::take(StableSeq seq, const Decided& r) {
  if (r.seq <= snapshot_.seq) return;
  Place& p = place(seq, r.seq);
  p.decided = r.digest;
  add_content(p, r.batch);
}

void Ledger::take(StableSeq seq, const SnapshotMark& r) {
  snapshot_ = r.meta;
  recovered_.mark = r;
  std::erase_if(recovered_.places, [&](const auto& p) { return p.first <= r.meta.seq; });
  std::erase_if(first_records_, [&](const auto& p) { return p.first <= r.meta.seq; });
  std::erase_if(recovered_.said, [&](const auto& p) { return p.first <= r.meta.seq || r.replaced; });
  // Whether what belongs behind it follows is seen at the end; until then nothing before it is released.
  marks_.push_back({seq, seq + 1, r.meta});
  recovered_.stable = r.later;
}

Status Ledger::recovered() const {
  if (!damage_.empty()) return absl::DataLossError(damage_);
  if (stable_ != StableSeq{} && !recovered_.founded && !recovered_.mark) {
    return absl::DataLossError("the records of this replica do not begin: neither a founding nor a snapshot is there");
  }
  return absl::OkStatus();
}

StableSeq Ledger::accept(const Vote& vote, const Content* content, Out& out) {
  const StableSeq seq = out.persist(Accepted{vote, content != nullptr ? std::optional(content->bytes) : std::nullopt});
  first_record(vote.seq, seq);
  return seq;
}

StableSeq Ledger::prepared(const PreparedCert& cert, Out& out) {
  const StableSeq seq = out.persist(Prepared{cert});
  first_record(cert.vote.seq, seq);
  return seq;
}

void Ledger::decided(Seq at, const Digest& digest, const Content* content, Out& out) {
  const StableSeq seq =
      out.persist(Decided{at, digest, content != nullptr ? std::optional(content->bytes) : std::nullopt});
  first_record(at, seq);
}

StableSeq Ledger::stand(Standing standing, Out& out) {
  standing_ = std::move(standing);
  return after_standing_ = out.persist(standing_);
}

void Ledger::mark(SnapshotMark snapshot, Out& out) {
  snapshot_ = snapshot.meta;
  std::erase_if(first_records_, [&](const auto& p) { return p.first <= snapshot_.seq; });
  const StableSeq seq = out.persist(std::move(snapshot));
  after_standing_ = out.persist(standing_);
  marks_.push_back({seq, after_standing_, snapshot_});
}

void Ledger::on_stable(StableSeq upto) {
  stable_ = upto;
  while (marks_.size() > 1 && marks_[1].complete <= stable_) marks_.pop_front();
  // While a mark is under way, the places before it may still be needed, and are no longer known.
  if (marks_.size() != 1 || marks_[0].complete > stable_) return;
  first_needed_ = marks_[0].seq;
  for (const auto& [at, seq] : first_records_) first_needed_ = std::min(first_needed_, seq);
}

bool Ledger::names(BlobId id) const {
  return std::any_of(marks_.begin(), marks_.end(), [&](const Mark& m) { return m.meta.blob == id; });
}

}  // namespace holdfast::pbft
