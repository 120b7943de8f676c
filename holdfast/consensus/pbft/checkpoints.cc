// Checkpoints: what a quorum vouches for, what may be forgotten, where epochs end (TOCS 2002, section 4.3.4).
#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {
constexpr size_t kCoresKept = 4;
}

Digest Replica::Impl::core_digest(const CoreState& core, const Digest& clients) const {
  crypto::Hasher hasher;
  hasher.add(static_cast<uint64_t>(core.stamp_ms)).add(clients).add(core.pending ? 1 : 0);
  if (core.pending) {
    const PendingChange& next = *core.pending;
    hasher.add(next.at.value()).add(digest_of(next.configuration)).add(crypto::digest(next.context.view()));
  }
  return hasher.finish();
}

void Replica::Impl::make_checkpoint(Step& s, const Digest& state) {
  CoreState core{
      .seq = executed, .chain = chain, .stamp_ms = stamps.executed_ms(), .configuration = group().configuration()};
  if (pending && pending->at == executed) {
    core.configuration = pending->configuration;
    const Group next(core.configuration);
    table.keep([&](NodeId client) { return next.key(client) != nullptr; });
  } else {
    core.pending = pending;
  }
  const Checkpoint checkpoint{.epoch = group().epoch(),
                              .seq = executed,
                              .chain = chain,
                              .state = state,
                              .configuration = digest_of(core.configuration),
                              .core = core_digest(core, table.digest())};
  core.clients = table.rows();
  cores[executed] = std::move(core);
  if (cores.size() > kCoresKept) {
    const auto oldest = cores.begin();
    cores.erase(oldest->first == kept_core ? std::next(oldest) : oldest);
  }
  if (stable.checkpoint.seq >= executed) {
    // It was certified before this replica got here.
    const auto cert = certs.find(executed);
    if (cert != certs.end() && cert->second.checkpoint != checkpoint) return found_rotten(s, executed);
    if (cert != certs.end()) s.out.raise(CheckpointStable{executed});
    said[executed] = checkpoint;
    return;
  }
  const auto before = said.find(executed);
  if (before != said.end() && before->second != checkpoint) {
    // Recovered from its own records, it comes to another state than before the crash.
    return found_rotten(s, executed);
  }
  said[executed] = checkpoint;
  if (!votes()) return;
  const StableSeq after = before == said.end() ? ledger.said(checkpoint, s.out) : ledger.stable();
  say_to_all(s, CheckpointVote{checkpoint, authority.sign(text_of(config.cluster, checkpoint))}, after);
}

void Replica::Impl::on(Step& s, NodeId from, const CheckpointVote& m) {
  const Checkpoint& c = m.checkpoint;
  if (c.epoch != group().epoch() || !group().is_member(from)) return;
  if (c.seq <= low() || c.seq.value() > kMaxNumber || c.seq - low() > 2 * config.window) return;
  if (c.seq.value() % config.checkpoint_interval != 0) return;
  auto& votes_for = checkpoint_votes[c.seq];
  if (!votes_for.emplace(from, m).second) return;
  CheckpointCert cert{c, {}};
  const auto same =
      std::count_if(votes_for.begin(), votes_for.end(), [&](const auto& v) { return v.second.checkpoint == c; });
  if (static_cast<size_t>(same) < group().quorum()) return;
  for (auto at = votes_for.begin(); at != votes_for.end() && cert.endorsements.size() < group().quorum();) {
    if (at->second.checkpoint == c) {
      if (!judge.valid(c, at->first, at->second.signature)) {
        at = votes_for.erase(at);
        continue;
      }
      cert.endorsements.push_back({at->first, at->second.signature});
    }
    ++at;
  }
  if (cert.endorsements.size() == group().quorum()) adopt_stable(s, cert);
}

