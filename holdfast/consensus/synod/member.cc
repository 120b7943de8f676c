#include "holdfast/consensus/synod/member.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"

namespace holdfast::synod {
namespace {

bool contains(const std::vector<NodeId>& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}

}  // namespace

std::string to_text(const Ballot& ballot) {
  if (ballot.round == 0) return "-";
  return "b" + std::to_string(ballot.round) + "." + to_text(ballot.node);
}

Member::Member(const Config& config) : config_(config), acceptor_(config), proposer_(config), learner_(config) {
  ensure(!config.acceptors.empty(), "somebody accepts");
  ensure(std::is_sorted(config.acceptors.begin(), config.acceptors.end()), "the acceptors are sorted");
  ensure(std::is_sorted(config.learners.begin(), config.learners.end()), "the learners are sorted");
}

void Member::replay(StableSeq seq, const Record& record) {
  if (const auto* tried = std::get_if<Tried>(&record)) proposer_.replay(seq, *tried);
  if (const auto* promised = std::get_if<Promised>(&record)) acceptor_.replay(seq, *promised);
  if (const auto* accepted = std::get_if<Accepted>(&record)) acceptor_.replay(seq, *accepted);
  if (const auto* learned = std::get_if<Learned>(&record)) learner_.learn(learned->value);
}

void Member::start(Time now, Out& out) {
  proposer_.see(acceptor_.state().promised);
  if (learner_.decided()) return out.raise(Decided{*learner_.decided()});
  if (config_.ask_interval > Duration() && contains(config_.learners, config_.self))
    ask_at_ = now + config_.ask_interval;
}

void Member::propose(Time now, Slice value, Out& out) {
  if (!learner_.decided()) proposer_.want(now, std::move(value), out);
}

void Member::trust(Time now, NodeId leader, Out& out) {
  if (!learner_.decided()) proposer_.trust(now, leader, out);
}

void Member::on_message(Time now, NodeId from, const Message& message, Out& out) {
  std::visit([&](const auto& m) { on(now, from, m, out); }, message);
}

// Whether this process is an acceptor and the ballot is the sender's.
bool Member::accepts_from(NodeId from, const Ballot& ballot) const {
  const bool sound = ballot.node == from && ballot.round > 0 && ballot.round < kMaxRound;
  if (!sound) mark<"synod.implausible">();
  return sound && contains(config_.acceptors, config_.self);
}

void Member::on(Time, NodeId from, const Collect& m, Out& out) {
  if (!accepts_from(from, m.ballot)) return;
  proposer_.see(m.ballot);
  if (learner_.decided()) {
    mark<"synod.told_a_proposer">();
    return out.send(from, Success{*learner_.decided()});
  }
  acceptor_.on(from, m, out);
}

void Member::on(Time, NodeId from, const Begin& m, Out& out) {
  if (!accepts_from(from, m.ballot)) return;
  proposer_.see(m.ballot);
  acceptor_.on(from, m, out);
}

void Member::on(Time now, NodeId from, const Last& m, Out& out) {
  if (contains(config_.acceptors, from)) proposer_.on(now, from, m, out);
}

void Member::on(Time now, NodeId from, const Refuse& m, Out&) {
  if (contains(config_.acceptors, from)) proposer_.on(now, m);
}

void Member::on(Time, NodeId from, const Accept& m, Out& out) {
  if (!contains(config_.acceptors, from)) return;
  proposer_.on(from, m);
  if (learner_.on(from, m)) learned(m.ballot.node == config_.self, out);
}

void Member::on(Time, NodeId, const Success& m, Out& out) {
  if (learner_.learn(m.value)) learned(false, out);
}

void Member::on(Time, NodeId from, const Ask&, Out& out) {
  if (!learner_.decided()) return;
  mark<"synod.told_who_asked">();
  out.send(from, Success{*learner_.decided()});
}

void Member::learned(bool by_own_ballot, Out& out) {
  proposer_.stop();
  ask_at_ = Time::never();
  out.persist(Learned{*learner_.decided()});
  out.raise(Decided{*learner_.decided()});
  if (!by_own_ballot) return;
  for (const NodeId to : config_.learners) {
    if (to != config_.self) out.send(to, Success{*learner_.decided()});
  }
}

void Member::on_time(Time now, Out& out) {
  proposer_.on_time(now, out);
  if (ask_at_ > now) return;
  ask_at_ = now + config_.ask_interval;
  std::vector<NodeId> others = config_.acceptors;
  others.insert(others.end(), config_.learners.begin(), config_.learners.end());
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  for (const NodeId to : others) {
    if (to != config_.self) out.send(to, Ask{config_.self});
  }
}

Time Member::deadline() const { return std::min(proposer_.deadline(), ask_at_); }

void Member::check_invariants() const {
  acceptor_.check_invariants();
  proposer_.check_invariants();
  ensure(!learner_.decided() || proposer_.state().phase == Phase::kIdle, "who knows the decision proposes nothing");
  ensure(!learner_.decided() || deadline() == Time::never(), "who knows the decision waits for nothing");
}

}  // namespace holdfast::synod
