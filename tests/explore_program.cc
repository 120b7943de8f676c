// Explores one scope, by hand (docs/exploration.md): explore SCOPE [MOST_STATES]. Without arguments: the names of
// scopes.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "tests/exploration_models.h"
#include "tests/exploration_raft.h"

namespace {

using namespace holdfast;               // NOLINT: a program of one page
using namespace holdfast::exploration;  // NOLINT

using Run = std::function<explore::Verdict(size_t most)>;

template <class Core>
Run run(explore::Model<Core> model) {
  return [model](size_t most) {
    explore::Explorer<Core> explorer(model);
    return explorer.run(most);
  };
}

std::map<std::string, Run> scopes() {
  using flooding::Agreement;
  return {{"flooding-3", run(flooding_model({.processes = 3, .crashes = 2}))},
          {"flooding-3-uniform", run(flooding_model({.processes = 3, .crashes = 2, .agreement = Agreement::kUniform}))},
          {"flooding-4-one-crash", run(flooding_model({.processes = 4, .crashes = 1, .propose_at_start = true}))},
          {"flooding-4-two-crashes", run(flooding_model({.processes = 4, .crashes = 2, .propose_at_start = true}))},
          {"flooding-4", run(flooding_model({.processes = 4, .crashes = 3, .propose_at_start = true}))},
          {"flooding-4-notices-overtake",
           run(flooding_model({.processes = 4, .crashes = 2, .propose_at_start = true, .notices_overtake = true}))},
          {"flooding-3-first", run(flooding_model({.processes = 3, .crashes = 2, .arrivals_first = true}))},
          {"flooding-4-one-crash-first",
           run(flooding_model({.processes = 4, .crashes = 1, .propose_at_start = true, .arrivals_first = true}))},
          {"flooding-4-two-crashes-first",
           run(flooding_model({.processes = 4, .crashes = 2, .propose_at_start = true, .arrivals_first = true}))},
          {"flooding-4-first",
           run(flooding_model({.processes = 4, .crashes = 3, .propose_at_start = true, .arrivals_first = true}))},
          {"synod-1-1-votes", run(synod_model({.first_ballots = 1, .second_ballots = 1, .learners = false}))},
          {"synod-2-1-votes", run(synod_model({.first_ballots = 2, .second_ballots = 1, .learners = false}))},
          {"synod-2-2-votes", run(synod_model({.first_ballots = 2, .second_ballots = 2, .learners = false}))},
          {"synod-1-1", run(synod_model({.first_ballots = 1, .second_ballots = 1}))},
          {"synod-1-1-refusals", run(synod_model({.first_ballots = 1, .second_ballots = 1, .refusals = true}))},
          {"synod-1-1-crash", run(synod_model({.first_ballots = 1, .second_ballots = 1, .crashes = 1}))},
          {"synod-1-1-crash-votes",
           run(synod_model({.first_ballots = 1, .second_ballots = 1, .crashes = 1, .learners = false}))},
          {"synod-2-1", run(synod_model({.first_ballots = 2, .second_ballots = 1}))},
          {"synod-2-2", run(synod_model({.first_ballots = 2, .second_ballots = 2}))},
          {"om-commander", run(oral_model({.traitor = NodeId(1)}))},
          {"om-lieutenant", run(oral_model({.traitor = NodeId(2)}))},
          {"raft-election-2-terms", run(election_model({.highest_term = 2}))},
          {"raft-election-3-terms", run(election_model({.highest_term = 3}))},
          {"raft-election-brittle-voter", run(election_model({.highest_term = 1, .crashes = 1, .brittle = NodeId(3)}))},
          {"raft-election-brittle-voter-2-terms",
           run(election_model({.highest_term = 2, .crashes = 1, .brittle = NodeId(3)}))},
          {"raft-election-crash", run(election_model({.highest_term = 1, .crashes = 1}))},
          {"raft-election-two-crashes", run(election_model({.highest_term = 1, .crashes = 2}))},
          {"raft-election-2-terms-crash", run(election_model({.highest_term = 2, .crashes = 1}))},
          {"raft-election-3-terms-crash", run(election_model({.highest_term = 3, .crashes = 1}))}};
}

}  // namespace

int main(int argc, char** argv) {
  const auto all = scopes();
  const auto it = argc > 1 ? all.find(argv[1]) : all.end();
  if (it == all.end()) {
    for (const auto& [name, ignored] : all) std::printf("%s\n", name.c_str());
    return 2;
  }
  const explore::Verdict v = it->second(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10'000'000);
  std::printf("%s", explore::summary(it->first, v).c_str());
  if (!v.violation.empty()) std::printf("%s\n%s", v.violation.c_str(), v.schedule.c_str());
  return v.violation.empty() ? 0 : 1;
}
