#include "holdfast/consensus/paxos/core.h"

#include <algorithm>

#include "holdfast/base/planted.h"

namespace holdfast::paxos {

bool sound(const Entry& entry, const Ballot& ballot) {
  if (!entry.index || entry.index > kMaxIndex || !entry.term || entry.term > ballot.round) return false;
  return entry.kind != EntryKind::kMembership || membership_in(entry);
}

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
  ensure(ledger.recovered().ok(), "the owner asks recovered() before it starts a member");
  const bool fresh = ledger.empty() && !(bootstrap_ == Membership{});
  ledger.finish_recovery();
  if (fresh) {
    ledger.write_mark(SnapshotMeta{.membership = bootstrap_}, /*reset=*/false, 0, out);
  } else {
    // A record per start: what is numbered by it (forwarded reads) never repeats.
    ledger.reaffirm(out);
  }
  const SnapshotMeta& snapshot = ledger.snapshot();
  see_blob(snapshot.blob);
  memberships.reset(snapshot.index, snapshot.membership);
  belonged_ = snapshot.membership.contains(self());
  commit = delivered = snapshot.index;
  choose(ledger.chosen());
  if (planted<"R6">()) memberships.reset(snapshot.index, snapshot.membership);
}

void Core::choose(Index upto) {
  if (upto <= commit) return;
  ledger.learn_chosen(upto);
  for (Index i = commit + 1; i <= upto; ++i) {
    const Entry& entry = slots().at(i);
    if (entry.kind == EntryKind::kMembership) memberships.append(i, *membership_in(entry));
  }
  commit = upto;
}

bool Core::membership_is_last() const {
  const Slots::Slot* last = slots().find(commit);
  return last != nullptr && last->vote.entry.kind == EntryKind::kMembership && commit > snapshot().index;
}

void Core::deliver(Out& out) {
  if (!delivers_more()) return;
  const Index upto = std::min(deliverable(), delivered + kMaxDelivered);
  Committed event{slots().range(delivered + 1, upto)};
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
  whole.term = *slots().term_at(meta.index);
  whole.membership = memberships.at(meta.index);
  ledger.write_mark(whole, /*reset=*/false, config.catch_up_entries, out);
  memberships.compact(meta.index);
}

void Core::install(SnapshotMeta meta, Out& out) {
  if (meta.index <= commit) {  // what was chosen while the owner was loading is held in any case
    meta.term = *slots().term_at(meta.index);
    ledger.write_mark(meta, /*reset=*/false, 0, out);
    memberships.compact(meta.index);
  } else {
    ledger.write_mark(meta, /*reset=*/true, 0, out);
    memberships.reset(meta.index, meta.membership);
    commit = meta.index;
  }
  const bool belongs = meta.membership.contains(self());
  if (belonged_ && !belongs) out.raise(Removed{});
  belonged_ = belongs;
  delivered = meta.index;
}

BlobId Core::name_blob() {
  ++last_blob_;
  return last_blob_;
}

void Core::check_invariants() const {
  ledger.check_invariants();
  ensure(delivered <= commit, "only what is chosen is delivered");
  ensure(commit == ledger.chosen(), "the ledger knows what is chosen");
  ensure(memberships.changed_at() <= commit, "only a chosen membership is in force");
}

}  // namespace holdfast::paxos
