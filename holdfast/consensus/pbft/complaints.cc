// When a replica wants another primary, and when that is enough to leave the view.
//
// In the paper a replica whose time has run out leaves the view at once, alone if need be, and votes no more until others
// follow. One that was itself suspended for a while, or hears the others badly, would then be lost to a group that goes
// on without it, and the group would be one failure poorer. So it only complains, and goes on voting; it leaves when f
// others complain besides (Kotla et al., "Zyzzyva", SOSP 2007, section 3.3).
//
// Nothing is lost by this. If f + 1 correct replicas are stuck, each of them hears of enough complaints. If fewer are,
// f + 1 correct ones have executed what those are waiting for, and help them to it.
#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

Time Replica::Impl::complaint_due() const {
  if (changing || !votes()) return Time::never();
  // A replica that knows itself to be behind has nothing to complain of: the group goes on, and what this one lacks it
  // gets from those who have it.
  const auto next = slots.find(executed + 1);
  if (low() > executed || rotten || (next != slots.end() && next->second.decided)) return Time::never();
  if (!leads() && pace.too_slow()) return Time();
  Time since = pool.oldest();
  for (auto at = slots.upper_bound(executed); at != slots.end(); ++at) {
    if (at->second.proposal && !at->second.decided) {
      since = std::min(since, std::max(moved, at->second.accepted_at));
    }
  }
  // Up to the end of an epoch the primary has always something to propose.
  if (pending && pending->at > executed) since = std::min(since, moved);
  return since + patience();
}

// Either the view that was asked for does not begin, or the one that there is does not go on.
void Replica::Impl::complain_when_due(Step& s) {
  if (changing && votes() && s.now >= change_deadline) return give_view_up(s);
  if (complaining || s.now < complaint_due()) return;
  // A request that is forged is no reason. But whoever adds one after the other must not keep it from complaining.
  pool.drop_forged(s.now, [this](const SignedRequest& r) { return judge.valid(r); });
  if (s.now < complaint_due()) return;
  mark<"pbft.primary_suspected">();
  complaining = true;
  broadcast(s, Complaint{group().epoch(), view});
  leave_view_when_shared(s);
}

void Replica::Impl::on(Step& s, NodeId from, const Complaint& m) {
  if (m.epoch != group().epoch() || !group().is_member(from) || from == self()) return;
  complaints[from] = {m.view, s.now};
  leave_view_when_shared(s);
}

// Complaints are repeated as long as they are justified; an old one is not counted.
void Replica::Impl::leave_view_when_shared(Step& s) {
  if (!complaining) return;
  const auto agrees = [&](NodeId member) {
    const auto left = changes.find(member);
    if (left != changes.end() && left->second.change.view > view) return true;
    const auto said = complaints.find(member);
    return said != complaints.end() && said->second.view == view && s.now - said->second.at < config.request_timeout;
  };
  size_t sharing = 1;
  for (const Peer& p : group().members()) sharing += p.id != self() && agrees(p.id) ? 1 : 0;
  if (sharing > group().faulty()) give_view_up(s);
}

void Replica::Impl::give_view_up(Step& s) {
  if (!changing && !leads() && pace.too_slow()) {
    mark<"pbft.primary_too_slow">();
    pace.strike();
    pace.restart();
  } else {
    mark<"pbft.view_given_up">();
    ++failed_views;
    calm = 0;
  }
  start_view_change(s, view + 1);
}

// What it complained of may have come to pass.
void Replica::Impl::cease_to_complain(Step& s) {
  if (complaining && s.now < complaint_due()) complaining = false;
}

// The primary's proposals are executed in time. A group that needs more time than the timeout would otherwise change its
// view again and again, each time after a little work.
void Replica::Impl::calm_down() {
  constexpr uint64_t kNeverForgivenAtOnce = 2, kCalm = 16;
  failed_views = std::min(failed_views, kNeverForgivenAtOnce);
  if (++calm % kCalm == 0 && failed_views > 0) --failed_views;
}

}  // namespace holdfast::pbft
