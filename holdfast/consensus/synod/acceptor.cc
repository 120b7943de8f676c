#include "holdfast/consensus/synod/acceptor.h"

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::synod {

void Acceptor::replay(StableSeq seq, const Promised& record) {
  state_.promised = record.ballot;
  state_.record = seq;
}

void Acceptor::replay(StableSeq seq, const Accepted& record) {
  state_.promised = record.vote.ballot;
  state_.accepted = record.vote;
  state_.record = seq;
}

StableSeq Acceptor::after() const {
  // R3: answers before what it answers is stable; a crash makes it forget what it said.
  return planted<"R3">() ? StableSeq() : state_.record;
}

void Acceptor::on(NodeId from, const Collect& m, Out& out) {
  if (m.ballot < state_.promised) {
    mark<"synod.collect_refused">();
    return out.send(from, Refuse{m.ballot, state_.promised});
  }
  if (m.ballot > state_.promised) {
    state_.promised = m.ballot;
    state_.record = out.persist(Promised{m.ballot});
  }
  out.send(from, Last{m.ballot, state_.accepted}, after());
}

void Acceptor::on(NodeId from, const Begin& m, Out& out) {
  // SYNOD-FORGET: accepts what it has promised not to.
  if (m.ballot < state_.promised && !planted<"SYNOD-FORGET">()) {
    mark<"synod.begin_refused">();
    return out.send(from, Refuse{m.ballot, state_.promised});
  }
  if (!state_.accepted || state_.accepted->ballot != m.ballot) {
    state_.promised = m.ballot;
    state_.accepted = Vote{m.ballot, m.value};
    state_.record = out.persist(Accepted{*state_.accepted});
  }
  const Accept accept{m.ballot, state_.accepted->value};
  out.send(from, accept, after());
  if (!config_.accepts_to_all) return;
  for (const NodeId learner : config_.learners) {
    if (learner != from) out.send(learner, accept, after());
  }
}

void Acceptor::check_invariants() const {
  ensure(!state_.accepted || state_.accepted->ballot <= state_.promised, "nothing above the promise is accepted");
  ensure(!state_.accepted || state_.accepted->ballot.round > 0, "what is accepted has a ballot");
}

}  // namespace holdfast::synod