void Replica::Impl::on(Step& s, NodeId from, const StableNotice& m) {
  if (m.cert.checkpoint.epoch == group().epoch() && m.cert.checkpoint.seq > low() &&
      m.cert.checkpoint.seq.value() <= kMaxNumber && judge.valid(m.cert)) {
    return adopt_stable(s, m.cert);
  }
  // It may be of a later epoch: only a transfer, with the links in between, gets there.
  if (group().is_member(from)) epochs_heard[from] = m.cert.checkpoint.epoch;
}

// One of those who say so is correct.
bool Replica::Impl::epoch_is_over() const {
  const auto ahead = std::count_if(epochs_heard.begin(), epochs_heard.end(),
                                   [&](const auto& heard) { return heard.second > group().epoch(); });
  return static_cast<size_t>(ahead) > group().faulty();
}

void Replica::Impl::adopt_stable(Step& s, const CheckpointCert& cert) {
  const Seq seq = cert.checkpoint.seq;
  if (seq <= low()) return;
  stable = cert;
  certs[seq] = cert;
  ledger.became_stable(cert, s.out);
  next_place = std::max(next_place, seq + 1);
  const auto mine = said.find(seq);
  const bool differs = seq <= executed && mine != said.end() && mine->second != cert.checkpoint;
  collect_garbage();
  if (differs) return found_rotten(s, seq);
  if (seq <= executed) s.out.raise(CheckpointStable{seq});
  enter_epoch_when_due(s);
}

void Replica::Impl::collect_garbage() {
  const Seq settled = std::min(executed, low());
  slots.erase(slots.begin(), slots.upper_bound(settled));
  briefs.erase_up_to(low());
  said.erase(said.begin(), said.lower_bound(settled));
  checkpoint_votes.erase(checkpoint_votes.begin(), checkpoint_votes.upper_bound(low()));
}

void Replica::Impl::write_mark(Step& s) {
  snapshot->later.clear();
  for (auto at = certs.upper_bound(snapshot->meta.seq); at != certs.end(); ++at) snapshot->later.push_back(at->second);
  ledger.mark(*snapshot, s.out);
}

void Replica::Impl::enter_epoch_when_due(Step& s) {
  if (!pending || pending->at != executed || low() < executed || rotten) return;
  const auto cert = certs.find(executed);
  if (cert == certs.end()) return;
  const Configuration next = pending->configuration;
  pending.reset();
  links.push_back({cert->second, next});
  enter_epoch(s, next, cert->second.checkpoint);
}

void Replica::Impl::enter_epoch(Step& s, const Configuration& next, const Checkpoint& base) {
  mark<"pbft.epoch">();
  const bool was_member = member();
  judge.believe(Group(next), base);
  view = View();
  changing = false;
  failed_views = 0;
  opening_end = executed;
  next_place = executed + 1;
  slots.clear();
  awaited_votes.clear();
  unseen_until.clear();
  briefs.clear();
  complaints.clear();  // also those of members that have left
  proof.reset();
  not_believed.clear();
  std::erase_if(heard, [&](const auto& said) { return !group().is_member(said.first); });
  listening = s.now;  // to newcomers, too
  std::erase_if(snapshot_sizes, [&](const auto& said) { return !group().is_member(said.first); });
  std::erase_if(epochs_heard, [&](const auto& heard) { return !group().is_member(heard.first); });
  promptness.restart();
  checkpoint_votes.clear();
  changes.clear();
  change_checked.clear();
  own.clear();
  change_deadline = Time::never();
  moved = s.now;
  stamps.enter(s.now);
  pool.keep([&](NodeId client) { return group().key(client) != nullptr; });
  pool.restart(s.now);
  pace.restart();
  if (ledger.recovers(group().epoch())) {
    resume_epoch(s);
    resign_if_leading(s);
  } else {
    stand(s, std::nullopt, std::nullopt);
  }
  s.out.raise(Reconfigured{next});
  if (was_member && !member()) s.out.raise(Removed{});
}

void Replica::Impl::found_rotten(Step& s, Seq seq) {
  mark<"pbft.rotten">();
  if (rotten) return;
  rotten = true;
  reads.clear();
  s.out.raise(Rotten{seq});
  ask_next_sender(s);
}

}  // namespace holdfast::pbft
