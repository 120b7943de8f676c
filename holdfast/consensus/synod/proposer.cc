#include "holdfast/consensus/synod/proposer.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/model/quorum.h"

namespace holdfast::synod {
namespace {

bool contains(const std::vector<NodeId>& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}
void insert(std::vector<NodeId>& sorted, NodeId node) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), node);
  if (at == sorted.end() || *at != node) sorted.insert(at, node);
}

}  // namespace

void Proposer::replay(StableSeq seq, const Tried& record) {
  state_.ballot = record.ballot;
  state_.record = seq;
  see(record.ballot);
}

bool Proposer::active() const {
  return config_.leadership == Leadership::kOracle ? state_.trusted : state_.wanted.has_value();
}

bool Proposer::majority_answered() const { return state_.answered.size() >= majority_of(config_.acceptors.size()); }

void Proposer::want(Time now, Slice value, Out& out) {
  if (!state_.wanted) state_.wanted = std::move(value);
  if (state_.phase == Phase::kIdle && active() && deadline_ == Time::never()) try_ballot(now, out);
  if (state_.phase == Phase::kFree) propose(now, out);
}

void Proposer::trust(Time now, NodeId leader, Out& out) {
  const bool trusted = leader == config_.self;
  if (trusted == std::exchange(state_.trusted, trusted) || config_.leadership != Leadership::kOracle) return;
  if (trusted) return try_ballot(now, out);
  // A ballot under way may still succeed, but is pursued no further.
  mark<"synod.deposed">();
  state_.phase = Phase::kIdle;
  state_.answered.clear();
  deadline_ = Time::never();
}

void Proposer::try_ballot(Time now, Out& out) {
  state_.ballot = Ballot{state_.seen.round + 1, config_.self};
  see(state_.ballot);
  state_.record = out.persist(Tried{state_.ballot});
  state_.phase = Phase::kCollecting;
  state_.answered.clear();
  state_.highest.reset();
  state_.value = {};
  tell_unanswered(now, out);
}

// What this phase asks for goes to every acceptor that has not answered, under the ballot it was asked under.
void Proposer::tell_unanswered(Time now, Out& out) {
  for (const NodeId acceptor : config_.acceptors) {
    if (contains(state_.answered, acceptor)) continue;
    if (state_.phase == Phase::kCollecting) out.send(acceptor, Collect{state_.ballot}, /*after=*/state_.record);
    if (state_.phase == Phase::kBeginning) out.send(acceptor, Begin{state_.ballot, state_.value});
  }
  deadline_ = now + config_.resend;
}

void Proposer::on(Time now, NodeId from, const Last& m, Out& out) {
  if (state_.phase != Phase::kCollecting || m.ballot != state_.ballot) return;
  if (m.vote && m.vote->ballot >= m.ballot) return mark<"synod.implausible">();
  insert(state_.answered, from);
  // SYNOD-LOW: takes the value of the lowest ballot among the answers.
  const bool higher =
      m.vote && (!state_.highest || (m.vote->ballot > state_.highest->ballot) != planted<"SYNOD-LOW">());
  if (higher) state_.highest = m.vote;
  if (majority_answered()) propose(now, out);
}

void Proposer::propose(Time now, Out& out) {
  // SYNOD-OWN: proposes its own value although another may have been chosen.
  if (state_.highest && !(planted<"SYNOD-OWN">() && state_.wanted)) {
    if (state_.wanted != state_.highest->value) mark<"synod.bound_by_a_vote">();
    begin(now, state_.highest->value, out);
  } else if (state_.wanted) {
    begin(now, *state_.wanted, out);
  } else {
    state_.phase = Phase::kFree;
    deadline_ = Time::never();
  }
}

void Proposer::begin(Time now, Slice value, Out& out) {
  state_.phase = Phase::kBeginning;
  state_.answered.clear();
  state_.value = std::move(value);
  tell_unanswered(now, out);
}

void Proposer::on(NodeId from, const Accept& m) {
  if (state_.phase == Phase::kBeginning && m.ballot == state_.ballot) insert(state_.answered, from);
}

void Proposer::on(Time now, const Refuse& m) {
  if (m.promised.round >= kMaxRound) return mark<"synod.implausible">();
  see(m.promised);
  if (state_.phase == Phase::kIdle || m.ballot != state_.ballot || m.promised <= m.ballot) return;
  state_.phase = Phase::kIdle;
  state_.answered.clear();
  if (!active()) return void(deadline_ = Time::never());
  mark<"synod.backs_off">();
  deadline_ = now + backoff_.next_pause();
}

void Proposer::on_time(Time now, Out& out) {
  if (deadline_ > now) return;
  if (state_.phase == Phase::kIdle) return try_ballot(now, out);
  mark<"synod.repeats">();
  tell_unanswered(now, out);
}

void Proposer::stop() {
  const bool trusted = state_.trusted;
  const Ballot ballot = state_.ballot, seen = state_.seen;
  const StableSeq record = state_.record;
  state_ = {};
  state_.trusted = trusted;
  state_.ballot = ballot;
  state_.seen = seen;
  state_.record = record;
  deadline_ = Time::never();
}

void Proposer::check_invariants() const {
  ensure(state_.seen >= state_.ballot, "its own ballots are heard of");
  ensure(state_.ballot.round == 0 || state_.ballot.node == config_.self, "a ballot bears the name of its proposer");
  ensure(state_.phase == Phase::kIdle || state_.ballot.round > 0, "a phase belongs to a ballot");
  ensure(state_.phase != Phase::kFree || (!state_.highest && !state_.wanted), "free means nothing to propose");
  ensure((state_.phase != Phase::kCollecting && state_.phase != Phase::kBeginning) || deadline_ != Time::never(),
         "what is asked is asked again");
}

}  // namespace holdfast::synod
