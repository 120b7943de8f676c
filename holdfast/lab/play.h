// Plays a scenario: what happened, step by step, as text and as a picture, and whether it came as the scenario says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "holdfast/diagram/space_time.h"
#include "holdfast/lab/cast.h"

namespace holdfast::lab {

// One line of the story.
struct Line {
  Time at;
  std::string who;  // empty: the narrator
  std::string text;
  bool said = false;  // the scenario's own words
};

struct Performance {
  std::vector<Line> story;
  std::map<std::string, std::string> states;  // of each process, at the end
  std::map<std::string, Verdict> promises;
  size_t messages = 0;
  // What came otherwise than the scenario expects; none: it came as expected.
  std::vector<std::string> surprises;
  // What the file asks for and nothing came of: a rule that no message met, a restart of who is up.
  std::vector<std::string> warnings;
  diagram::SpaceTime picture{""};
};

// For the reader.
std::string describe(Verdict verdict);

// kInvalidArgument: the scenario asks for a protocol or a step that there is not.
StatusOr<Performance> play(const Scenario& scenario);

// The scenarios that come with the program, by name.
const std::vector<Scenario>& scenarios();

}  // namespace holdfast::lab
