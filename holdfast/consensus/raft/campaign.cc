#include "holdfast/consensus/raft/campaign.h"

#include <algorithm>

namespace holdfast::raft {

bool up_to_date(const Log& log, Term last_term, Index last) {
  return last_term != log.last_term() ? last_term > log.last_term() : last >= log.last();
}

bool stands_aside(const Core& core, Term candidate_last_term) {
  return core.log().last() == Index{} && core.votes() && candidate_last_term > core.term();
}

Campaign::Campaign(Time now, Kind kind, bool leadership_transfer, Core& core, Out& out)
    : kind_(kind), term_(core.term() + 1), deadline_(now + core.draw_timeout()) {
  const bool pre_vote = kind == Kind::kPreVote;
  if (!pre_vote) core.ledger.enter_term(term_, core.self(), out);
  const RequestVote request{term_, core.log().last(), core.log().last_term(), pre_vote, leadership_transfer};
  const StableSeq after = pre_vote ? core.ledger.after_term() : core.ledger.after_vote();
  for (NodeId node : core.membership().everyone()) {
    if (node != core.self() && core.membership().is_voter(node)) out.send(node, request, after);
  }
}

void Campaign::on_reply(NodeId from, bool granted) {
  const bool known = std::any_of(votes_.begin(), votes_.end(), [&](const auto& v) { return v.first == from; });
  if (!known) votes_.emplace_back(from, granted);
}

VoteResult Campaign::result(const Core& core) const {
  return joint_vote(core.membership(), [&](NodeId id) -> std::optional<bool> {
    if (id == core.self()) {
      return kind_ == Kind::kPreVote || core.ledger.vote_is_stable() ? std::optional<bool>(true) : std::nullopt;
    }
    const auto it = std::find_if(votes_.begin(), votes_.end(), [&](const auto& v) { return v.first == id; });
    return it == votes_.end() ? std::nullopt : std::optional<bool>(it->second);
  });
}

}  // namespace holdfast::raft
