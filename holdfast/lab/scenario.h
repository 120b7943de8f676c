// A scenario of the lab: a protocol, who plays in it, what they are told to do and when, what happens to their
// messages, and what must come of it. A TOML file of a few lines (docs/guide/lab.md has every key).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/model/types.h"

namespace holdfast::lab {

// Something that happens at one moment. Every protocol knows crash, restart, pause, resume, cut, heal; what else there
// is, its cast says.
struct Step {
  Time at;
  std::string act;                 // empty: only something to say
  std::vector<std::string> who;    // processes, as the scenario names them
  std::vector<std::string> apart;  // cut: the others than `who`; empty: all
  std::string value;
  std::string say;  // for the reader
  size_t line = 0;  // of the file
};

// What becomes of messages, while it lasts.
struct MessageRule {
  std::string kind;               // the type's name; empty: all
  std::vector<std::string> from;  // empty: all
  std::vector<std::string> to;
  Time after;                   // sent at or after
  Time before = Time::never();  // and before
  bool lose = false;
  Duration later;  // by which they arrive later
  size_t line = 0;
};

// A parameter of the protocol as it is written: "3" as a text is no number.
struct Setting {
  std::string text;
  bool number = false;
  size_t line = 0;
};

struct Scenario {
  std::string name;  // of the file, without its ending
  std::string title;
  std::string protocol;  // of casts.h
  std::string about;     // what to look at, and why
  std::string source;    // where it is from
  std::vector<std::string> processes;
  uint64_t seed = 1;
  Duration latency = Duration::millis(1);  // of every message
  Duration disk = Duration::micros(100);   // of every write that is made stable
  Time until = Time::at_millis(100);
  std::map<std::string, Setting> with;  // the protocol's own parameters
  std::vector<Step> steps;                  // in the order of time
  std::vector<MessageRule> messages;
  std::vector<std::string> hide;                // kinds of messages that are not drawn
  std::map<std::string, std::string> expect;    // process to its state at the end
  std::map<std::string, std::string> promises;  // "agreement" to "kept", "broken" or "open"
};

// kInvalidArgument names the file, the line and what is wrong.
StatusOr<Scenario> parse_scenario(std::string_view text, const std::string& name);

}  // namespace holdfast::lab
