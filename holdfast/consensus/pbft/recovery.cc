// From stable records back to where the replica was: it forgets no promise.
#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {

// What every epoch-0 configuration begins with, before anything is executed.
Checkpoint genesis(const Configuration& configuration, const Digest& core) {
  Checkpoint c;
  c.configuration = digest_of(configuration);
  c.core = core;
  return c;
}

}  // namespace

Replica::Impl::Impl(const Config& c, Authority& a)
    : config(c),
      authority(a),
      judge(c.cluster, c.window, a),
      table(c.client_window),
      pool(config),
      stamps(config),
      pace(config) {
  ensure(Group::valid(c.configuration).ok(), "a replica is given a valid configuration");
  ensure(c.checkpoint_interval > 0 && c.window % c.checkpoint_interval == 0 && c.window >= 2 * c.checkpoint_interval,
         "the window is a multiple of the checkpoint interval, twice it at least");
}

void Replica::Impl::begin(Step& s) {
  const Ledger::Recovered& from = ledger.content();
  const bool fresh = ledger.empty();
  const Configuration founding = from.founded ? from.founded->configuration : config.configuration;
  // A replica that was given a later configuration trusts it, but knows no state of its epoch yet.
  Checkpoint base = genesis(founding, core_digest(CoreState{}, table.digest()));
  if (founding.epoch != 0) base.epoch = kMaxNumber + 1;
  judge.believe(Group(founding), base);
  stable.checkpoint = base;
  if (founding.epoch != 0) stable.checkpoint = Checkpoint{};
  if (from.mark) {
    snapshot = from.mark;
    const CoreState& core = snapshot->core;
    judge.believe(Group(core.configuration), snapshot->base);
    executed = core.seq;
    chain = core.chain;
    pending = core.pending;
    links = snapshot->links;
    StatusOr<ClientTable> rows = ClientTable::from_rows(core.clients, config.client_window);
    ensure(rows.ok(), "a replica wrote its own clients down in order");
    table = *std::move(rows);
    stamps.lose(s.now, core.stamp_ms);
    certs[executed] = snapshot->cert;
    stable = snapshot->cert;
  } else {
    stamps.lose(s.now, 0);
  }
  for (const CheckpointCert& cert : from.stable) {
    if (cert.checkpoint.seq > executed) certs[cert.checkpoint.seq] = cert;
    if (cert.checkpoint.seq > low()) stable = cert;
  }
  // The founding may be all that it had written.
  const Beginning beginning = from.founded ? from.founded->beginning : config.beginning;
  silent = from.stood ? from.standing.silent : beginning == Beginning::kLostDisk;
  moved = last_tick = listening = s.now;
  if (fresh) ledger.found(config, s.out);
  if (!from.stood) stand(s, std::nullopt, std::nullopt);
  resume_epoch(s);
  if (!fresh) resign_if_leading(s);
}

// What it proposed just before the crash may be lost here and known elsewhere: it must not propose in this view again.
void Replica::Impl::resign_if_leading(Step& s) {
  if (!leads()) return;
  mark<"pbft.restarted_primary">();
  start_view_change(s, view + 1);
}

// What the records say of the epoch that the replica is in now. It may have stood in a later one, to which it comes by
// executing what lies between; until then nothing is settled but what is certified.
void Replica::Impl::resume_epoch(Step& s) {
  const Standing& standing = ledger.content().standing;
  const bool last = standing.epoch <= group().epoch();
  if (standing.epoch == group().epoch()) {
    view = standing.view;
    changing = standing.changing;
  }
  resume_checkpoint(s);
  opening_end = next_place = std::max(low(), executed);
  restore_places(s);
  ++next_place;
  say_again(s);
  if (last) ledger.forget_recovered();
}

// The view may have begun behind a checkpoint that this replica had not reached, and whose own record was lost in the
// crash: the proofs of the view have it.
void Replica::Impl::resume_checkpoint(Step& s) {
  const Standing& standing = ledger.content().standing;
  if (standing.epoch != group().epoch() || !standing.entered) return;
  const CheckpointCert begun = judge.opening(standing.entered->view).stable;
  if (begun.checkpoint.seq <= low()) return;
  mark<"pbft.checkpoint_of_the_view_again">();
  stable = begun;
  if (begun.checkpoint.seq > executed) certs[begun.checkpoint.seq] = begun;
  ledger.became_stable(begun, s.out);
}

void Replica::Impl::restore_places(Step& s) {
  (void)s;
  const Ledger::Recovered& from = ledger.content();
  for (const auto& [seq, place] : from.places) {
    if (seq <= executed) continue;
    Slot& slot = slots[seq];
    for (const auto& [digest, content] : place.contents) {
      slot.hold(content, /*in_writing=*/true);
      slot.remember_vote(digest, group().faulty());
    }
    slot.hold(null_content(), /*in_writing=*/false);
    slot.decided = place.decided;
    slot.decided_in_writing = place.decided.has_value();
    const bool ours = place.accepted && place.accepted->epoch == group().epoch();
    if (ours && place.accepted->view == view && !changing) {
      slot.proposal = place.accepted;
      slot.voted = true;
    }
    if (place.prepared && place.prepared->vote.epoch == group().epoch()) {
      slot.prepared = place.prepared;
      highest_prepared = std::max(highest_prepared, seq);
    }
    next_place = std::max(next_place, seq);
    slot.prune();
  }
  for (const auto& [seq, checkpoint] : from.said) {
    if (checkpoint.epoch == group().epoch()) said[seq] = checkpoint;
  }
  // The proposals that the view began with are fixed, whether or not they were voted for.
  const Standing& standing = from.standing;
  if (standing.epoch != group().epoch() || changing || !standing.entered) return;
  const Opening opening = judge.opening(standing.entered->view);
  opening_end = opening.proposals.empty() ? opening.stable.checkpoint.seq : opening.proposals.rbegin()->first;
  next_place = std::max(next_place, opening_end);
  for (const auto& [seq, digest] : opening.proposals) {
    if (seq <= std::max(low(), executed)) continue;
    Slot& slot = slots[seq];
    if (slot.proposal) continue;
    slot.proposal = Vote{group().epoch(), view, seq, digest};
    if (digest == null_content()->digest) slot.hold(null_content());
    if (slot.content(digest) != nullptr) vote(s, slot);
  }
}

// What it had promised, it counts again, and tells whoever asks.
void Replica::Impl::say_again(Step& s) {
  if (!votes()) return;
  const StableSeq now = ledger.stable();
  for (auto& [seq, slot] : slots) {
    if (slot.proposal && slot.voted && !changing) {
      const Signature signature = authority.sign(text_of(config.cluster, *slot.proposal));
      slot.votes.emplace(self(), Cast{*slot.proposal, signature, true});
    }
    if (slot.prepared) slot.commits.emplace(self(), slot.prepared->vote);
  }
  for (const auto& [seq, checkpoint] : said) {
    if (seq <= low()) continue;
    say_to_all(s, CheckpointVote{checkpoint, authority.sign(text_of(config.cluster, checkpoint))}, now);
  }
  const Standing& standing = ledger.content().standing;
  if (changing && standing.change && standing.epoch == group().epoch()) changes[self()] = *standing.change;
}

}  // namespace holdfast::pbft
