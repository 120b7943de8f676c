// Every scenario of the lab is a test: it comes as its file says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "holdfast/lab/play.h"
#include "holdfast/lab/scenario_files.h"

namespace holdfast::lab {
namespace {

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& [name, text] : scenario_files()) out.emplace_back(name);
  return out;
}

class LabScenario : public testing::TestWithParam<std::string> {};

TEST_P(LabScenario, ComesAsItsFileSays) {
  std::string_view text;
  for (const auto& [name, file] : scenario_files()) {
    if (name == GetParam()) text = file;
  }
  const StatusOr<Scenario> scenario = parse_scenario(text, GetParam());
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_FALSE(scenario->title.empty() || scenario->about.empty() || scenario->source.empty());
  EXPECT_FALSE(scenario->expect.empty() && scenario->promises.empty()) << "it expects nothing";
  const StatusOr<Performance> came = play(*scenario);
  ASSERT_TRUE(came.ok()) << came.status();
  EXPECT_THAT(came->surprises, testing::ElementsAre());
  EXPECT_THAT(came->warnings, testing::ElementsAre());
  EXPECT_GT(came->messages, 0u);
  const std::string svg = diagram::to_svg(came->picture);
  EXPECT_THAT(svg, testing::HasSubstr(scenario->title.substr(0, 3)));
  EXPECT_THAT(svg, testing::Not(testing::HasSubstr("…</text>"))) << "a label is cut off";
  // None shows what only a debugger wants.
  for (const auto& e : came->picture.events()) {
    if (e.what != diagram::SpaceTime::What::kSend) continue;
    EXPECT_THAT(e.label, testing::Not(testing::AnyOf(testing::HasSubstr("["), testing::HasSubstr("{"),
                                                     testing::HasSubstr("#"))));
  }
  // The same run, and the same picture, again.
  EXPECT_EQ(svg, diagram::to_svg(play(*scenario)->picture));
}

INSTANTIATE_TEST_SUITE_P(Lab, LabScenario, testing::ValuesIn(names()), [](const auto& info) { return info.param; });

// The pictures in the documentation are those that the scenarios give today.
TEST(LabPictures, InTheDocumentationAreTrue) {
  for (const std::string name : {"figure_8", "dueling_proposers_and_a_leader", "pbft_view_change"}) {
    const auto& all = scenarios();
    const auto scenario = std::find_if(all.begin(), all.end(), [&](const Scenario& s) { return s.name == name; });
    ASSERT_NE(scenario, all.end()) << name;
    const std::string svg = diagram::to_svg(play(*scenario)->picture);
    const std::string path = std::string(HOLDFAST_SOURCE_DIR) + "/docs/pictures/" + name + ".svg";
    if (std::getenv("HOLDFAST_REWRITE") != nullptr) std::ofstream(path) << svg;
    std::stringstream drawn;
    drawn << std::ifstream(path).rdbuf();
    EXPECT_EQ(drawn.str(), svg) << path << " is out of date; HOLDFAST_REWRITE=1 draws it anew";
  }
}

std::string refusal(const std::string& text) {
  const StatusOr<Scenario> scenario = parse_scenario(text, "x");
  if (!scenario.ok()) return std::string(scenario.status().message());
  const StatusOr<Performance> came = play(*scenario);
  return came.ok() ? "played" : std::string(came.status().message());
}

TEST(LabScenarioFiles, MistakesAreExplained) {
  const std::string head = "processes = [\"A\", \"B\"]\nprotocol = \"two-generals\"\n";
  EXPECT_THAT(refusal("processes = 3"), testing::HasSubstr("processes must be a name or a list of names"));
  EXPECT_THAT(refusal(""), testing::HasSubstr("x: it names no processes"));
  EXPECT_THAT(refusal("processes = [\"A\"]\nprotocol = \"magic\""),
              testing::HasSubstr("there is no protocol named \"magic\"; there are"));
  EXPECT_THAT(refusal(head + "colour = 1"), testing::HasSubstr("unknown key \"colour\""));
  EXPECT_THAT(refusal(head + "[[step]]\nwho = \"C\"\ndo = \"plan\""),
              testing::HasSubstr("there is no process named \"C\""));
  EXPECT_THAT(refusal(head + "[[step]]\nwho = \"A\"\ndo = \"dance\""), testing::HasSubstr("there is no such step; there are crash"));
  EXPECT_THAT(refusal(head + "[[step]]\nwho = \"A\""), testing::HasSubstr("a step needs"));
  EXPECT_THAT(refusal(head + "[[message]]\nfrom = \"A\""), testing::HasSubstr("says \"lose\" or \"later_ms\""));
  EXPECT_THAT(refusal(head + "title = "), testing::HasSubstr("line 3"));
}

