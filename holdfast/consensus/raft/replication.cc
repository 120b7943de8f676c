#include "holdfast/consensus/raft/replication.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/snapshot_sender.h"

namespace holdfast::raft {

namespace snapshot_sender = consensus::snapshot_sender;

Replication::Replication(Time now, const Core& core) { adopt(now, core); }

void Replication::adopt(Time now, const Core& core) {
  const Membership& m = core.membership();
  std::erase_if(all_, [&](const Progress& p) { return !m.contains(p.node()); });
  for (NodeId node : m.everyone()) {
    if (node == core.self() || find(node) != nullptr) continue;
    const auto at =
        std::lower_bound(all_.begin(), all_.end(), node, [](const Progress& p, NodeId id) { return p.node() < id; });
    all_.insert(at, Progress(node, core.log().last() + 1, now));
  }
}

Progress* Replication::find(NodeId node) {
  for (Progress& p : all_) {
    if (p.node() == node) return &p;
  }
  return nullptr;
}

const Progress* Replication::find(NodeId node) const { return const_cast<Replication*>(this)->find(node); }

void Replication::send_append(Time now, const Core& core, Progress& to, bool with_entries, Out& out) {
  if (to.next() <= core.log().base()) return snapshot_sender::begin(now, core, to, out);
  const Index prev = to.next() - 1;
  AppendEntries message{core.term(), prev, core.log().known_term(prev), core.commit, {}};
  size_t bytes = 0;
  if (with_entries) bytes = core.log().collect(to.next(), core.config.max_append_bytes, message.entries);
  const Index last = prev + message.entries.size();
  to.sent(last, bytes, now);
  to.tell(std::min(core.commit, last));
  out.send(to.node(), std::move(message), core.ledger.after_term());
}

void Replication::send_more(Time now, const Core& core, Progress& to, Out& out) {
  while (to.may_send(core.config)) {
    const bool probe = to.pace() == Pace::kProbe;
    if (!probe && to.next() > core.log().last()) return;
    const bool forward = to.next() > core.log().base();
    send_append(now, core, to, /*with_entries=*/true, out);
    if (probe || !forward) return;
  }
}

void Replication::send_more_to_all(Time now, const Core& core, Out& out) {
  for (Progress& p : all_) send_more(now, core, p, out);
}

void Replication::tell_commit(const Core& core, Progress& to, Out& out) {
  if (to.idle() && to.told() < std::min(core.commit, to.match())) heartbeat(core, to, /*round=*/0, out);
}

void Replication::heartbeat(const Core& core, Progress& to, uint64_t round, Out& out) {
  const Index commit = std::min(core.commit, to.match());
  to.tell(commit);
  out.send(to.node(), Heartbeat{core.term(), commit, round}, core.ledger.after_term());
}

bool Replication::on_append_reply(Time now, const Core& core, Progress& from, const AppendReply& reply, Out& out) {
  if (reply.success) {
    if (reply.match > core.log().last()) {
      mark<"raft.nonsense">();
      return false;
    }
    const bool news = from.accepted(reply.match, now);
    from.measure_round(core.log().last(), now, core.config.election_timeout);
    // A follower that reached the log in memory by other means needs no snapshot any more.
    if (from.pace() == Pace::kSnapshot && from.match() >= core.log().base()) from.end_snapshot();
    return news;
  }
  // A follower that restarted asks for what it holds to be verified (follower.cc): a probe that is under way does that.
  const bool asks = reply.hint_index == reply.rejected_prev && core.log().matches(reply.hint_index, reply.hint_term);
  if (asks && from.pace() == Pace::kProbe) return false;
  // Back-tracking by whole terms (paper, 5.3): of the follower's log up to the hint, only what has at most the hint's
  // term in ours can match.
  const Index hint = core.log().last_at_or_below(reply.hint_index, reply.hint_term);
  const bool below = reply.hint_index < core.log().base();
  if (from.rejected(reply.rejected_prev, below ? reply.hint_index : hint)) {
    mark<"raft.backtracked">();
    send_more(now, core, from, out);
  }
  return false;
}

void Replication::on_echo(Time now, const Core& core, Progress& from, Out& out) {
  const Duration interval = core.config.heartbeat_interval;
  if (from.poke(now, interval)) {
    mark<"raft.poked">();
    send_append(now, core, from, /*with_entries=*/false, out);
  } else {
    from.probe_again(now, interval);
    send_more(now, core, from, out);
  }
}

Index Replication::quorum_match(const Core& core) const {
  return joint_value(core.membership(), Index{}, [&](NodeId id) {
    if (id == core.self()) return core.ledger.held();
    const Progress* p = find(id);
    return p == nullptr ? Index{} : p->match();
  });
}

Time Replication::quorum_heard(const Core& core) const {
  return joint_value(core.membership(), Time{}, [&](NodeId id) {
    if (id == core.self()) return Time::never();
    const Progress* p = find(id);
    return p == nullptr ? Time{} : p->heard_at();
  });
}

uint64_t Replication::quorum_round(const Core& core, uint64_t own) const {
  return joint_value(core.membership(), uint64_t{0}, [&](NodeId id) {
    if (id == core.self()) return own;
    const Progress* p = find(id);
    return p == nullptr ? uint64_t{0} : p->round();
  });
}

NodeId Replication::most_advanced(Time now, const Core& core) const {
  const Progress* best = nullptr;
  for (const Progress& p : all_) {
    if (!core.membership().is_voter(p.node()) || p.heard_at() + core.config.election_timeout < now) continue;
    if (best == nullptr || p.match() > best->match()) best = &p;
  }
  return best == nullptr ? NodeId{} : best->node();
}

}  // namespace holdfast::raft
