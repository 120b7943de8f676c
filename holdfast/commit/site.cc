#include "holdfast/commit/site.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"

namespace holdfast::commit {
namespace {

// Passes a child's events on as the site's own.
template <class Raised>
void pass_on(std::vector<Raised> events, Site::Out& out) {
  for (Raised& r : events) {
    std::visit([&](auto& event) { out.raise(SiteEvent(std::move(event)), r.after); }, r.event);
  }
}

}  // namespace

template <class Step>
void Site::coordinate(Out& out, Step&& step) {
  pass_on(absorb(out, coordinator_out_, step), out);
}

template <class Step>
void Site::participate(Out& out, Step&& step) {
  pass_on(absorb(out, participant_out_, step), out);
}

void Site::replay(StableSeq seq, const SiteRecord& record) {
  if (const auto* c = std::get_if<CoordinatorRecord>(&record)) coordinator_.replay(seq, *c);
  if (const auto* p = std::get_if<ParticipantRecord>(&record)) {
    participant_.replay(seq, *p);
    if (std::holds_alternative<ParticipantState>(*p)) checkpoint_end_ = seq;
  }
}

void Site::start(Time now, Out& out) {
  coordinate(out, [&](auto& o) { coordinator_.start(now, o); });
  participate(out, [&](auto& o) { participant_.start(now, o); });
}

void Site::on_message(Time now, NodeId from, const Wire& wire, Out& out) {
  const auto* request = std::get_if<DecisionRequest>(&wire);
  const bool for_coordinator = std::holds_alternative<Vote>(wire) || std::holds_alternative<Acknowledge>(wire) ||
                               (request != nullptr && request->txn.coordinator == config_.self);
  if (for_coordinator) {
    coordinate(out, [&](auto& o) { coordinator_.on_message(now, from, wire, o); });
  } else {
    participate(out, [&](auto& o) { participant_.on_message(now, from, wire, o); });
  }
  checkpoint_when_due(out);
}

void Site::on_stable(Time, StableSeq upto, Out& out) {
  if (checkpoint_ > released_ && upto >= checkpoint_end_) {
    mark<"commit.released_old_records">();
    released_ = checkpoint_;
    out.release(checkpoint_);
  }
}

void Site::on_time(Time now, Out& out) {
  if (coordinator_.deadline() <= now) coordinate(out, [&](auto& o) { coordinator_.on_time(now, o); });
  if (participant_.deadline() <= now) participate(out, [&](auto& o) { participant_.on_time(now, o); });
  checkpoint_when_due(out);
}

Time Site::deadline() const { return std::min(coordinator_.deadline(), participant_.deadline()); }

StatusOr<TxnId> Site::begin(Time now, std::vector<Part> parts, Out& out) {
  StatusOr<TxnId> txn = absl::UnknownError("not begun");
  coordinate(out, [&](auto& o) { txn = coordinator_.begin(now, std::move(parts), o); });
  return txn;
}

Status Site::abort(Time now, const TxnId& txn, Out& out) {
  Status status;
  coordinate(out, [&](auto& o) { status = coordinator_.abort(now, txn, o); });
  return status;
}

void Site::vote(Time now, const TxnId& txn, bool yes, Slice workspace, Out& out) {
  participate(out, [&](auto& o) { participant_.vote(now, txn, yes, std::move(workspace), o); });
  checkpoint_when_due(out);
}

void Site::done(Time now, const TxnId& txn, Out& out) {
  participate(out, [&](auto& o) { participant_.done(now, txn, o); });
}

void Site::checkpoint_when_due(Out& out) {
  if (out.next_seq() - checkpoint_end_ < config_.checkpoint_records) return;
  checkpoint_ = out.next_seq();
  coordinate(out, [&](auto& o) { coordinator_.checkpoint(o); });
  checkpoint_end_ = out.next_seq();
  participate(out, [&](auto& o) { participant_.checkpoint(o); });
}

void Site::check_invariants() const {
  coordinator_.check_invariants();
  participant_.check_invariants();
  ensure(released_ <= checkpoint_, "only a checkpoint releases");
}

}  // namespace holdfast::commit
