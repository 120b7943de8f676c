#include "holdfast/consensus/paxos/replication.h"

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::paxos {
namespace {

namespace snapshot_sender = consensus::snapshot_sender;

// The values from `from` to `last` at most, until their cost passes the bound (but one at least).
size_t collect(const Core& core, Index from, Index last, std::vector<Entry>& out) {
  size_t cost = 0;
  for (Index i = from; i <= last; ++i) {
    const Entry& entry = core.slots().at(i);
    const size_t one = cost_of(entry);
    if (!out.empty() && cost + one > core.config.max_append_bytes) break;
    cost += one;
    out.push_back(entry);
  }
  return cost;
}

}  // namespace

void Replication::adopt(Time now, const Core& core) {
  Peers::adopt(core.membership(), core.self(), [&](NodeId node) { return Progress(node, now); });
}

void Replication::send_more(Time now, const Core& core, Progress& to, Out& out) {
  while (to.may_send(core.config)) {
    const Index last = to.skip_held(core.ledger.held());
    if (to.next() > core.ledger.held()) return;
    if (to.next() <= core.slots().base()) return snapshot_sender::begin(now, core, to, out);
    Begin message{core.ballot(), core.commit, core.memberships.changed_at(), {}};
    const size_t bytes = collect(core, to.next(), last, message.entries);
    to.sent(message.entries.back().index, bytes, now);
    to.tell(core.commit);
    out.send(to.node(), std::move(message), core.after_promise());
  }
}

void Replication::send_more_to_all(Time now, const Core& core, Out& out) {
  for (Progress& p : all()) send_more(now, core, p, out);
}

void Replication::tell_chosen(const Core& core, Progress& to, Out& out) {
  if (to.idle() && to.match() >= core.commit && to.told() < core.commit) heartbeat(core, to, /*round=*/0, out);
}

void Replication::heartbeat(const Core& core, Progress& to, uint64_t round, Out& out) {
  to.tell(core.commit);
  out.send(to.node(), Success{core.ballot(), core.commit, round}, core.after_promise());
}

Index Replication::chosen(const Core& core) const {
  Index upto = core.commit;
  while (upto < core.ledger.held()) {
    const Index slot = upto + 1;
    const VoteResult result = joint_vote(core.membership(), [&](NodeId id) -> std::optional<bool> {
      const bool unsynced = planted<"S1">() && core.membership().voters.size() == 1;
      const bool held = unsynced || slot <= core.ledger.held_stable();
      if (id == core.self()) return held ? std::optional<bool>(true) : std::nullopt;
      const Progress* p = find(id);
      return p != nullptr && p->holds(slot) ? std::optional<bool>(true) : std::nullopt;
    });
    if (result != VoteResult::kWon) break;
    upto = slot;
    if (core.slots().at(slot).kind == EntryKind::kMembership) break;
  }
  return upto;
}

}  // namespace holdfast::paxos
