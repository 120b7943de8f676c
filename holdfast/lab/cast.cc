#include "holdfast/lab/cast.h"

#include <algorithm>

#include "holdfast/lab/casts.h"

namespace holdfast::lab {

const std::vector<Protocol>& protocols() {
  static const std::vector<Protocol> all = {
      {"two-generals", "an attack agreed on through messengers who may be caught", "plan TIME", two_generals_cast},
      {"ben-or", "binary consensus without time, by rounds; deterministic or with coins", "propose BIT", ben_or_cast},
      {"flooding", "consensus in fail-stop groups", "propose VALUE, notice PROCESS", flooding_cast},
      {"synod", "single-decree Paxos", "propose VALUE, trust PROCESS", synod_cast},
      {"oral-generals", "the Byzantine generals, OM(m)", "order attack|retreat, lie WHOM=ORDER...", oral_generals_cast},
      {"signed-generals", "the Byzantine generals, SM(m)", "order attack|retreat, lie WHOM=ORDER...",
       signed_generals_cast},
      {"raft", "a replicated log", "submit COMMAND", raft_cast},
      {"pbft", "a replicated log that withstands liars, with its clients",
       "submit OPERATION, equivocate WHOM=OPERATION...", pbft_cast},
      {"consistent-register", "a register whose calls go through a majority", "write VALUE, read",
       consistent_register_cast},
      {"available-register", "a register that answers wherever it is asked", "write VALUE, read",
       available_register_cast},
      {"two-phase-commit", "atomic commitment", "begin, vote yes|no", two_phase_commit_cast},
  };
  return all;
}

std::map<std::string, Verdict> Decisions::promises(const std::vector<NodeId>& due) const {
  std::map<std::string, Verdict> out;
  out["agreement"] = out["validity"] = Verdict::kKept;
  for (const auto& [who, value] : by_) {
    if (value != by_.begin()->second) out["agreement"] = Verdict::kBroken;
    if (std::count(proposed_.begin(), proposed_.end(), value) == 0) out["validity"] = Verdict::kBroken;
  }
  const bool all = std::all_of(due.begin(), due.end(), [this](NodeId who) { return by_.contains(who); });
  out["termination"] = all ? Verdict::kKept : Verdict::kOpen;
  return out;
}

}  // namespace holdfast::lab
