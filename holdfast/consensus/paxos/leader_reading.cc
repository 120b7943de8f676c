// How a leader confirms that it leads, and what it answers to reads (docs/protocols/multi-paxos.md, "Reads").
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/paxos/leader.h"

namespace holdfast::paxos {

// Everything that was chosen before this ballot is chosen in it, too: before that the leader may not know what is.
bool Leader::settled(const Core& core) const { return leading_ && core.commit >= flushed_upto_; }

void Leader::begin_round(Time now, bool everyone, Core& core, Out& out) {
  const uint64_t round = rounds_.begin(now);
  round_place_ = out.sent.size();
  for (Progress& p : followers_.all()) {
    if (everyone || core.membership().is_voter(p.node())) followers_.heartbeat(core, p, round, out);
  }
  if (everyone) next_heartbeat_ = now + core.config.heartbeat_interval;
  if (settled(core) || planted<"R8">()) reads_.start(round, core.commit);
  confirm(now, core, out);
}

bool Leader::round_unsent(const Out& out) const {
  if (round_place_ >= out.sent.size()) return false;
  const auto* heartbeat = std::get_if<Success>(&out.sent[round_place_].wire);
  return heartbeat != nullptr && heartbeat->round == rounds_.current();
}

void Leader::confirm(Time now, Core& core, Out& out) {
  const uint64_t round = followers_.quorum_round(core.membership(), core.self(), rounds_.current());
  if (round <= rounds_.confirmed()) return;
  rounds_.confirm(round);
  for (LeaderReads::Answer& answer : reads_.confirm(round)) answers_.push_back(answer);
  pump_reads(now, core, out);
}

void Leader::pump_reads(Time now, Core& core, Out& out) {
  if (!reads_.waiting() || reads_.under_way() || !open_for_) return;
  if (!settled(core) && !planted<"R8">()) return;
  begin_round(now, /*everyone=*/false, core, out);
}

void Leader::read(Time now, ReadBatch read, Core& core, Out& out) {
  if (planted<"R10">() || (lease_holds(now, core) && settled(core))) {
    answers_.push_back({read, core.commit});
    return;
  }
  if (!reads_.add(read)) {
    mark<"paxos.too_many_reads">();
    return;  // its origin asks again, or gives up in time
  }
  if (reads_.under_way() && round_unsent(out)) return reads_.start(rounds_.current(), core.commit);
  pump_reads(now, core, out);
}

bool Leader::lease_holds(Time now, const Core& core) const {
  if (core.config.read_mode != ReadMode::kLease || lease_void_ || handover_) return false;
  const std::optional<Time> since = rounds_.confirmed_at();
  return since && now < *since + lease_length(core.config);
}

void Leader::on_echo(Time now, NodeId from, const Echo& echo, Core& core, Out& out) {
  Progress* p = followers_.find(from);
  if (p == nullptr || echo.round > rounds_.current()) return;
  const Index held = std::min(echo.held, core.ledger.held());
  p->heard(now);
  const bool newest = echo.round > p->round();
  p->echoed(echo.round);
  const bool news = p->accepted(held, now);
  p->measure_round(p->match(), core.ledger.held(), now, core.config.election_timeout);
  if (newest) p->stands_at(held, now, core.config.heartbeat_interval);
  if (news) {
    go_on(now, core, out);
    if (over_) return;
    p = followers_.find(from);
  }
  if (p != nullptr) followers_.send_more(now, core, *p, out);
  confirm(now, core, out);
}

}  // namespace holdfast::paxos
