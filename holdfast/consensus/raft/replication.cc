#include "holdfast/consensus/raft/replication.h"

#include <algorithm>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/snapshot_sender.h"

namespace holdfast::raft {

namespace snapshot_sender = consensus::snapshot_sender;

Replication::Replication(Time now, const Core& core) { adopt(now, core); }

void Replication::adopt(Time now, const Core& core) {
  Peers::adopt(core.membership(), core.self(), [&](NodeId node) { return Progress(node, core.log().last() + 1, now); });
}

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
  for (Progress& p : all()) send_more(now, core, p, out);
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

}  // namespace holdfast::raft
