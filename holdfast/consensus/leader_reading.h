// How a leader confirms that it leads, and what it answers to reads: by rounds of heartbeats, and by leases (Ongaro's
// dissertation, section 6.4). Once for every engine with a leader.
#pragma once

#include <utility>
#include <vector>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/consensus/reading.h"

namespace holdfast::consensus {

// The part of a leader that reads. `Leader` derives from it, is its friend, and has
//   bool knows_all(core)   whether everything that was committed before it led is known to it: a read that does not
//   wait
//                          for that may miss some (6.4, step 1)
//   bool may_ask()         whether its heartbeats may go out
//   followers_             to whom they go, and who has echoed which
//   handover_              when somebody may take over before a lease has run out
// `Heartbeat` is the message that names its round.
template <class Leader, class Heartbeat>
class LeaderReading {
 public:
  // Answers come by take_answers(), at once or later.
  template <class Core, class Out>
  void read(Time now, ReadBatch read, Core& core, Out& out);
  std::vector<LeaderReads::Answer> take_answers() { return std::exchange(answers_, {}); }
  std::vector<ReadBatch> unanswered() { return reads_.drain(); }

 protected:
  uint64_t round() const { return rounds_.current(); }
  template <class Core, class Out>
  void begin_round(Time now, bool everyone, Core& core, Out& out);
  // After an echo: answers what it confirms.
  template <class Core, class Out>
  void confirm(Time now, Core& core, Out& out);
  // Begins a round when reads wait for one.
  template <class Core, class Out>
  void pump_reads(Time now, Core& core, Out& out);
  // Others than before confirm rounds from now on. For an engine in which they need not overlap with those before: what
  // those have decided, all of it up to `core.commit`, would be missed by a read that was taken up before.
  template <class Core>
  void confirmed_by_others(const Core& core) {
    reads_.raise(core.commit);
  }
  // Somebody may campaign with leave to disregard this leader, any time later.
  void void_lease() { lease_void_ = true; }

  Time next_heartbeat_;

 private:
  Leader& self() { return static_cast<Leader&>(*this); }
  bool lease_holds(Time now, const Config& config);
  // The heartbeats of the current round have not left: what is asked now is confirmed by them.
  template <class Out>
  bool round_unsent(const Out& out) const;

  Rounds rounds_;
  size_t round_place_ = 0;  // of the round's first heartbeat in the outbox of its step
  LeaderReads reads_;
  std::vector<LeaderReads::Answer> answers_;
  bool lease_void_ = false;
};

template <class Leader, class Heartbeat>
template <class Core, class Out>
void LeaderReading<Leader, Heartbeat>::begin_round(Time now, bool everyone, Core& core, Out& out) {
  const uint64_t round = rounds_.begin(now);
  round_place_ = out.sent.size();
  for (auto& p : self().followers_.all()) {
    if (everyone || core.membership().is_voter(p.node())) self().followers_.heartbeat(core, p, round, out);
  }
  if (everyone) next_heartbeat_ = now + core.config.heartbeat_interval;
  if (self().knows_all(core) || planted<"R8">()) reads_.start(round, core.commit);
  confirm(now, core, out);
}

template <class Leader, class Heartbeat>
template <class Core, class Out>
void LeaderReading<Leader, Heartbeat>::confirm(Time now, Core& core, Out& out) {
  const uint64_t round = self().followers_.quorum_round(core.membership(), core.self(), rounds_.current());
  if (round <= rounds_.confirmed()) return;
  rounds_.confirm(round);
  for (LeaderReads::Answer& answer : reads_.confirm(round)) answers_.push_back(answer);
  pump_reads(now, core, out);
}

template <class Leader, class Heartbeat>
template <class Core, class Out>
void LeaderReading<Leader, Heartbeat>::pump_reads(Time now, Core& core, Out& out) {
  if (!reads_.waiting() || reads_.under_way() || !self().may_ask()) return;
  if (!self().knows_all(core) && !planted<"R8">()) return;
  begin_round(now, /*everyone=*/false, core, out);
}

template <class Leader, class Heartbeat>
template <class Core, class Out>
void LeaderReading<Leader, Heartbeat>::read(Time now, ReadBatch read, Core& core, Out& out) {
  if (planted<"R10">() || (lease_holds(now, core.config) && self().knows_all(core))) {
    answers_.push_back({read, core.commit});
    return;
  }
  if (!reads_.add(read)) {
    mark<"consensus.too_many_reads">();
    return;  // its origin asks again, or gives up in time
  }
  if (reads_.under_way() && round_unsent(out)) return reads_.start(rounds_.current(), core.commit);
  pump_reads(now, core, out);
}

template <class Leader, class Heartbeat>
bool LeaderReading<Leader, Heartbeat>::lease_holds(Time now, const Config& config) {
  if (config.read_mode != ReadMode::kLease || lease_void_ || self().handover_) return false;
  const std::optional<Time> since = rounds_.confirmed_at();
  return since && now < *since + lease_length(config);
}

template <class Leader, class Heartbeat>
template <class Out>
bool LeaderReading<Leader, Heartbeat>::round_unsent(const Out& out) const {
  if (round_place_ >= out.sent.size()) return false;
  const auto* heartbeat = std::get_if<Heartbeat>(&out.sent[round_place_].wire);
  return heartbeat != nullptr && heartbeat->round == rounds_.current();
}

}  // namespace holdfast::consensus
