// How a member comes to lead: it asks whether it could (Inquiring), then collects the promises of a majority and with
// them everything that may have been chosen (Takeover).
//
// The rule of phase 1 ("Paxos Made Simple", section 2.2): in a slot for which a majority has promised the ballot, the
// value of the highest ballot that any of them has accepted is proposed again; where none has accepted any, the leader
// is free, and fills gaps with no-ops.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/consensus/paxos/core.h"

namespace holdfast::paxos {

// The question whether this member could take over. Dies with the role.
class Inquiring {
 public:
  // Asks all voters.
  Inquiring(Time now, Core& core, Out& out);

  const Ballot& ballot() const { return ballot_; }
  Time deadline() const { return deadline_; }
  void on_reply(NodeId from, bool yes);
  VoteResult result(const Core& core) const;

 private:
  Ballot ballot_;
  Time deadline_;
  std::vector<std::pair<NodeId, bool>> answers_;  // the first of each counts
};

class Takeover {
 public:
  // This member has promised its ballot; what it has accepted itself is taken in.
  Takeover(const Core& core, const Ballot& handed_over);

  // Asks the voters that have not answered completely, for the part that is next.
  void ask(const Core& core, Out& out);
  // Takes in a part of an answer, and asks for the next one. True: that was the last part.
  bool on_last(NodeId from, const Last& last, const Core& core, Out& out);
  // Whether a majority of the voters of the membership in force has promised and reported everything.
  bool complete(const Core& core) const;

  // Whether somebody has reported the value of `slot` as chosen.
  bool knows_chosen(Index slot) const { return known_.contains(slot); }
  // The greatest slot in which anybody has reported a value.
  Index last() const { return best_.empty() ? Index{} : best_.rbegin()->first; }
  // What to propose in `slot`; a no-op of the ballot's round where nothing was reported.
  Entry value(Index slot, const Ballot& ballot) const;
  // What is reported below is not needed any more.
  void forget_below(Index slot);

 private:
  struct Answer {
    NodeId node;
    Index part;                          // the next to come
    std::map<Index, Index> beyond = {};  // parts that came before their turn, and what follows each
    uint64_t burst = 0;                  // parts that came since it was asked
    bool complete = false;
  };
  // None when its answer is complete.
  Index part_of(NodeId node, const Core& core) const;
  bool sound(const Last& last, const Core& core) const;
  void take(const Vote& vote, bool chosen);

  Ballot handed_over_;  // of the leader that has asked for it; none: nobody has
  std::map<Index, Vote> best_;
  std::set<Index> known_;  // slots whose value in best_ is chosen
  std::vector<Answer> answers_;
};

}  // namespace holdfast::paxos
