#include "holdfast/consensus/raft/follower.h"

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::raft {

bool Follower::sound(const AppendEntries& m) {
  if (m.prev_index > kMaxIndex || m.prev_term > m.term) return false;
  Index index = m.prev_index;
  Term term = m.prev_term;
  for (const Entry& entry : m.entries) {
    ++index;
    if (entry.index != index || entry.term < term || entry.term > m.term || !entry.term) return false;
    if (entry.kind == EntryKind::kMembership && !membership_in(entry)) return false;
    term = entry.term;
  }
  return true;
}

// Tells the last index whose term is not above the one asked for: everything behind it, in this log, cannot match, so
// one round trip skips a whole term (paper, 5.3).
void Follower::refuse(NodeId from, const AppendEntries& m, const Core& core, Out& out) const {
  const Index hint = core.log().last_at_or_below(std::min(m.prev_index, core.log().last()), m.prev_term);
  AppendReply reply{
      .term = core.term(), .rejected_prev = m.prev_index, .hint_index = hint, .hint_term = core.log().known_term(hint)};
  out.send(from, reply, core.ledger.after_term());
}

void Follower::on_append(NodeId from, const AppendEntries& m, Core& core, Out& out) {
  const Log& log = core.log();
  const Index end = m.prev_index + m.entries.size();
  // What is committed here equals the leader's log: a message about it is late, and the part of it that is not is taken
  // from there on.
  if (m.prev_index >= core.commit && !log.matches(m.prev_index, m.prev_term)) {
    mark<"raft.conflict">();
    return refuse(from, m, core, out);
  }
  const Index begin = std::max(m.prev_index, core.commit);
  const Index match = std::max(end, begin);
  for (const Entry& entry : m.entries) {
    if (entry.index <= core.commit || log.matches(entry.index, entry.term)) continue;
    if (entry.term < log.term_at(entry.index - 1)) return;  // no leader's log looks like this
    core.accept(entry, out);
  }
  if (planted<"R13">() && end >= core.commit && log.last() > end) core.ledger.truncate_from(end + 1);
  verified = std::max(verified, match);
  core.advance_commit(std::min(m.commit, match));
  out.send(from, AppendReply{.term = core.term(), .success = true, .match = match}, core.ledger.after_holding(match));
}

// What an earlier process acknowledged, this one has to verify: it restarted, perhaps with an older disk. A leader
// without news sends nothing that would show it, so it is told, in the form of a refusal at what it counts on, what
// this log may match at most; its next append then verifies or mends the log.
void Follower::on_commit(Time now, NodeId from, Index commit, Core& core, Out& out) {
  core.advance_commit(std::min(commit, verified));
  if (commit <= core.commit || core.loading || now < ask_again) return;
  mark<"raft.asked_to_verify">();
  ask_again = now + core.config.heartbeat_interval;
  refuse(from, AppendEntries{core.term(), commit, core.term(), commit, {}}, core, out);
}

}  // namespace holdfast::raft
