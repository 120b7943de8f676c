// What every member does for those who lead or want to: promise, report, accept. It is the acceptor and the learner of
// the papers at once; learners of the membership do the same and are not counted.
#pragma once

#include "holdfast/consensus/paxos/core.h"

namespace holdfast::paxos {

// A follower, or a learner: it knows a leader, or waits for one. Dies with the role.
struct Follower {
  NodeId leader;  // none while unknown
  Time deadline;  // when it stops waiting for the leader
};

// Whether this member would promise a ballot to `candidate`, as far as it is about what both have chosen (whether it is
// bound to a leader is decided elsewhere). kBehind: the candidate asks for slots that are here only as a snapshot; it
// is of no use as a leader, for it could not learn what was chosen in them.
enum class Willing { kYes, kBehind, kSilent };
constexpr Willing last_value(Willing) { return Willing::kSilent; }
Willing willing(const Core& core, NodeId candidate, Index from);

// The promise of the present ballot and the part of the report from `part` on.
Last report(const Core& core, Index part);

// The whole report from `part` on, as far as a burst of messages goes.
void send_report(NodeId to, const Core& core, Index part, Out& out);

// Accepts the values of a Begin of the ballot that is promised, replies once they are stable, learns what is chosen.
void accept(NodeId from, const Begin& m, Core& core, Out& out);
// Whether the entries of a message can be what a correct leader sends: consecutive slots, readable.
bool sound(const Begin& m);
// The leader of the present ballot says that everything up to `chosen` is: what this member accepted in that ballot, up
// to there and without a gap, is it.
void learn(Index chosen, Core& core);

}  // namespace holdfast::paxos
