// docs/failure-models.md says what the code says: its tables are made here. After a change that is meant:
// HOLDFAST_REWRITE=1 build/release/bin/failure_models_doc_test, then read the difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "holdfast/commit/tolerance.h"
#include "holdfast/consensus/flooding/tolerance.h"
#include "holdfast/consensus/generals/tolerance.h"
#include "holdfast/consensus/paxos/tolerance.h"
#include "holdfast/consensus/pbft/tolerance.h"
#include "holdfast/consensus/raft/tolerance.h"
#include "holdfast/consensus/synod/tolerance.h"
#include "holdfast/detect/tolerance.h"
#include "holdfast/sim/plan.h"
#include "tests/nemesis/fault_table.h"

namespace holdfast {
namespace {

constexpr const char* kPage = HOLDFAST_SOURCE_DIR "/docs/failure-models.md";

std::string classes() {
  std::string text = "| class | tolerating it, one tolerates also | commission |\n|---|---|---|\n";
  for (size_t i = 0; i < kFailureClasses; ++i) {
    const auto c = static_cast<FailureClass>(i);
    std::string others;
    for (size_t j = 0; j < kFailureClasses; ++j) {
      const auto other = static_cast<FailureClass>(j);
      if (i != j && tolerates(c, other)) others += (others.empty() ? "" : ", ") + std::string(name(other));
    }
    text += "| " + std::string(name(c)) + " | " + others + " | " + (is_commission(c) ? "yes" : "no") + " |\n";
  }
  return text;
}

std::string cell(const Clause& clause) {
  const std::string live = clause.live == Bound::kNone ? "none" : std::string(name(clause.live));
  return to_text(clause.failures) + ": safe with " + std::string(name(clause.safe)) + ", live without " + live +
         (clause.passes ? " for good" : "");
}

std::string table_of(const std::vector<Tolerance>& tolerances) {
  std::string text = "| protocol | assumes | process | channel | storage | clock |\n|---|---|---|---|---|---|\n";
  for (const Tolerance& t : tolerances) {
    text += "| " + t.protocol + " | " + t.assumes;
    for (const Component component :
         {Component::kProcess, Component::kChannel, Component::kStorage, Component::kClock}) {
      std::string clauses;
      for (const Clause& c : t.clauses) {
        if (c.component == component) clauses += (clauses.empty() ? "" : "; ") + cell(c);
      }
      text += " | " + (clauses.empty() ? "none may fail" : clauses);
    }
    text += " |\n";
  }
  return text;
}

std::string protocols() {
  Tolerance lease = raft::tolerance(raft::ReadMode::kLease);
  lease.protocol = "raft, reads by lease";
  Tolerance paxos_lease = paxos::tolerance(consensus::ReadMode::kLease);
  paxos_lease.protocol = "paxos, reads by lease";
  return table_of({raft::tolerance(raft::ReadMode::kQuorum), lease, paxos::tolerance(consensus::ReadMode::kQuorum),
                   paxos_lease, commit::tolerance(), synod::tolerance(), flooding::tolerance(), generals::oral_tolerance(), generals::written_tolerance(), pbft::tolerance(),
                   voting_group("*voting modules*")});
}

// A line for each promise and each kind of detector for which it is another one.
std::string detectors() {
  using enum detect::DetectorKind;
  Tolerance sound = detect::soundness(kHeartbeat), complete = detect::completeness(kHeartbeat);
  Tolerance accurate = detect::accuracy(kHeartbeat), leads = detect::leadership(kHeartbeat);
  sound.protocol = "all, soundness";
  complete.protocol = "all, completeness";
  accurate.protocol = "heartbeats, probes, phi-accrual with growth: accuracy";
  leads.protocol = "the same, Omega upon it";
  return table_of({sound, complete, accurate, leads, detect::accuracy(kSwim), detect::leadership(kSwim),
                   detect::accuracy_without_growth()});
}

std::string row(const std::string& what, const Failure& f) {
  return "| " + what + " | " + std::string(name(f.component)) + " | " + to_text(f.what) + " | " +
         std::string(name(f.persistence)) + " |\n";
}

std::string simulator() {
  std::string text = "| code | name | what fails | class | persistence |\n|---|---|---|---|---|\n";
  for (size_t i = 0; i < sim::kFaultKinds; ++i) {
    const sim::FaultInfo& fault = sim::info(static_cast<sim::FaultKind>(i));
    text += row(std::string(fault.code) + " | `" + std::string(fault.name) + "`", fault.failure);
  }
  return text;
}

std::string nemesis_faults() {
  std::string text = "| fault | what fails | class | persistence |\n|---|---|---|---|\n";
  for (size_t i = 0; i < nemesis::kFaults; ++i) {
    const nemesis::FaultInfo& fault = nemesis::info(static_cast<nemesis::Fault>(i));
    if (!fault.request) text += row(std::string(fault.name), fault.failure);
  }
  return text;
}

// The page with the part between "<!-- table: NAME -->" and "<!-- end -->" replaced; empty without such a part.
std::string with_table(const std::string& page, const std::string& table, const std::string& rows) {
  const std::string begin = "<!-- table: " + table + " -->\n";
  const size_t at = page.find(begin), end = page.find("<!-- end -->", at);
  if (at == std::string::npos || end == std::string::npos) return "";
  return page.substr(0, at + begin.size()) + rows + page.substr(end);
}

TEST(FailureModelsPage, SaysWhatTheCodeSays) {
  std::ifstream in(kPage);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  std::string made = page;
  for (const auto& [table, rows] : {std::pair<std::string, std::string>{"classes", classes()},
                                    {"protocols", protocols()},
                                    {"detectors", detectors()},
                                    {"simulator", simulator()},
                                    {"nemesis", nemesis_faults()}}) {
    made = with_table(made, table, rows);
    ASSERT_NE(made, "") << "docs/failure-models.md has no table " << table;
  }
  if (std::getenv("HOLDFAST_REWRITE") != nullptr) std::ofstream(kPage) << made;
  EXPECT_EQ(page, made) << "after a change that is meant, run with HOLDFAST_REWRITE=1 and read the difference";
}

// A protocol that says what it tolerates says it on the page, too: the rows above are written by hand.
TEST(FailureModelsPage, LeavesNoProtocolOut) {
  std::ifstream in(HOLDFAST_SOURCE_DIR "/tests/failure_models_doc_test.cc");
  const std::string self{std::istreambuf_iterator<char>(in), {}};
  size_t protocols = 0;
  for (const auto& entry : std::filesystem::directory_iterator(HOLDFAST_SOURCE_DIR "/holdfast/consensus")) {
    if (!std::filesystem::exists(entry.path() / "tolerance.h")) continue;
    ++protocols;
    const std::string name = entry.path().filename();
    EXPECT_NE(self.find("consensus/" + name + "/tolerance.h"), std::string::npos) << name << " has no row";
  }
  EXPECT_GE(protocols, 6u);
}

// The lines of the table that stand for several kinds of detectors are the same for each of them.
TEST(DetectorsTable, OneLineStandsForAll) {
  using enum detect::DetectorKind;
  const auto text = [](Tolerance t) {
    t.protocol.clear();
    return table_of({t});
  };
  for (const detect::DetectorKind kind : {kSwim, kProbe, kPhi}) {
    EXPECT_EQ(text(detect::soundness(kind)), text(detect::soundness(kHeartbeat)));
    EXPECT_EQ(text(detect::completeness(kind)), text(detect::completeness(kHeartbeat)));
    if (kind == kSwim) continue;
    EXPECT_EQ(text(detect::accuracy(kind)), text(detect::accuracy(kHeartbeat)));
    EXPECT_EQ(text(detect::leadership(kind)), text(detect::leadership(kHeartbeat)));
  }
}

// What the nemesis does to real members is within what Raft promises.
TEST(NemesisFaults, AreWithinTheBudget) {
  std::vector<Strike> strikes;
  for (size_t i = 0; i < nemesis::kFaults; ++i) {
    const nemesis::FaultInfo& fault = nemesis::info(static_cast<nemesis::Fault>(i));
    if (!fault.request) strikes.push_back({fault.name, fault.failure, {0, 1, 2}, 0});
  }
  const Budget budget = judge(raft::tolerance(raft::ReadMode::kLease), 3, strikes);
  EXPECT_TRUE(budget.within && budget.safe) << budget.why;
  std::ifstream in(HOLDFAST_SOURCE_DIR "/docs/guide/nemesis.md");
  const std::string guide{std::istreambuf_iterator<char>(in), {}};
  for (const char* words :
       {"kill the leader, a follower, half or more, all", "kill while paused", "restart storm", "one way"}) {
    EXPECT_NE(guide.find(words), std::string::npos) << words;
  }
}

TEST(TwoPhaseCommit, IsSafeWhateverCrashesAndLiveOnlyWithEverybody) {
  const Strike all{"crash", {Component::kProcess, FailureClass::kFailResume, Persistence::kTransient}, {0, 1, 2}, 0};
  const Strike one{"gone", {Component::kProcess, FailureClass::kCrash, Persistence::kPermanent}, {0}, 0};
  EXPECT_TRUE(judge(commit::tolerance(), 3, std::vector{all}).within);
  const Budget blocked = judge(commit::tolerance(), 3, std::vector{one});
  EXPECT_TRUE(blocked.safe && !blocked.within) << blocked.why;
}

}  // namespace
}  // namespace holdfast