// A scenario of `protocol` among `processes` processes with `with`, and a step of the first one.
std::string refusal_of(const std::string& protocol, int processes, const std::string& with, const std::string& step) {
  std::string text = "protocol = \"" + protocol + "\"\nprocesses = [";
  for (int i = 1; i <= processes; ++i) text += "\"P" + std::to_string(i) + "\",";
  text += "]\nuntil_ms = 100\n";
  if (!with.empty()) text += "with." + with + "\n";
  if (!step.empty()) text += "[[step]]\nwho = \"P1\"\n" + step + "\n";
  return refusal(text);
}

// Whatever a file sets, it is refused in words or played: an assertion is for bugs of the program.
TEST(LabScenarioFiles, ParametersHaveBounds) {
  const struct {
    std::string protocol;
    int processes;
    std::string with, says;
  } cases[] = {
      {"pbft", 5, "clients = 2", "clients must be at most 1, not 2: there are four members at least"},
      {"pbft", 5, "clients = 0", "x: line 4, [with]: clients must be a whole number from 1 to 12, not 0"},
      {"pbft", 4, "clients = 1", "\"pbft\" is played by from 5 to 16 processes, not by 4"},
      {"synod", 3, "acceptors = 0", "acceptors must be a whole number from 1 to 16, not 0"},
      {"synod", 3, "acceptors = 9", "acceptors must be at most 3, not 9: the acceptors are among the processes"},
      {"synod", 3, "acceptors = -1", "acceptors must be a whole number from 1 to 16, not -1"},
      {"raft", 3, "election_timeout_ms = 0", "election_timeout_ms must be a whole number from 1 to 1000000, not 0"},
      {"raft", 3, "heartbeat_ms = 0", "heartbeat_ms must be a whole number from 1"},
      {"raft", 3, "heartbeat_ms = 500", "heartbeat_ms must be at most 99, not 500"},
      {"raft", 3, "append_bytes = -1", "append_bytes must be"},
      {"consistent-register", 3, "election_timeout_ms = 0", "election_timeout_ms must be"},
      {"oral-generals", 4, "traitors = -1", "traitors must be a whole number from 0 to 5, not -1"},
      {"oral-generals", 4, "round_ms = 0", "round_ms must be"},
      {"oral-generals", 16, "traitors = 5", "traitors: too many generals and traitors"},
      {"two-generals", 1, "", "\"two-generals\" is played by 2 processes, not by 1"},
      {"two-phase-commit", 3, "decision_timeout_ms = 0", "decision_timeout_ms must be"},
      {"two-phase-commit", 3, "decision_timeout_ms = -1", "decision_timeout_ms must be"},
      {"ben-or", 3, "crashes = 2", "crashes must be at most 1, not 2: fewer than half of the processes may crash"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(refusal_of(c.protocol, c.processes, c.with, ""), testing::HasSubstr(c.says)) << c.protocol;
  }
}

TEST(LabScenarioFiles, StepsNameProcessesThatThereAre) {
  const std::string notice = refusal_of("flooding", 3, "", "do = \"notice\"\nvalue = \"Q\"");
  EXPECT_EQ(notice,
            "x: line 4, step \"notice\" of P1: its value must be the name of another process, not \"Q\"");
  EXPECT_THAT(refusal_of("flooding", 3, "", "do = \"notice\"\nvalue = \"P1\""), testing::HasSubstr("another process"));
  EXPECT_THAT(refusal_of("synod", 3, "", "do = \"trust\"\nvalue = \"Q\""),
              testing::HasSubstr("its value must be the name of a process, or empty, not \"Q\""));
  EXPECT_EQ(refusal_of("synod", 3, "", "do = \"resume\""), "played");
  EXPECT_THAT(refusal("processes = [\"A\", \"A\"]\nprotocol = \"flooding\""),
              testing::HasSubstr("two processes are named \"A\""));
}

TEST(LabScenarioFiles, StepsSayWhatTheyNeed) {
  using testing::HasSubstr;
  EXPECT_EQ(refusal_of("ben-or", 3, "", "do = \"propose\"\nvalue = \"banana\""),
            "x: line 4, step \"propose\": its value must be \"0\" or \"1\", not \"banana\"");
  EXPECT_THAT(refusal_of("two-phase-commit", 3, "", "do = \"vote\"\nvalue = \"perhaps\""),
              HasSubstr("its value must be \"yes\" or \"no\", not \"perhaps\""));
  EXPECT_EQ(refusal_of("two-phase-commit", 3, "", "do = \"vote\"\nvalue = \"yes\""),
            "x: line 4, step \"vote\" of P1: it cannot do that: the participants vote, which are all processes but the "
            "first");
  EXPECT_THAT(refusal_of("pbft", 5, "", "do = \"submit\"\nvalue = \"x\""), HasSubstr("a client submits"));
  EXPECT_THAT(refusal_of("pbft", 5, "", "do = \"equivocate\"\nvalue = \"P5=x\""), HasSubstr("such as \"B=x C=y D=\""));
  EXPECT_EQ(refusal_of("raft", 3, "", "do = \"propose\""),
            "x: line 4, step \"propose\": there is no such step; there are crash, restart, pause, resume, clock, cut, "
            "heal, and of \"raft\" submit");
  EXPECT_THAT(refusal_of("raft", 3, "", "at_ms = 101\ndo = \"crash\""),
              HasSubstr("it comes at 101 ms, and the scenario ends at 100 ms (until_ms)"));
  EXPECT_THAT(refusal("protocol = \"raft\"\nprocesses = [\"A\"]\n[[step]]\ndo = \"crash\""), HasSubstr("it needs \"who\""));
}

TEST(LabScenarioFiles, ParametersAreKnownAndOfTheirType) {
  using testing::HasSubstr;
  EXPECT_EQ(refusal_of("raft", 3, "heartbeats = 3", ""),
            "x: line 4, [with]: \"raft\" has no parameter \"heartbeats\"; there are election_timeout_ms, heartbeat_ms, "
            "append_bytes, inflight_messages");
  EXPECT_THAT(refusal_of("flooding", 3, "crashes = 3", ""), HasSubstr("this protocol has none"));
  EXPECT_THAT(refusal_of("ben-or", 3, "crashes = \"two\"", ""),
              HasSubstr("crashes must be a whole number from 0 to 16, not \"two\""));
  EXPECT_THAT(refusal_of("ben-or", 3, "rule = \"dice\"", ""), HasSubstr("rule must be \"keep\" or \"coin\", not \"dice\""));
  EXPECT_THAT(refusal("protocol = \"raft\"\nprocesses = [\"A\"]\n[promises]\nagreement = \"yes\""),
              HasSubstr("agreement must be \"kept\", \"broken\" or \"open\", not \"yes\""));
  EXPECT_THAT(refusal("protocol = \"raft\"\nprocesses = [\"A\"]\n[[message]]\nlose = true\nafter_ms = 5\nbefore_ms = 3"),
              HasSubstr("line 3, [[message]]: it is never in force"));
}

TEST(LabScenarioFiles, WhatNothingCameOfIsTold) {
  StatusOr<Scenario> scenario = parse_scenario(R"(protocol = "two-generals"
processes = ["A", "B"]
[[step]]
who = "A"
do = "plan"
[[step]]
who = "B"
do = "restart"
[[step]]
who = "B"
do = "resume"
[[message]]
kind = "Acknowlege"
lose = true
[[message]]
from = "B"
after_ms = 60
lose = true
)",
                                               "x");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_THAT(play(*scenario)->warnings,
              testing::ElementsAre(
                  "line 6, step \"restart\" of B: it is running", "line 9, step \"resume\" of B: it does not stand still",
                  "line 12, [[message]]: it met no message: nobody sent a Acknowlege; there were Acknowledge, Plan",
                  "line 15, [[message]]: it met no message: no message of those processes was sent in that time"));
}

