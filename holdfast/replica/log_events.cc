// What a replica makes of its engine's events: commands to apply, reads to answer, snapshots to take.

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/replica/engine_step.h"

namespace holdfast::replica {

void LogReplica::handle(Time now, consensus::Event& event, Out& out) {
  if (phase_ == Phase::kStopped) return;
  if (auto* committed = std::get_if<consensus::Committed>(&event)) {
    for (const consensus::Entry& entry : committed->entries) apply(now, entry, out);
    finish_reads(out);
  } else if (auto* role = std::get_if<consensus::RoleChanged>(&event)) {
    membership_taken_.reset();
    taken_.clear();
    out.raise(RoleChanged{role->role, role->term, role->leader});
  } else if (auto* ready = std::get_if<consensus::ReadReady>(&event)) {
    read_answered(ready->token, ready->index, out);
  } else if (auto* failed = std::get_if<consensus::ReadFailed>(&event)) {
    read_answered(failed->token, std::nullopt, out);
  } else if (auto* received = std::get_if<consensus::SnapshotReceived>(&event)) {
    mark<"replica.snapshot_received">();
    blobs_[received->meta.blob] = received->meta.size;
    loader_.emplace(received->meta, config_.snapshot_slice_bytes);
    out.raise(LoadBegin{received->meta.index});
    out.blob(loader_->next_read());
  } else if (std::holds_alternative<consensus::Removed>(event)) {
    stop(kRemoved, out);
  }
}

void LogReplica::apply(Time, const consensus::Entry& entry, Out& out) {
  if (entry.index <= applied_) return;  // covered by a snapshot that was loaded meanwhile
  ensure(entry.index == applied_ + 1, "entries are applied without gaps");
  applied_ = entry.index;
  applied_term_ = entry.term;
  switch (entry.kind) {
    case consensus::EntryKind::kNoop:
      break;
    case consensus::EntryKind::kCommand:
      apply_command(entry, out);
      break;
    case consensus::EntryKind::kMembership:
      apply_membership(entry, out);
      break;
  }
  entries_since_snapshot_ += 1;
  bytes_since_snapshot_ += entry.data.size();
  want_snapshot(out);
}

void LogReplica::apply_command(const consensus::Entry& entry, Out& out) {
  StatusOr<Command> command = codec::decode<Command>(entry.data);
  // Committed by a quorum and unreadable here: written by a newer version. Going on would make this member diverge.
  if (!command.ok()) return stop("a committed entry cannot be read: " + std::string(command.status().message()), out);
  clock_.applied(command->clock_ms, leads() && entry.term == engine_->term());
  const bool own = command->origin.node == config_.consensus.self && command->origin.incarnation == incarnation_;
  taken_.erase(key_of(command->origin));
  if (!table_.claim(command->origin)) return;
  const bool awaited = own && proposals_.settle(command->origin.sequence);
  out.raise(Apply{entry.index, entry.term, clock_.applied_ms(), std::move(command->command),
                  awaited ? command->origin.sequence : 0, command->origin.node, /*wants_answer=*/false, own});
}

void LogReplica::apply_membership(const consensus::Entry& entry, Out& out) {
  StatusOr<consensus::MembershipEntry> change = codec::decode<consensus::MembershipEntry>(entry.data);
  if (!change.ok()) return stop("a committed entry cannot be read: " + std::string(change.status().message()), out);
  for (NodeId gone : applied_membership_.everyone()) {
    if (change->membership.contains(gone)) continue;
    removed_.push_back(gone);
    if (removed_.size() > kMaxRemoved) removed_.erase(removed_.begin());
  }
  // By the table and not by the membership before, which a member that joins does not know: the table is the same at
  // every member.
  table_.ban_all_but([&](NodeId id) { return change->membership.contains(id); });
  applied_membership_ = change->membership;
  membership_taken_.reset();
  ApplyMembership event{entry.index, change->membership, {}, 0};
  // An entry that only ends a joint phase has no context.
  if (!change->context.empty()) {
    StatusOr<MembershipContext> context = codec::decode<MembershipContext>(change->context);
    if (!context.ok()) return stop("a committed entry cannot be read: " + std::string(context.status().message()), out);
    const Origin& origin = context->origin;
    const bool fresh = !change->membership.contains(origin.node) || table_.claim(origin);
    if (fresh) event.context = std::move(context->context);
    const bool own = origin.node == config_.consensus.self && origin.incarnation == incarnation_;
    if (own && proposals_.settle(origin.sequence)) event.own_sequence = origin.sequence;
  }
  out.raise(std::move(event));
}

void LogReplica::read_answered(uint64_t round, std::optional<consensus::Index> index, Out& out) {
  const auto it = read_rounds_.find(round);
  if (it == read_rounds_.end()) return;
  for (uint64_t token : it->second) {
    if (index) {
      reads_at_.emplace(*index, token);
    } else {
      out.raise(ReadFailed{token});
    }
  }
  read_rounds_.erase(it);
  finish_reads(out);
}

void LogReplica::finish_reads(Out& out) {
  while (!reads_at_.empty() && reads_at_.begin()->first <= applied_) {
    out.raise(ReadReady{reads_at_.begin()->second, std::nullopt});
    reads_at_.erase(reads_at_.begin());
  }
}

void LogReplica::want_snapshot(Out& out) {
  const bool due =
      (entries_since_snapshot_ >= config_.snapshot_count || bytes_since_snapshot_ >= config_.snapshot_bytes) &&
      bytes_since_snapshot_ >= image_bytes_;
  if (!due || writer_ || loader_ || wanted_) return;
  if (drop_when_stable_ != StableSeq{}) {  // the log is slower than the snapshots: one at a time
    mark<"replica.snapshot_waits_for_the_last_one">();
    return;
  }
  entries_since_snapshot_ = 0;
  bytes_since_snapshot_ = 0;
  wanted_ = consensus::SnapshotMeta{applied_, applied_term_, applied_membership_, {}, 0, 0};
  wanted_header_ =
      ImageHeader{applied_, applied_term_, applied_membership_, clock_.applied_ms(), table_.rows(), removed_};
  out.raise(SnapshotWanted{});
}

}  // namespace holdfast::replica
