// The planted bugs of the protocols of agreement are found by exploration, with a shortest schedule that shows them.
// Each exploration is a process of its own, because a planted bug may also break an invariant and abort.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "holdfast/base/planted.h"
#include "tests/exploration_models.h"
#include "tests/exploration_raft.h"

namespace holdfast::exploration {
namespace {

template <class Core>
bool finds(const char* bug, explore::Model<Core> model, size_t most = 1'000'000) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    planted_bug = bug;
    explore::Explorer<Core> explorer(std::move(model));
    const explore::Verdict v = explorer.run(most);
    std::printf("%s%s\n%s", explore::summary(bug, v).c_str(), v.violation.c_str(), v.schedule.c_str());
    std::fflush(stdout);
    _exit(v.violation.empty() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

TEST(ExplorationFinds, FloodingThatChoosesAfterItsFirstRound) {
  EXPECT_TRUE(finds("FLOOD-EARLY", flooding_model({.processes = 3, .crashes = 1})));
}
TEST(ExplorationFinds, FloodingThatDoesNotWaitForConsent) {
  const FloodingScope scope{.processes = 3, .crashes = 2, .agreement = flooding::Agreement::kUniform};
  EXPECT_TRUE(finds("FLOOD-ALONE", flooding_model(scope)));
}
TEST(ExplorationFinds, AnAcceptorThatAnswersBeforeItsRecordIsStable) {
  EXPECT_TRUE(finds("R3", synod_model({.first_ballots = 1, .second_ballots = 1, .acceptors = 1, .crashes = 1})));
}
TEST(ExplorationFinds, AnAcceptorThatForgetsItsPromise) {
  EXPECT_TRUE(finds("SYNOD-FORGET",
                    synod_model({.first_ballots = 1, .second_ballots = 1, .acceptors = 1, .reductions = false})));
}
TEST(ExplorationFinds, AProposerThatKeepsToItsOwnValue) {
  EXPECT_TRUE(finds("SYNOD-OWN", synod_model({.first_ballots = 1, .second_ballots = 1})));
}
TEST(ExplorationFinds, ALearnerThatCountsAnAcceptorTwice) {
  EXPECT_TRUE(finds("SYNOD-TWICE", synod_model({.first_ballots = 1, .second_ballots = 1})));
}
TEST(ExplorationFinds, AVoterOfRaftThatKeepsItsTermAndItsVoteInTwoRecords) {
  EXPECT_TRUE(finds("R2", election_model({.highest_term = 1, .crashes = 1, .brittle = NodeId(3)})));
}
TEST(ExplorationFinds, ALieutenantThatBelievesWhatItIsToldDirectly) {
  EXPECT_TRUE(finds("OM-TRUST", oral_model({.traitor = NodeId(1)})));
}
}  // namespace
}  // namespace holdfast::exploration
