// Telling others how far one is, and giving them what they lack: the only retransmission there is.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {
// What one report is answered with, at most.
constexpr int kPlacesHelped = 32;
constexpr int kProposalsHelped = 4;
constexpr int kFetched = 16;
}  // namespace

bool Replica::Impl::busy() const {
  if (changing || complaining || silent || transfer.active || low() > executed || rotten) return true;
  return pool.oldest() != Time::never() || slots.upper_bound(executed) != slots.end();
}

Time Replica::Impl::next_tick() const { return last_tick + config.resend_interval * (busy() ? 1 : 10); }

void Replica::Impl::tick(Step& s) {
  if (s.now < next_tick()) return;
  count_reached(s);
  last_tick = s.now;
  broadcast(s, StatusReport{group().epoch(), view, changing, low(), executed, snapshot ? snapshot->meta.size : 0});
  if (complaining) broadcast(s, Complaint{group().epoch(), view});
  if (changing && proof) broadcast(s, *proof);
  if (changing && ledger.standing().change) {
    broadcast(s, *ledger.standing().change, ledger.after_standing());
  }
  fetch_missing(s);
  end_silence_when_due(s);
  transfer_tick(s);
}

// Everybody reports at least every ten resend intervals. Who has not run itself has heard nobody.
void Replica::Impl::count_reached(Step& s) {
  const Duration silence = config.resend_interval * 30;
  if (s.now - last_tick >= config.resend_interval * 20) listening = s.now;
  size_t reached = member() ? 1 : 0;
  for (const Peer& p : group().members()) {
    const auto at = heard.find(p.id);
    if (p.id != self() && at != heard.end() && s.now - at->second < silence) ++reached;
  }
  reaches_quorum = reached >= group().quorum() || s.now - listening < silence;
}

// Contents that a quorum, or a new view, has named by digest only. Whoever voted for them has them.
void Replica::Impl::fetch_missing(Step& s) {
  int n = 0;
  for (auto at = slots.upper_bound(std::min(executed, low())); at != slots.end() && n < kFetched; ++at) {
    if (const auto digest = at->second.missing()) {
      broadcast(s, FetchBatch{at->first, *digest});
      ++n;
    }
  }
}

void Replica::Impl::on(Step& s, NodeId from, const FetchBatch& m) {
  if (!may_ask(from)) return;
  const auto slot = slots.find(m.seq);
  ContentPtr content = slot != slots.end() ? slot->second.content(m.digest) : nullptr;
  if (const auto old = history.find(m.seq); content == nullptr && old != history.end()) {
    if (old->second->digest == m.digest) content = old->second;
  }
  if (content != nullptr && spend(s, from, content->bytes.size())) send(s, from, BatchData{m.seq, content->bytes});
}

void Replica::Impl::on(Step& s, NodeId, const BatchData& m) {
  const auto at = slots.find(m.seq);
  if (at == slots.end()) return;
  Slot& slot = at->second;
  const BriefPrePrepare* brief = briefs.find(m.seq);
  const std::optional<Vote> not_shown = unseen(m.seq, slot);
  const Digest digest = crypto::digest(m.batch.view());
  const bool named = brief != nullptr && brief->digest == digest;
  const bool voted_for = not_shown && not_shown->digest == digest;
  if (!named && !voted_for && slot.missing() != digest) return;
  const ContentPtr content = content_of(m.batch);
  if (content == nullptr) return;
  if (named || voted_for) return accept_unseen(s, {group().epoch(), view, m.seq, digest}, content);
  mark<"pbft.batch_fetched">();
  slot.hold(content);
  if (slot.proposal && slot.proposal->digest == content->digest && !changing) vote(s, slot);
}

// The last checkpoint of an earlier epoch: without its certificate nobody gets out of it, however much it has executed.
const CheckpointCert& Replica::Impl::end_of(uint64_t epoch) const {
  for (const EpochLink& link : links) {
    if (link.cert.checkpoint.epoch == epoch) return link.cert;
  }
  return stable;
}

void Replica::Impl::on(Step& s, NodeId from, const StatusReport& m) {
  if (!group().is_member(from) || from == self()) return;
  if (silent && m.stable <= low()) reported[from] = m.stable;
  snapshot_sizes[from] = m.snapshot_bytes;
  Time& last = helped.try_emplace(from, Time()).first->second;
  if (last != Time() && s.now - last < config.resend_interval / 2) return;
  last = s.now;
  if (m.epoch < group().epoch()) {
    send(s, from, StableNotice{end_of(m.epoch)});
  } else if (m.stable < low()) {
    send(s, from, StableNotice{stable});
  }
  if (m.epoch != group().epoch()) return;
  const Standing& standing = ledger.standing();
  const bool behind = m.view < view || (m.view == view && m.changing && !changing);
  if (behind && standing.entered && standing.entered->view.view > m.view - (m.changing ? 1 : 0)) {
    send(s, from, *standing.entered, ledger.after_standing());
  }
  if (silent) return;
  // Without them the window fills, and an epoch whose last checkpoint they are for never ends.
  for (const auto& [seq, said_by] : checkpoint_votes) {
    const auto mine = said_by.find(self());
    if (seq > m.stable && mine != said_by.end()) send(s, from, mine->second);
  }
  int places = 0, proposals = 0;
  for (auto at = slots.upper_bound(m.executed); at != slots.end() && places < kPlacesHelped; ++at, ++places) {
    const Slot& slot = at->second;
    if (at->first <= executed && slot.decided) send(s, from, DecidedNotice{m.epoch, at->first, *slot.decided});
    if (changing || !votes() || !slot.proposal || !slot.voted || slot.proposal->view != view) continue;
    const ContentPtr content = slot.content(slot.proposal->digest);
    if (leads() && m.view == view && at->first > opening_end && content != nullptr && proposals < kProposalsHelped) {
      send(s, from, PrePrepare{group().epoch(), view, at->first, content->bytes}, ledger.after_standing());
      ++proposals;
    }
    const auto cast = slot.votes.find(self());
    if (cast != slot.votes.end() && cast->second.vote.view == view) {
      send(s, from, Prepare{cast->second.vote, cast->second.signature});
    }
    const auto said_commit = slot.commits.find(self());
    if (said_commit != slot.commits.end()) send(s, from, Commit{said_commit->second});
  }
}

// A replica that lost its disk may have voted in places up to a window behind a checkpoint that enough others have
// executed. It votes again when everything up to there is settled.
void Replica::Impl::end_silence_when_due(Step& s) {
  if (!silent) return;
  if (!silent_until) {
    if (reported.size() < group().size() - 1 - group().faulty()) return;
    silent_until = low() + 2 * config.window;
  }
  if (low() < silent_until || executed < silent_until) return;
  mark<"pbft.silence_ended">();
  silent = false;
  stand(s, std::nullopt, ledger.standing().entered);
}

}  // namespace holdfast::pbft
