// Changing the primary (TOCS 2002, section 4.4), with signed evidence throughout.
#include <algorithm>
#include <functional>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

namespace {
constexpr int64_t kPause = 10;  // in resend intervals
}

void Replica::Impl::stand(Step& s, std::optional<SignedViewChange> change, std::optional<SignedNewView> entered) {
  ledger.stand({group().epoch(), view, changing, std::move(change), std::move(entered), silent}, s.out);
}

// From here on this replica votes in no view before `wanted`.
void Replica::Impl::start_view_change(Step& s, View wanted) {
  if (!votes() || wanted.value() > kMaxNumber) return;
  view = wanted;
  changing = true;
  complaining = false;
  awaited_votes.clear();
  unseen_until.clear();
  briefs.clear();
  ViewChange change{.epoch = group().epoch(), .view = view, .from = self(), .stable = stable};
  for (auto& [seq, slot] : slots) {
    if (planted<"B2">()) slot.prepared.reset();
    if (slot.prepared && seq > low()) change.prepared.push_back(*slot.prepared);
  }
  const SignedViewChange signed_change{change, authority.sign(text_of(config.cluster, change))};
  const auto entered = ledger.standing().entered;
  stand(s, signed_change, ledger.standing().epoch == group().epoch() ? entered : std::nullopt);
  change_deadline = planted<"B10">() ? s.now + patience() : Time::never();
  say_to_all(s, signed_change, ledger.after_standing());
}

void Replica::Impl::on(Step& s, NodeId from, const SignedViewChange& m) {
  const ViewChange& c = m.change;
  if (c.epoch != group().epoch() || c.from != from || !group().is_member(from) || c.view.value() > kMaxNumber) return;
  if (c.view < view || (c.view == view && !changing)) return;
  const auto at = changes.find(from);
  if (at != changes.end() && at->second.change.view >= c.view) return;
  changes[from] = m;
  change_checked.erase(from);
  consider_changes(s);
  leave_view_when_shared(s);
}

void Replica::Impl::consider_changes(Step& s) {
  // Those who want to go farther. Enough of them, and a correct one is among them: this replica joins.
  std::vector<View> higher;
  for (const auto& [from, m] : changes) {
    if (from != self() && m.change.view > view) higher.push_back(m.change.view);
  }
  const size_t enough = planted<"B10">() ? 1 : group().faulty() + 1;
  if (higher.size() >= enough) {
    std::sort(higher.begin(), higher.end(), std::greater<>());
    mark<"pbft.view_change_joined">();
    start_view_change(s, higher[enough - 1]);
  }
  // The primary itself wants to go: it was restarted, and proposes no more.
  const auto resigned = changes.find(group().primary(view));
  if (!changing && resigned != changes.end() && resigned->second.change.view > view && votes()) {
    mark<"pbft.primary_resigned">();
    start_view_change(s, view + 1);
  }
  if (!changing) return;
  // Whoever wants a higher view has left this one too: without counting them, members whose messages were lost at the
  // wrong moment would wait in different views for ever.
  const auto agree =
      std::count_if(changes.begin(), changes.end(), [&](const auto& c) { return c.second.change.view >= view; });
  if (static_cast<size_t>(agree) < group().quorum()) return;
  // Only now does the time of the new primary run: a replica that is alone with its wish waits, and climbs no views.
  if (change_deadline == Time::never()) change_deadline = s.now + patience();
  if (group().primary(view) == self() && votes()) open_view(s);
}

// The new primary begins its view when a quorum of view changes is valid.
void Replica::Impl::open_view(Step& s) {
  if (!changes.contains(self()) || changes.at(self()).change.view != view) return;
  NewView fresh{.epoch = group().epoch(), .view = view};
  const auto known = [this](const Vote& v, NodeId by, const Signature& g) { return knows_vote(v, by, g); };
  for (auto at = changes.begin(); at != changes.end();) {
    const auto here = at++;
    if (here->second.change.view != view) continue;
    if (here->first != self() && !change_checked[here->first]) {
      if (!judge.valid(here->second, known)) {
        mark<"pbft.view_change_refused">();
        changes.erase(here);
        continue;
      }
      change_checked[here->first] = true;
    }
    fresh.changes.push_back(here->second);
  }
  if (fresh.changes.size() < group().quorum()) return;
  fresh.changes.resize(group().quorum());
  const SignedNewView signed_view{fresh, authority.sign(text_of(config.cluster, fresh))};
  enter_view(s, signed_view);
  broadcast(s, signed_view, ledger.after_standing());
}

void Replica::Impl::on(Step& s, NodeId from, const SignedNewView& m) {
  if (m.view.epoch != group().epoch() || from == self() || stood_later()) return;
  if (m.view.view < view || (m.view.view == view && !changing)) return;
  // Its evidence is long, and a liar may say it again and again: one that was refused gives its sender a pause.
  const auto refused = new_view_refused.find(from);
  if (refused != new_view_refused.end() && s.now - refused->second < config.resend_interval * kPause) return;
  const auto known = [this](const Vote& v, NodeId by, const Signature& g) { return knows_vote(v, by, g); };
  if (!judge.valid(m, known)) {
    new_view_refused[from] = s.now;
    return mark<"pbft.new_view_refused">();
  }
  enter_view(s, m);
}

void Replica::Impl::enter_view(Step& s, const SignedNewView& m) {
  const Opening opening = judge.opening(m.view);
  view = m.view.view;
  changing = false;
  change_deadline = Time::never();
  awaited_votes.clear();
  unseen_until.clear();
  briefs.clear();
  proof.reset();
  not_believed.clear();
  pace.restart();  // what the last primary did is not this one's fault
  stand(s, std::nullopt, m);
  if (opening.stable.checkpoint.seq > low()) {
    mark<"pbft.new_view_ahead">();
    const uint64_t epoch = group().epoch();
    adopt_stable(s, opening.stable);
    if (epoch != group().epoch()) return;  // the view's epoch is over
  }
  std::erase_if(changes, [&](const auto& c) { return c.second.change.view <= view; });
  std::erase_if(change_checked, [&](const auto& c) { return !changes.contains(c.first); });
  opening_end = opening.proposals.empty() ? opening.stable.checkpoint.seq : opening.proposals.rbegin()->first;
  next_place = std::max(opening_end, low()) + 1;
  pool.restart(s.now);
  stamps.enter(s.now);
  pace.restart();
  moved = s.now;
  for (auto& [seq, slot] : slots) {
    slot.proposal.reset();
    slot.voted = slot.accused = false;
    slot.votes_until = Time::never();
  }
  for (const auto& [seq, digest] : opening.proposals) {
    if (seq <= low()) continue;
    Slot& slot = slots[seq];
    slot.proposal = Vote{group().epoch(), view, seq, digest};
    slot.accepted_at = Time();
    if (digest == null_content()->digest) slot.hold(null_content());
  }
  for (auto& [seq, slot] : slots) {
    slot.prune();
    if (!slot.proposal) continue;
    const ContentPtr content = slot.content(slot.proposal->digest);
    if (content == nullptr) continue;
    for (const SignedRequest& r : content->batch.requests) pool.proposed(s.now, r.request.id);
    vote(s, slot);
  }
  fetch_missing(s);
  s.out.raise(ViewEntered{group().epoch(), view, group().primary(view)});
}

}  // namespace holdfast::pbft
