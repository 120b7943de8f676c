// A cast: one protocol, as a scenario sees it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/lab/stage.h"

namespace holdfast::lab {

// What became of a promise of the protocol.
enum class Verdict {
  kKept,
  kBroken,
  kOpen,  // it is due one day, and was not until the end
};

class Cast {
 public:
  virtual ~Cast() = default;
  // In the order of their numbers. They are started when the scenario begins.
  virtual std::vector<sim::Process*> processes() = 0;
  // A step of this protocol's own, whose value is one of those that its StepKind allows. kInvalidArgument: this process
  // cannot do it, or not with this value.
  virtual Status perform(NodeId who, const Step& step) = 0;
  // How a process stands, in a few words: "decides x", "undecided".
  virtual std::string state_of(NodeId who) const = 0;
  virtual std::map<std::string, Verdict> promises() const = 0;
};

using MakeCast = std::function<std::unique_ptr<Cast>(Stage&)>;

// A parameter of a protocol, as a scenario's [with] may set it.
struct Parameter {
  std::string name;
  int64_t least = 0, most = 0;
  std::optional<int64_t> otherwise;  // when it is left out; none: as many as there are processes
  std::vector<std::string> words;    // it is no number but one of these; the first one when it is left out
};

// A step that only one protocol knows.
struct StepKind {
  std::string name;
  std::string value;               // what its value is: "VALUE"
  std::vector<std::string> words;  // the values that there are; empty: any
};

struct Protocol {
  std::string name;             // in scenario files
  std::string about;            // one line
  std::vector<StepKind> steps;  // its own
  MakeCast make;
  size_t least = 1, most = 16;  // processes
  std::vector<Parameter> parameters;
  // What parameters mean for each other. All are set, and each one is within its own bounds.
  std::function<Status(const Scenario&)> check;
};
const std::vector<Protocol>& protocols();

// The decisions of processes, and what they mean for agreement on one value: nobody decides otherwise than another one,
// on nothing that nobody proposed; and everybody who has not crashed decides one day.
class Decisions {
 public:
  void proposed(const std::string& value) { proposed_.push_back(value); }
  void decided(NodeId who, const std::string& value) { by_.emplace(who, value); }
  const std::string* of(NodeId who) const {
    const auto found = by_.find(who);
    return found == by_.end() ? nullptr : &found->second;
  }
  // `due`: who must decide.
  std::map<std::string, Verdict> promises(const std::vector<NodeId>& due) const;

 private:
  std::vector<std::string> proposed_;
  std::map<NodeId, std::string> by_;
};

}  // namespace holdfast::lab
