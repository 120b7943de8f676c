#include "holdfast/consensus/paxos/takeover.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::paxos {

Inquiring::Inquiring(Time now, Core& core, Out& out)
    : ballot_(core.next_ballot()), deadline_(now + core.draw_timeout()) {
  for (NodeId node : core.membership().voters) {
    if (node != core.self()) out.send(node, Inquiry{ballot_, core.commit + 1}, core.after_promise());
  }
}

void Inquiring::on_reply(NodeId from, bool yes) {
  const bool known = std::any_of(answers_.begin(), answers_.end(), [&](const auto& a) { return a.first == from; });
  if (!known) answers_.emplace_back(from, yes);
}

VoteResult Inquiring::result(const Core& core) const {
  return joint_vote(core.membership(), [&](NodeId id) -> std::optional<bool> {
    if (id == core.self()) return true;
    const auto it = std::find_if(answers_.begin(), answers_.end(), [&](const auto& a) { return a.first == id; });
    return it == answers_.end() ? std::nullopt : std::optional<bool>(it->second);
  });
}

Takeover::Takeover(const Core& core, const Ballot& handed_over) : handed_over_(handed_over) {
  for (Index i = core.commit + 1; i <= core.slots().last(); ++i) {
    if (const Slots::Slot* slot = core.slots().find(i)) best_.emplace(i, slot->vote);
  }
}

Index Takeover::part_of(NodeId node, const Core& core) const {
  const auto it = std::find_if(answers_.begin(), answers_.end(), [&](const Answer& a) { return a.node == node; });
  if (it == answers_.end()) return core.commit + 1;
  return it->complete ? Index{} : it->part;
}

void Takeover::ask(const Core& core, Out& out) {
  for (NodeId node : core.membership().voters) {
    const Index part = part_of(node, core);
    if (node == core.self() || !part) continue;
    auto it = std::find_if(answers_.begin(), answers_.end(), [&](const Answer& a) { return a.node == node; });
    if (it == answers_.end()) it = answers_.insert(answers_.end(), Answer{node, part});
    // What has been chosen since need not be reported.
    if (it->part < core.commit + 1) *it = Answer{node, core.commit + 1};
    it->burst = 0;
    out.send(node, Collect{core.ballot(), core.commit + 1, it->part, handed_over_}, core.after_promise());
  }
}

bool Takeover::sound(const Last& last, const Core& core) const {
  Index before = last.part - 1;
  for (const Vote& vote : last.votes) {
    const Index slot = vote.entry.index;
    if (slot <= before || slot - before > kMaxAhead || vote.ballot > core.ballot()) return false;
    if (!paxos::sound(vote.entry, vote.ballot)) return false;
    before = slot;
  }
  return !last.next || (last.next > before && last.next > last.part && last.next - before <= kMaxAhead);
}

bool Takeover::on_last(NodeId from, const Last& last, const Core& core, Out& out) {
  const auto it = std::find_if(answers_.begin(), answers_.end(), [&](const Answer& a) { return a.node == from; });
  if (it == answers_.end() || it->complete || last.part < it->part) return false;  // not asked, or repeated
  if (it->beyond.size() > kReportBurst) return false;
  if (!sound(last, core)) {
    mark<"paxos.nonsense">();
    return false;
  }
  for (const Vote& vote : last.votes) {
    if (planted<"M1">() && from == answers_.back().node) break;
    take(vote, vote.entry.index <= last.chosen);
  }
  it->beyond[last.part] = last.next;
  for (auto next = it->beyond.find(it->part); !it->complete && next != it->beyond.end();
       next = it->beyond.find(it->part)) {
    it->part = next->second;
    it->complete = !it->part;
    it->beyond.erase(next);
    ++it->burst;
  }
  if (it->complete) return true;
  mark<"paxos.reported_in_parts">();
  if (it->burst < kReportBurst) return false;
  it->burst = 0;
  out.send(from, Collect{core.ballot(), core.commit + 1, it->part, handed_over_}, core.after_promise());
  return false;
}

void Takeover::take(const Vote& vote, bool chosen) {
  const Index slot = vote.entry.index;
  if (knows_chosen(slot)) return;
  if (chosen) known_.insert(slot);
  const auto [it, fresh] = best_.emplace(slot, vote);
  if (fresh || (it->second.ballot >= vote.ballot && !chosen)) return;
  mark<"paxos.higher_ballot_wins">();
  it->second = vote;
}

bool Takeover::complete(const Core& core) const {
  const VoteResult result = joint_vote(core.membership(), [&](NodeId id) -> std::optional<bool> {
    if (id == core.self()) return core.ledger.promise_is_stable() ? std::optional<bool>(true) : std::nullopt;
    return part_of(id, core) ? std::nullopt : std::optional<bool>(true);
  });
  return result == VoteResult::kWon;
}

Entry Takeover::value(Index slot, const Ballot& ballot) const {
  const auto it = best_.find(slot);
  const bool gap = it == best_.end() || (planted<"M2">() && it->second.ballot.round + 1 < ballot.round);
  if (gap) {
    mark<"paxos.gap_filled">();
    return Entry{slot, ballot.round, EntryKind::kNoop, Slice()};
  }
  return it->second.entry;
}

void Takeover::forget_below(Index slot) {
  best_.erase(best_.begin(), best_.lower_bound(slot));
  known_.erase(known_.begin(), known_.lower_bound(slot));
}

}  // namespace holdfast::paxos
