#include "holdfast/consensus/paxos/acceptor.h"

#include <algorithm>

#include "holdfast/base/mark.h"

namespace holdfast::paxos {

// A member without any past, although the candidate knows of one, has most likely lost its disk, and with it what it
// accepted: it keeps quiet until a leader has brought it up. Nobody else can: a snapshot of a member that does not lead
// lacks what was chosen behind it, and perhaps with the help of this one only. A candidate that does not vote any more, as far as this
// member knows at least as much as the candidate, has been removed.
Willing willing(const Core& core, NodeId candidate, Index from) {
  if (core.commit == Index{} && core.slots().last() == Index{} && core.votes() && from > Index{1}) {
    mark<"paxos.stood_aside">();
    return Willing::kSilent;
  }
  if (core.commit + 1 >= from && !core.membership().is_voter(candidate)) {
    mark<"paxos.no_voter">();
    return Willing::kSilent;
  }
  return from <= core.slots().base() ? Willing::kBehind : Willing::kYes;
}

Last report(const Core& core, Index part) {
  Last last{.ballot = core.ballot(), .part = part, .chosen = core.commit};
  size_t cost = 0;
  for (Index i = part; i <= core.slots().last(); ++i) {
    const Slots::Slot* slot = core.slots().find(i);
    if (slot == nullptr) continue;
    const size_t one = cost_of(slot->vote.entry);
    if (!last.votes.empty() && cost + one > core.config.max_append_bytes) {
      last.next = i;
      break;
    }
    cost += one;
    last.votes.push_back(slot->vote);
  }
  return last;
}

void send_report(NodeId to, const Core& core, Index part, Out& out) {
  for (uint64_t i = 0; i < kReportBurst && part; ++i) {
    Last last = report(core, part);
    part = last.next;
    out.send(to, std::move(last), core.after_promise());
  }
}

bool sound(const Begin& m) {
  if (m.chosen > kMaxIndex || m.entries.empty()) return false;
  Index index = m.entries.front().index;
  for (const Entry& entry : m.entries) {
    if (entry.index != index || !sound(entry, m.ballot)) return false;
    ++index;
  }
  return true;
}

void learn(Index chosen, Core& core) { core.choose(std::min(chosen, core.ledger.held())); }

void accept(NodeId from, const Begin& m, Core& core, Out& out) {
  const Index first = m.entries.front().index;
  Index last = first - 1;
  for (const Entry& entry : m.entries) {
    if (entry.index > core.ledger.held() + kMaxAhead) {
      mark<"paxos.too_far_ahead">();
      break;  // as good as lost
    }
    if (entry.index > m.decided && core.commit < m.decided) {
      learn(m.chosen, core);
      if (core.commit < m.decided) {
        mark<"paxos.membership_not_known">();
        break;
      }
    }
    last = entry.index;
    if (entry.index <= core.commit) continue;
    const Slots::Slot* slot = core.slots().find(entry.index);
    if (slot != nullptr && slot->vote.ballot == m.ballot) continue;
    if (entry.index > core.ledger.held() + 1) mark<"paxos.accepted_out_of_order">();
    core.ledger.accept(m.ballot, entry, out);
  }
  learn(m.chosen, core);
  if (last < first) return;
  out.send(from, Accept{core.ballot(), first, last, core.ledger.held()}, core.after_holding(last));
}

}  // namespace holdfast::paxos