// Messages that take no time can go to and fro for ever in no time.
TEST(LabScenarioFiles, ARunThatDoesNotEndIsRefused) {
  EXPECT_THAT(refusal("protocol = \"raft\"\nprocesses = [\"A\", \"B\"]\nuntil_ms = 1000000000\nlatency_ms = 0\n"
                      "with.heartbeat_ms = 1\n[[step]]\nwho = \"A\"\ndo = \"crash\"\nat_ms = 999999999\n"),
              testing::HasSubstr("end it earlier (until_ms)"));
}

TEST(LabScenarioFiles, OneWithoutAStepIsRefused) {
  EXPECT_EQ(refusal("protocol = \"raft\"\nprocesses = [\"A\"]"),
            "x: it has no step, so that nothing would be seen; add a [[step]] with at_ms, who and do: crash, restart, "
            "pause, resume, clock, cut, heal, and of \"raft\" submit");
}

// The marks of a kind in the picture of a scenario, as "who: label".
std::vector<std::string> marks_of(const std::string& text, diagram::MarkKind kind) {
  std::vector<std::string> out;
  const StatusOr<Scenario> scenario = parse_scenario(text, "x");
  const StatusOr<Performance> came = scenario.ok() ? play(*scenario) : scenario.status();
  if (!came.ok()) return {std::string(came.status().message())};
  for (const auto& e : came->picture.events()) {
    const bool mark = e.what == diagram::SpaceTime::What::kMark && e.mark == kind;
    if (mark) out.push_back(came->picture.processes()[e.column].name + ": " + e.label);
  }
  return out;
}

