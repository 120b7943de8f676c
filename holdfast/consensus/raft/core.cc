#include "holdfast/consensus/raft/core.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::raft {

Core::Core(const Config& c, Membership bootstrap)
    : config(c), random(c.seed ^ (c.self.value() * 0x9e3779b97f4a7c15ull)), bootstrap_(std::move(bootstrap)) {
  ensure(static_cast<bool>(c.self), "a member has an identity");
  ensure(c.heartbeat_interval > Duration{} && c.election_timeout > c.heartbeat_interval,
         "an election timeout is longer than a heartbeat interval");
  ensure(well_formed(bootstrap_), "the bootstrap membership is well formed");
}

Duration Core::draw_timeout() {
  const int64_t base = config.election_timeout.nanos();
  return Duration::nanos(base + static_cast<int64_t>(random.below(static_cast<uint64_t>(base))));
}

void Core::start(Out& out) {
  const Status recovered = ledger.recovered();
  ensure(recovered.ok(), "the owner asks recovered() before it starts a member");
  if (ledger.empty() && !(bootstrap_ == Membership{})) {
    ledger.write_mark(SnapshotMeta{.membership = bootstrap_}, /*keep_tail=*/true, 0, out);
  } else {
    // A record per start: what is numbered by it (forwarded reads) never repeats.
    ledger.reaffirm(out);
  }
  const SnapshotMeta& snapshot = ledger.snapshot();
  see_blob(snapshot.blob);
  memberships.reset(snapshot.index, snapshot.membership);
  for (Index i = snapshot.index + 1; i <= log().last(); ++i) {
    if (planted<"R6">()) continue;
    if (auto m = membership_in(log().at(i))) memberships.append(i, std::move(*m));
  }
  belonged_ = snapshot.membership.contains(self());
  commit = delivered = snapshot.index;
}

Index Core::append(EntryKind kind, Slice data, Out& out) {
  Entry entry{log().last() + 1, term(), kind, std::move(data)};
  const Index index = entry.index;
  if (kind == EntryKind::kMembership) memberships.append(index, *membership_in(entry));
  ledger.append(std::move(entry), out);
  return index;
}

void Core::accept(const Entry& entry, Out& out) {
  ensure(entry.index > commit, "a committed entry is never replaced");
  if (entry.index <= log().last()) {
    mark<"raft.truncated">();
    ledger.truncate_from(entry.index);
    if (memberships.changed_at() >= entry.index) {
      mark<"raft.membership_rolled_back">();
      memberships.truncate_from(entry.index);
    }
  }
  if (auto m = membership_in(entry)) memberships.append(entry.index, std::move(*m));
  ledger.append(entry, out);
}

void Core::advance_commit(Index upto) {
  ensure(upto <= log().last(), "only what is in the log is committed");
  commit = std::max(commit, upto);
}

void Core::deliver(Out& out) {
  if (!delivers_more()) return;
  const Index upto = std::min(commit, delivered + kMaxDelivered);
  Committed event{log().range(delivered + 1, upto)};
  delivered = upto;
  bool removed = false;
  for (const Entry& entry : event.entries) {
    if (entry.kind != EntryKind::kMembership) continue;
    const bool belongs = memberships.at(entry.index).contains(self());
    removed = (removed || belonged_) && !belongs;
    belonged_ = belongs;
  }
  out.raise(std::move(event));
  if (removed) out.raise(Removed{});
}

void Core::compact(const SnapshotMeta& meta, Out& out) {
  SnapshotMeta whole = meta;
  whole.term = log().known_term(meta.index);
  whole.membership = memberships.at(meta.index);
  ledger.write_mark(whole, /*keep_tail=*/true, config.catch_up_entries, out);
  memberships.compact(meta.index);
}

void Core::install(SnapshotMeta meta, Out& out) {
  // Entries behind the snapshot are kept only when the log holds its last entry (paper, section 7). What was committed
  // while the owner was loading is held in any case.
  if (meta.index <= commit) meta.term = log().known_term(meta.index);
  const bool keep_tail = log().matches(meta.index, meta.term);
  ledger.write_mark(meta, keep_tail, 0, out);
  if (keep_tail) {
    memberships.compact(meta.index);
  } else {
    memberships.reset(meta.index, meta.membership);
  }
  const bool belongs = meta.membership.contains(self());
  if (belonged_ && !belongs) out.raise(Removed{});
  belonged_ = belongs;
  commit = std::max(commit, meta.index);
  delivered = meta.index;
}

BlobId Core::name_blob() {
  ++last_blob_;
  return last_blob_;
}

void Core::check_invariants() const {
  ledger.check_invariants();
  ensure(delivered <= commit, "only what is committed is delivered");
  ensure(commit <= log().last(), "only what is in the log is committed");
  ensure(commit >= ledger.snapshot().index, "a snapshot holds only what is committed");
  ensure(memberships.changed_at() <= log().last(), "the membership in force is in the log");
}

}  // namespace holdfast::raft
