// A primary that votes for two proposals in one place of its view is a liar, and two signatures prove it to everybody:
// nobody has to wait for anything to go wrong (Kotla et al., "Zyzzyva", SOSP 2007, section 3.2, its proof of misbehavior).
//
// Each member has only the vote that it was sent. So who has another one than that for which f + 1 have voted, a correct
// one among them, passes it on; whoever has a contrary vote of the primary has the proof, tells everybody, and leaves the
// view.
//
// No guarantee: a primary that shows a member something else and sends it no vote leaves no proof. That member has no vote
// in this place, as if the primary had left it out, and the group goes on for as long as the primary lets it.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

// Behind the last view there is none to go to.
bool Replica::Impl::concerns_primary(const Vote& vote) const {
  return view.value() < kMaxNumber && votes() && !changing && !leads() && vote.epoch == group().epoch() && vote.view == view;
}

// Called with each vote that comes: have f + 1 voted for something else than the primary did, as far as is known here?
void Replica::Impl::watch_for_deception(Step& s, Slot& slot) {
  if (slot.accused) return;
  const auto of_primary = slot.votes.find(group().primary(view));
  if (of_primary == slot.votes.end() || !concerns_primary(of_primary->second.vote)) return;
  const Cast& cast = of_primary->second;
  const auto shared = [&](const Vote& vote) {
    const auto same =
        std::count_if(slot.votes.begin(), slot.votes.end(), [&](const auto& c) { return c.second.vote == vote; });
    return static_cast<size_t>(same) > group().faulty();
  };
  const auto contrary = [&](const auto& c) {
    return c.second.vote.view == view && c.second.vote != cast.vote && shared(c.second.vote);
  };
  if (std::none_of(slot.votes.begin(), slot.votes.end(), contrary)) return;
  slot.accused = true;
  if (!cast.verified && !judge.valid(cast.vote, of_primary->first, cast.signature)) return;
  mark<"pbft.deceived">();
  broadcast(s, VoteOfPrimary{{cast.vote, cast.signature}});
}

void Replica::Impl::on(Step& s, NodeId from, const VoteOfPrimary& m) {
  const Vote& v = m.prepare.vote;
  if (!concerns_primary(v) || !group().is_member(from) || not_believed.contains(from)) return;
  const NodeId primary = group().primary(view);
  const auto slot = slots.find(v.seq);
  if (slot == slots.end()) return;
  const auto mine = slot->second.votes.find(primary);
  if (mine == slot->second.votes.end()) return;
  const Cast& cast = mine->second;
  if (cast.vote.view != view || cast.vote == v) return;
  if (!judge.valid(v, primary, m.prepare.signature)) {
    mark<"pbft.accused_falsely">();
    not_believed.insert(from);
  } else if (cast.verified || judge.valid(cast.vote, primary, cast.signature)) {
    leave_liar(s, {{cast.vote, cast.signature}, m.prepare});
  } else {
    mark<"pbft.prepare_forged">();
    slot->second.votes.erase(mine);  // and is not checked again
  }
}

// Both votes came from `by` itself.
void Replica::Impl::voted_twice(Step& s, NodeId by, const Cast& first, const Prepare& second) {
  if (!concerns_primary(second.vote) || by != group().primary(view) || not_believed.contains(by)) return;
  if (first.vote.view != view || first.vote == second.vote) return;
  on(s, by, ProofOfMisbehavior{{first.vote, first.signature}, second});
}

void Replica::Impl::on(Step& s, NodeId from, const ProofOfMisbehavior& m) {
  const Vote& a = m.one.vote;
  const Vote& b = m.other.vote;
  if (!concerns_primary(a) || !group().is_member(from) || not_believed.contains(from)) return;
  const NodeId primary = group().primary(view);
  const bool contrary = a.epoch == b.epoch && a.view == b.view && a.seq == b.seq && a.digest != b.digest;
  if (contrary && judge.valid(a, primary, m.one.signature) && judge.valid(b, primary, m.other.signature)) {
    return leave_liar(s, m);
  }
  mark<"pbft.accused_falsely">();
  not_believed.insert(from);
}

// The proof is repeated until the next view begins (helping.cc): who left alone would be lost to the group.
void Replica::Impl::leave_liar(Step& s, const ProofOfMisbehavior& shown) {
  mark<"pbft.primary_proven_faulty">();
  proof = shown;
  broadcast(s, *proof);
  start_view_change(s, view + 1);
}

}  // namespace holdfast::pbft
