#include "holdfast/consensus/flooding/flood.h"

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"

namespace holdfast::flooding {
namespace {

bool contains(const std::vector<NodeId>& sorted, NodeId node) {
  return std::binary_search(sorted.begin(), sorted.end(), node);
}
void insert(std::vector<NodeId>& sorted, NodeId node) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), node);
  if (at == sorted.end() || *at != node) sorted.insert(at, node);
}
bool by_proposer(const Proposal& a, const Proposal& b) { return a.proposer < b.proposer; }
// What is known of a proposer already stays.
void merge(std::vector<Proposal>& known, const std::vector<Proposal>& more) {
  for (const Proposal& p : more) {
    const auto at = std::lower_bound(known.begin(), known.end(), p, by_proposer);
    if (at == known.end() || at->proposer != p.proposer) known.insert(at, p);
  }
}

}  // namespace

const Proposal& select(const std::vector<Proposal>& known, NodeId first) {
  ensure(!known.empty(), "a choice is made among proposals");
  // The best so far; one with a value beats one without, then the circle from `first` on decides.
  const auto place = [first](const Proposal& p) { return std::pair(p.value.empty(), p.proposer < first); };
  const Proposal* best = &known.front();
  for (const Proposal& p : known) {
    if (place(p) < place(*best)) best = &p;
  }
  return *best;
}

bool Flood::member(NodeId node) const { return contains(config_.group, node); }

FloodState::Round& Flood::at(uint64_t round) {
  if (state_.rounds.size() < round) state_.rounds.resize(round);
  return state_.rounds[round - 1];
}

void Flood::propose(Slice value, Say& say) {
  if (proposed()) return;
  state_.round = 1;
  if (state_.choice) return;  // the others did without this proposal
  const Proposal mine{config_.self, std::move(value)};
  merge(at(1).known, {mine});
  insert(at(1).heard, config_.self);
  say.push_back(Proposals{1, {mine}});
  said_ = true;
  end_rounds(say);
}

void Flood::on_message(NodeId from, const Message& message, Say& say) {
  if (!member(from) || from == config_.self) return mark<"flooding.stranger">();
  if (state_.final) return;
  if (contains(state_.crashed, from)) return mark<"flooding.message_after_the_notice">();
  if (const auto* proposals = std::get_if<Proposals>(&message)) on(from, *proposals, say);
  if (const auto* decided = std::get_if<Decided>(&message)) on(from, *decided, say);
}

bool Flood::plausible(const Proposals& m) const {
  if (m.round == 0 || m.round > config_.group.size() + 1 || m.known.empty()) return false;
  for (size_t i = 0; i < m.known.size(); ++i) {
    if (!member(m.known[i].proposer) || (i > 0 && m.known[i].proposer <= m.known[i - 1].proposer)) return false;
  }
  return true;
}

void Flood::on(NodeId from, const Proposals& m, Say& say) {
  if (!plausible(m)) return mark<"flooding.implausible">();
  if (state_.choice || m.round < state_.round) return;
  if (m.round > std::max<uint64_t>(state_.round, 1)) return keep_ahead(from, m);
  hear(from, m);
  end_rounds(say);
}

void Flood::keep_ahead(NodeId from, const Proposals& m) {
  mark<"flooding.ahead_of_the_round">();
  const auto before = [](const FloodState::Ahead& a, const std::pair<uint64_t, NodeId>& place) {
    return std::pair(a.said.round, a.from) < place;
  };
  const auto at = std::lower_bound(state_.ahead.begin(), state_.ahead.end(), std::pair(m.round, from), before);
  if (at == state_.ahead.end() || at->said.round != m.round || at->from != from) state_.ahead.insert(at, {from, m});
}

void Flood::hear(NodeId from, const Proposals& m) {
  if (m.round > 1 && !contains(at(m.round - 1).heard, from)) return mark<"flooding.back_from_silence">();
  insert(at(m.round).heard, from);
  merge(at(m.round).known, m.known);
}

