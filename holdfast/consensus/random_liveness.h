// For tests: the progress that is due at the end of a random run (random_run.h), long after all faults have healed.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "holdfast/base/print.h"
#include "holdfast/consensus/random_links.h"
#include "holdfast/consensus/types.h"

namespace holdfast::consensus {

// What is missing; empty: nothing. `nodes`: by id, each with its `member`; `cut`: the links that stay parted; `rises`:
// how often somebody came to lead of late; `before`: what was committed when the faults healed.
template <class Nodes>
std::string missing_progress(const Nodes& nodes, const Links& cut, size_t rises, Index before) {
  NodeId leader;
  for (const auto& [id, n] : nodes) {
    const auto& core = n.member->core();
    if (core.role() != Role::kLeader) continue;
    if (!leader || core.term() > nodes.at(leader).member->core().term()) leader = id;
  }
  if (!leader) return "liveness: nobody leads long after all faults have healed";
  // Whoever does not hear the leader has no business to depose it: a majority hears each other.
  if (rises > 1) return "liveness: leadership goes round and round long after the faults have ended";
  const auto& core = nodes.at(leader).member->core();
  if (core.commit_index() <= before) return "liveness: nothing is committed after healing";
  for (NodeId id : core.membership().everyone()) {
    if (cut.contains({leader, id})) continue;
    if (nodes.at(id).member->core().commit_index() + 30 < core.commit_index()) {
      return absl::StrCat("liveness: ", print(id), " does not catch up");
    }
  }
  return "";
}

}  // namespace holdfast::consensus
