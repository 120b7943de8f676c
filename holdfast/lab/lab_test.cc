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
  EXPECT_GT(came->messages, 0u);
  const std::string svg = diagram::to_svg(came->picture);
  EXPECT_THAT(svg, testing::HasSubstr(scenario->title.substr(0, 3)));
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
  EXPECT_THAT(refusal(head + "[[step]]\nwho = \"A\"\ndo = \"dance\""), testing::HasSubstr("knows no step \"dance\""));
  EXPECT_THAT(refusal(head + "[[step]]\nwho = \"A\""), testing::HasSubstr("a step needs"));
  EXPECT_THAT(refusal(head + "[[message]]\nfrom = \"A\""), testing::HasSubstr("says \"lose\" or \"later_ms\""));
  EXPECT_THAT(refusal(head + "title = "), testing::HasSubstr("line 3"));
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
