// Proposals that the primary has not shown to this replica. A faulty one may leave some members out: they would have no
// vote, and learn by hearsay only, always behind, what the others decide. But what f + 1 have voted for, a correct one
// of them had from the primary; so this replica fetches it, and votes for it as if it had been shown it. That is one vote
// in this place of this view, as ever.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

// What f + 1 have voted for in this view, while this replica has no proposal.
std::optional<Vote> Replica::Impl::unseen(Seq seq, const Slot& slot) const {
  if (slot.proposal || slot.decided || changing || !votes()) return {};
  if (seq <= opening_end || seq > barrier()) return {};
  for (const auto& [by, cast] : slot.votes) {
    if (cast.vote.epoch != group().epoch() || cast.vote.view != view) continue;
    const auto same = std::count_if(slot.votes.begin(), slot.votes.end(),
                                    [vote = &cast.vote](const auto& c) { return c.second.vote == *vote; });
    if (static_cast<size_t>(same) > group().faulty()) return cast.vote;
  }
  return {};
}

// The votes of others may only have overtaken the proposal.
void Replica::Impl::watch_for_unseen(Step& s, Seq seq, const Slot& slot) {
  if (unseen(seq, slot)) unseen_until.try_emplace(seq, s.now + config.resend_interval / 4);
}

void Replica::Impl::fetch_unseen(Step& s) {
  for (auto at = unseen_until.begin(); at != unseen_until.end();) {
    const auto here = at++;
    if (here->second > s.now) continue;
    const auto slot = slots.find(here->first);
    const std::optional<Vote> vote = slot == slots.end() ? std::nullopt : unseen(slot->first, slot->second);
    if (!vote) {
      unseen_until.erase(here);
      continue;
    }
    mark<"pbft.proposal_not_shown">();
    broadcast(s, FetchBatch{vote->seq, vote->digest});
    here->second = s.now + config.resend_interval;
  }
}

void Replica::Impl::accept_unseen(Step& s, const Vote& vote, const ContentPtr& content) {
  if (!acceptable(s, content->batch)) return mark<"pbft.proposal_refused">();
  mark<"pbft.proposal_accepted_from_others">();
  accept(s, vote, content);
}

}  // namespace holdfast::pbft