void Flood::on(NodeId from, const Decided& m, Say& say) {
  if (!member(m.choice.proposer)) return mark<"flooding.implausible">();
  if (!state_.choice && !state_.told) {
    mark<"flooding.learned_from_another">();
    state_.told = m.choice;
  }
  // A different choice is that of a process about to crash, of which the notice is on its way.
  if ((state_.choice ? *state_.choice : *state_.told) == m.choice) insert(state_.agreed, from);
  end_rounds(say);
  conclude();
}

void Flood::on_crash(NodeId node, Say& say) {
  if (state_.final || !member(node) || node == config_.self) return;
  insert(state_.crashed, node);
  end_rounds(say);
  conclude();
}

bool Flood::heard_all() const {
  const auto& heard = state_.rounds[state_.round - 1].heard;
  return std::all_of(config_.group.begin(), config_.group.end(),
                     [&](NodeId n) { return contains(heard, n) || contains(state_.crashed, n); });
}

bool Flood::knows_all() const {
  const auto& before = state_.round == 1 ? config_.group : state_.rounds[state_.round - 2].heard;
  // FLOOD-EARLY: chooses at the end of the first round, although somebody may know more.
  return state_.rounds[state_.round - 1].heard == before || planted<"FLOOD-EARLY">();
}

void Flood::end_rounds(Say& say) {
  while (goes_on()) {
    const bool chooses = state_.told || knows_all();
    // FLOOD-TWO: says its choice in the step in which it has said a round.
    if (said_ && !(chooses && planted<"FLOOD-TWO">())) return mark<"flooding.waits_for_its_next_step">();
    if (chooses) return choose(state_.told ? *state_.told : select(at(state_.round).known, config_.first), say);
    begin_round(say);
  }
}

void Flood::begin_round(Say& say) {
  mark<"flooding.another_round">();
  said_ = true;
  const std::vector<Proposal> known = at(state_.round).known;
  ++state_.round;
  insert(at(state_.round).heard, config_.self);
  merge(at(state_.round).known, known);
  say.push_back(Proposals{state_.round, known});
  auto& ahead = state_.ahead;
  for (; !ahead.empty() && ahead.front().said.round <= state_.round; ahead.erase(ahead.begin())) {
    hear(ahead.front().from, ahead.front().said);
  }
}

void Flood::choose(Proposal choice, Say& say) {
  said_ = true;
  state_.told.reset();
  state_.choice = choice;
  state_.ahead.clear();
  insert(state_.agreed, config_.self);
  say.push_back(Decided{std::move(choice)});
  conclude();
}

void Flood::conclude() {
  if (!state_.choice || state_.final) return;
  // FLOOD-ALONE: does not wait until all that are alive have made the same choice.
  if (config_.agreement == Agreement::kUniform && !planted<"FLOOD-ALONE">()) {
    for (const NodeId n : config_.group) {
      if (!contains(state_.agreed, n) && !contains(state_.crashed, n)) return;
    }
  }
  state_.final = true;
}

void Flood::check_invariants() const {
  ensure(state_.ahead.empty() || state_.ahead.front().said.round > state_.round, "what is ahead is still to come");
  ensure(state_.round <= config_.group.size() + 1, "every round but the first two loses a process");
  ensure(!state_.final || state_.choice.has_value(), "a decision is a choice");
  ensure(!state_.choice || !state_.told, "what was learned is made once");
  ensure(state_.choice.has_value() == contains(state_.agreed, config_.self), "who has chosen agrees with itself");
  ensure(!contains(state_.crashed, config_.self), "a process is not told of its own crash");
  for (const FloodState::Round& r : state_.rounds) {
    ensure(std::is_sorted(r.known.begin(), r.known.end(), by_proposer), "proposals are sorted");
    ensure(std::is_sorted(r.heard.begin(), r.heard.end()), "those heard are sorted");
  }
}

}  // namespace holdfast::flooding
