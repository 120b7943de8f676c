// The normal case: PRE-PREPARE, PREPARE, COMMIT (TOCS 2002, section 4.3).
#include <algorithm>

#include "holdfast/base/codec.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/pbft/replica_impl.h"

namespace holdfast::pbft {

bool Replica::Impl::can_propose() const {
  if (!leads() || !in_window(next_place) || next_place > barrier()) return false;
  // What is under way: proposed in this view and not decided.
  uint64_t in_flight = 0, operations = 0;
  for (auto at = slots.upper_bound(executed); at != slots.end(); ++at) {
    const Slot& slot = at->second;
    if (!slot.proposal || slot.decided) continue;
    ++in_flight;
    if (const ContentPtr content = slot.content(slot.proposal->digest)) operations += content->operations;
  }
  if (in_flight >= config.max_in_flight) return false;
  if (pending) return true;
  // A batch costs the same whatever is in it, so it waits until it is worth as much as what is under way: the first
  // goes at once, and the busier the group, the larger the batches.
  const uint64_t worth = std::min(operations, config.max_batch_operations);
  return pool.anything_to_take() && pool.operations_to_take() >= worth;
}

void Replica::Impl::propose(Step& s) {
  const auto check = [this](const SignedRequest& r) { return judge.valid(r); };
  while (can_propose()) {
    Batch batch{stamps.read(s.now), pool.take(s.now, check)};
    // What others proposed meanwhile, in an earlier view, may be executed.
    std::erase_if(batch.requests, [&](const SignedRequest& r) { return !table.wants(r.request); });
    if (batch.requests.empty() && !pending) continue;
    const ContentPtr content = content_of(batch);
    const Vote proposal{group().epoch(), view, next_place, content->digest};
    show(s, proposal, content);
    ++next_place;
    accept(s, proposal, content);
  }
}

// Whether a proposal of that view could be its primary's.
bool Replica::Impl::is_of_primary(NodeId from, uint64_t epoch, View of) const {
  if (epoch != group().epoch() || changing || !member() || stood_later() || of.value() > kMaxNumber) return false;
  if (from == group().primary(of) && from != self()) return true;
  mark<"pbft.proposal_of_another">();
  return false;
}

// A place for which this view's primary may propose something.
bool Replica::Impl::is_open(Seq seq) const { return in_window(seq) && seq > opening_end && seq <= barrier(); }

void Replica::Impl::on(Step& s, NodeId from, const PrePrepare& m) {
  if (!is_of_primary(from, m.epoch, m.view)) return;
  const bool ahead = m.view > view && planted<"B7">();
  if ((m.view != view && !ahead) || !is_open(m.seq)) return;
  Slot& slot = slots[m.seq];
  if (slot.proposal && !ahead) {
    if (slot.proposal->digest != crypto::digest(m.batch.view())) mark<"pbft.primary_equivocates">();
    return;
  }
  const ContentPtr content = content_of(m.batch);
  if (content == nullptr || !acceptable(s, content->batch)) return mark<"pbft.proposal_refused">();
  accept(s, Vote{m.epoch, view, m.seq, content->digest}, content);
}

// Whether this very request waits here.
bool Replica::Impl::is_waiting(const SignedRequest& r) const {
  const SignedRequest* known = pool.find(r.request.id);
  return known != nullptr && known->signature == r.signature && known->request.kind == r.request.kind &&
         known->request.floor == r.request.floor && known->request.operations == r.request.operations;
}

// What a correct primary may propose. What only wastes its time (requests that were executed) is left to the pace.
bool Replica::Impl::acceptable(Step& s, const Batch& batch) {
  if (!stamps.believes(s.now, batch.stamp_ms)) {
    mark<"pbft.stamp_not_believed">();
    return false;
  }
  uint64_t operations = 0, bytes = 0;
  for (const SignedRequest& r : batch.requests) {
    if (!sensible(r.request)) return false;
    operations += r.request.operations.size();
    bytes += Pool::bytes_of(r.request);
  }
  // One request alone may be as large as a request may be.
  const bool large = operations > config.max_batch_operations || bytes > config.max_batch_bytes;
  if (batch.requests.size() > 1 && large) {
    mark<"pbft.batch_too_large">();
    return false;
  }
  return std::all_of(batch.requests.begin(), batch.requests.end(),
                     [&](const SignedRequest& r) { return is_waiting(r) || judge.valid(r); });
}

// This replica's one proposal for a place in the view that is in force.
void Replica::Impl::accept(Step& s, const Vote& proposal, const ContentPtr& content) {
  Slot& slot = slots[proposal.seq];
  slot.proposal = proposal;
  slot.voted = false;
  slot.accepted_at = s.now;
  // What others have long voted for may have been proposed any time before.
  slot.of_the_present = !slot.decided && slot.votes.size() + slot.commits.size() <= group().faulty();
  slot.votes_until = Time::never();
  slot.hold(content);
  slot.prune();
  briefs.erase(proposal.seq);
  stamps.accepted(content->batch.stamp_ms);
  for (const SignedRequest& r : content->batch.requests) {
    // What was waiting may be another one under the same name: its client's lie, and no fault of the primary's.
    const bool waited = is_waiting(r);
    const auto lag = pool.proposed(s.now, r.request.id);
    if (lag && waited) pace.proposed(r.request.id.client, *lag, patience() / 4);
  }
  vote(s, slot);
}

void Replica::Impl::vote(Step& s, Slot& slot) {
  if (slot.voted || !votes() || changing) return;
  const Vote& proposal = *slot.proposal;
  Slot::Held& held = slot.contents.at(proposal.digest);
  slot.voted = true;
  slot.remember_vote(proposal.digest, group().faulty());
  const StableSeq after = ledger.accept(proposal, held.in_writing ? nullptr : held.content.get(), s.out);
  held.in_writing = true;
  say_to_all(s, Prepare{proposal, authority.sign(text_of(config.cluster, proposal))}, after);
}

void Replica::Impl::on(Step& s, NodeId from, const Prepare& m) {
  const Vote& v = m.vote;
  if (v.epoch != group().epoch() || v.view < view || v.view.value() > kMaxNumber || !in_window(v.seq)) return;
  if (!group().is_member(from)) return;
  Slot& slot = slots[v.seq];
  const auto at = slot.votes.find(from);
  if (at != slot.votes.end()) {
    if (at->second.vote.view >= v.view) return voted_twice(s, from, at->second, m);  // the first vote counts
    slot.votes.erase(at);
  }
  slot.votes.emplace(from, Cast{v, m.signature, from == self()});
  const bool is_late = slot.prepared && slot.prepared->vote == v;
  if (is_late && s.now <= slot.votes_until) promptness.came(from);
  watch_for_unseen(s, v.seq, slot);
  watch_for_deception(s, slot);
  if (changing) return;
  check_prepared(s, v.seq);
}

void Replica::Impl::check_prepared(Step& s, Seq seq) {
  Slot& slot = slots[seq];
  if (changing || !votes() || !slot.proposal || !slot.voted) return;
  if (slot.prepared && slot.prepared->vote.view == view) return;
  const auto same = static_cast<size_t>(std::count_if(slot.votes.begin(), slot.votes.end(),
                                                      [&](const auto& c) { return c.second.vote == *slot.proposal; }));
  if (same < group().quorum()) return;
  const bool unchecked = same >= group().quorum() + (planted<"M3">() ? 0 : group().faulty());
  if (!unchecked && awaits_more_votes(s, slot, same)) return;
  awaited_votes.erase(seq);
  PreparedCert cert = unchecked ? unchecked_certificate(slot) : checked_certificate(slot);
  if (cert.endorsements.size() < group().quorum()) return;
  slot.prepared = cert;
  slot.prune();
  highest_prepared = std::max(highest_prepared, seq);
  say_to_all(s, Commit{cert.vote}, ledger.prepared(cert, s.out));
}

// With q + f votes no signature would have to be checked. Whether so many may come soon.
bool Replica::Impl::awaits_more_votes(Step& s, Slot& slot, size_t same) {
  if (slot.votes_until == Time::never()) {
    const Duration taken = slot.accepted_at == Time() ? Duration() : s.now - slot.accepted_at;
    slot.votes_until = s.now + std::clamp(taken * 2, config.vote_wait / 20, config.vote_wait);
  }
  std::vector<NodeId> expected;
  for (const Peer& p : group().members()) {
    const auto cast = slot.votes.find(p.id);
    const bool voted = cast != slot.votes.end() && cast->second.vote.view >= view;
    if (!voted && promptness.expected(p.id)) expected.push_back(p.id);
  }
  if (s.now >= slot.votes_until) {
    mark<"pbft.votes_waited_for_in_vain">();
    for (NodeId id : expected) promptness.missed(id);
    return false;
  }
  if (same + expected.size() < group().quorum() + group().faulty()) return false;
  awaited_votes[slot.proposal->seq] = slot.votes_until;
  return true;
}

// So many that a quorum of them are of correct members: the certificate convinces whoever checks it, now or later.
PreparedCert Replica::Impl::unchecked_certificate(Slot& slot) {
  PreparedCert cert{*slot.proposal, {}};
  for (const auto& [from, cast] : slot.votes) {
    if (cast.vote != cert.vote) continue;
    cert.endorsements.push_back({from, cast.signature});
    promptness.came(from);
  }
  return cert;
}

// Only as many signatures as are needed are checked. What is not signed does not count: the certificate must convince
// others in a later view.
PreparedCert Replica::Impl::checked_certificate(Slot& slot) {
  mark<"pbft.prepares_checked">();
  PreparedCert cert{*slot.proposal, {}};
  for (auto at = slot.votes.begin(); at != slot.votes.end() && cert.endorsements.size() < group().quorum();) {
    Cast& c = at->second;
    const bool counts = c.vote == cert.vote;
    if (counts && !c.verified && !judge.valid(c.vote, at->first, c.signature)) {
      mark<"pbft.prepare_forged">();
      at = slot.votes.erase(at);
      continue;
    }
    if (counts) {
      c.verified = true;
      cert.endorsements.push_back({at->first, c.signature});
    }
    ++at;
  }
  return cert;
}

void Replica::Impl::check_votes_that_waited(Step& s) {
  while (!changing) {
    const auto due =
        std::find_if(awaited_votes.begin(), awaited_votes.end(), [&](const auto& a) { return a.second <= s.now; });
    if (due == awaited_votes.end()) return;
    const Seq seq = due->first;
    awaited_votes.erase(due);
    if (slots.contains(seq)) check_prepared(s, seq);
  }
}

void Replica::Impl::on(Step& s, NodeId from, const Commit& m) {
  const Vote& v = m.vote;
  if (v.epoch != group().epoch() || v.view.value() > kMaxNumber || !group().is_member(from)) return;
  if (v.seq.value() > kMaxNumber || !in_reach(v.seq)) return;
  Slot& slot = slots[v.seq];
  const auto at = slot.commits.find(from);
  if (at != slot.commits.end() && !planted<"B5">()) {
    if (at->second.view >= v.view) return;
    slot.commits.erase(at);
  }
  if (slot.commits.size() < 100) slot.commits.emplace(from, v);
  check_decided(s, v.seq);
}

// A quorum's commits decide, whether or not this replica has prepared: more than f correct members have, so every later
// view will begin with it.
void Replica::Impl::check_decided(Step& s, Seq seq) {
  Slot& slot = slots[seq];
  if (slot.decided) return;
  for (const auto& [from, v] : slot.commits) {
    const auto same = std::count_if(slot.commits.begin(), slot.commits.end(),
                                    [vote = &v](const auto& c) { return c.second == *vote; });
    if (static_cast<size_t>(same) < group().quorum()) continue;
    if (slot.proposal && slot.proposal->digest == v.digest) pace.agreed(s.now - slot.accepted_at);
    return decide(s, seq, Digest(v.digest));
  }
}

void Replica::Impl::on(Step& s, NodeId from, const DecidedNotice& m) {
  if (m.epoch != group().epoch() || !group().is_member(from) || m.seq.value() > kMaxNumber) return;
  if (!in_reach(m.seq)) return;
  Slot& slot = slots[m.seq];
  slot.said_decided[from] = m.digest;
  const auto same = std::count_if(slot.said_decided.begin(), slot.said_decided.end(),
                                  [&](const auto& c) { return c.second == m.digest; });
  if (slot.decided || static_cast<size_t>(same) <= group().faulty()) return;
  mark<"pbft.decided_by_hearsay">();
  decide(s, m.seq, m.digest);
}

void Replica::Impl::decide(Step& s, Seq seq, const Digest& digest) {
  Slot& slot = slots[seq];
  slot.decided = digest;
  slot.prune();
  if (slot.content(digest) != nullptr) return briefs.erase(seq);
  // What it lacks of a proposal is on its way, or asked for soon.
  if (const BriefPrePrepare* brief = briefs.find(seq); brief != nullptr && brief->digest == digest) return;
  mark<"pbft.decided_unseen">();
  fetch_missing(s);
}

bool Replica::Impl::knows_vote(const Vote& vote, NodeId by, const Signature& signature) const {
  const auto slot = slots.find(vote.seq);
  if (slot == slots.end()) return false;
  const auto cast = slot->second.votes.find(by);
  return cast != slot->second.votes.end() && cast->second.verified && cast->second.vote == vote &&
         cast->second.signature == signature;
}

}  // namespace holdfast::pbft