// A timeout that something comes of is drawn.
TEST(LabPictures, TimeoutsAreDrawn) {
  EXPECT_THAT(marks_of(R"(protocol = "two-phase-commit"
processes = ["C", "A"]
with.vote_timeout_ms = 20
step = [{ who = "A", do = "vote", value = "yes" }, { who = "C", do = "begin", value = "t" }]
message = [{ kind = "Vote", lose = true }]
)",
                       diagram::MarkKind::kTimeout),
              testing::Contains("C: has waited in vain for votes"));
  EXPECT_THAT(marks_of(R"(protocol = "consistent-register"
processes = ["P", "Q", "R"]
with.request_timeout_ms = 20
step = [{ who = "P", do = "cut" }, { who = "P", do = "read", at_ms = 70 }]
)",
                       diagram::MarkKind::kTimeout),
              testing::IsSupersetOf({"P: hears no leader: stands", "P: refuses: cannot read"}));
}

// Availability in the CAP theorem: every call to a process that is up is answered. A refusal is no answer, a call that is
// still waited for may be answered yet.
TEST(LabPromises, ACallThatIsRefusedIsAvailabilityLost) {
  const auto availability = [](const std::string& until) {
    const StatusOr<Scenario> scenario = parse_scenario(R"(protocol = "consistent-register"
processes = ["P", "Q", "R"]
with.request_timeout_ms = 20
step = [{ who = "P", do = "cut" }, { who = "P", do = "read", at_ms = 70 }]
until_ms = )" + until, "x");
    return play(*scenario)->promises.at("availability");
  };
  EXPECT_EQ(availability("80"), Verdict::kOpen);
  EXPECT_EQ(availability("100"), Verdict::kBroken);
}

// An expectation that fails is seen: what the other tests rest upon.
TEST(LabScenarioFiles, WhatComesOtherwiseIsSaid) {
  StatusOr<Scenario> scenario = parse_scenario(R"(
    protocol = "two-generals"
    processes = ["A", "B"]
    with = { messages = 1, dawn_ms = 20 }
    step = [{ who = "A", do = "plan", value = "now" }]
    expect = { A = "stays at home" }
    promises = { agreement = "broken", courage = "kept" }
  )",
                                               "x");
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  EXPECT_THAT(
      play(*scenario)->surprises,
      testing::UnorderedElementsAre("A attacks, and should: stays at home", "agreement is kept, and should be broken",
                                    "courage is unknown to this protocol, and should be kept"));
}

}  // namespace
}  // namespace holdfast::lab
