#include "holdfast/lab/check.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace holdfast::lab {
namespace {

// The steps that every protocol knows.
constexpr const char* kSteps[] = {"crash", "restart", "pause", "resume", "clock", "cut", "heal"};

std::string quoted(const std::vector<std::string>& words) {
  return absl::StrCat("\"", absl::StrJoin(words, "\" or \""), "\"");
}

std::string allowed(const Parameter& p) {
  if (!p.words.empty()) return quoted(p.words);
  return absl::StrCat("a whole number from ", p.least, " to ", p.most);
}

bool fits(const Parameter& p, const Setting& s) {
  if (!p.words.empty()) return !s.number && std::count(p.words.begin(), p.words.end(), s.text) > 0;
  int64_t value = 0;
  const char* end = s.text.data() + s.text.size();
  return s.number && std::from_chars(s.text.data(), end, value).ptr == end && value >= p.least && value <= p.most;
}

std::string names_of(const std::vector<Parameter>& parameters) {
  if (parameters.empty()) return "this protocol has none";
  return absl::StrCat("there are ", absl::StrJoin(parameters, ", ", [](std::string* out, const Parameter& p) {
                        absl::StrAppend(out, p.name);
                      }));
}

Status check_parameters(const Scenario& s, const Protocol& protocol) {
  for (const auto& [name, setting] : s.with) {
    const auto known = std::find_if(protocol.parameters.begin(), protocol.parameters.end(),
                                    [&, key = name](const Parameter& p) { return p.name == key; });
    const std::string where = absl::StrCat(s.name, ": line ", setting.line, ", [with]: ");
    if (known == protocol.parameters.end()) {
      return absl::InvalidArgumentError(absl::StrCat(where, "\"", s.protocol, "\" has no parameter \"", name, "\"; ",
                                                     names_of(protocol.parameters)));
    }
    if (!fits(*known, setting)) {
      const std::string quote = setting.number ? "" : "\"";
      return absl::InvalidArgumentError(
          absl::StrCat(where, name, " must be ", allowed(*known), ", not ", quote, setting.text, quote));
    }
  }
  return absl::OkStatus();
}

Status check_processes(const Scenario& s, const Protocol& protocol) {
  const size_t n = s.processes.size();
  if (n < protocol.least || n > protocol.most) {
    const std::string wanted = protocol.least == protocol.most
                                   ? absl::StrCat(protocol.least)
                                   : absl::StrCat("from ", protocol.least, " to ", protocol.most);
    return absl::InvalidArgumentError(
        absl::StrCat(s.name, ": \"", s.protocol, "\" is played by ", wanted, " processes, not by ", n));
  }
  return absl::OkStatus();
}

// Every step that a scenario of the protocol can have.
std::string steps_of(const Protocol& protocol) {
  std::string own;
  for (const StepKind& k : protocol.steps) absl::StrAppend(&own, own.empty() ? "" : ", ", k.name);
  return absl::StrCat(absl::StrJoin(kSteps, ", "), ", and of \"", protocol.name, "\" ", own);
}

Status check_step(const Scenario& s, const Step& step, const Protocol& protocol) {
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(
        s.name, ": line ", step.line, step.act.empty() ? ", step" : absl::StrCat(", step \"", step.act, "\""), ": ", what));
  };
  if (step.at > s.until) {
    return wrong(absl::StrCat("it comes at ", (step.at - Time()).millis(), " ms, and the scenario ends at ",
                              (s.until - Time()).millis(), " ms (until_ms)"));
  }
  if (step.act.empty()) return absl::OkStatus();
  if (step.who.empty() && step.act != "heal") return wrong("it needs \"who\": a process, or a list of processes");
  if (std::count(std::begin(kSteps), std::end(kSteps), step.act) > 0) return absl::OkStatus();
  const auto kind = std::find_if(protocol.steps.begin(), protocol.steps.end(),
                                 [&](const StepKind& k) { return k.name == step.act; });
  if (kind == protocol.steps.end()) return wrong("there is no such step; there are " + steps_of(protocol));
  if (!kind->words.empty() && std::count(kind->words.begin(), kind->words.end(), step.value) == 0) {
    return wrong(absl::StrCat("its value must be ", quoted(kind->words), ", not \"", step.value, "\""));
  }
  return absl::OkStatus();
}

Status check_rules(const Scenario& s) {
  for (const MessageRule& r : s.messages) {
    if (r.after < r.before && r.after <= s.until) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        s.name, ": line ", r.line, ", [[message]]: it is never in force: after_ms lies behind before_ms or until_ms"));
  }
  for (const auto& [promise, verdict] : s.promises) {
    if (verdict == "kept" || verdict == "broken" || verdict == "open") continue;
    return absl::InvalidArgumentError(
        absl::StrCat(s.name, ": [promises]: ", promise, " must be ", R"("kept", "broken" or "open", not ")", verdict, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

Status check(const Scenario& scenario, const Protocol& protocol) {
  if (Status s = check_processes(scenario, protocol); !s.ok()) return s;
  if (Status s = check_parameters(scenario, protocol); !s.ok()) return s;
  for (const Step& step : scenario.steps) {
    if (Status s = check_step(scenario, step, protocol); !s.ok()) return s;
  }
  if (Status s = check_rules(scenario); !s.ok()) return s;
  if (protocol.check) {
    const Status s = protocol.check(completed(scenario, protocol));
    if (!s.ok()) return absl::InvalidArgumentError(absl::StrCat(scenario.name, ": [with]: ", s.message()));
  }
  if (!scenario.steps.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(scenario.name,
                                                 ": it has no step, so that nothing would be seen; add a [[step]] with "
                                                 "at_ms, who and do: ",
                                                 steps_of(protocol)));
}

Scenario completed(Scenario scenario, const Protocol& protocol) {
  for (const Parameter& p : protocol.parameters) {
    Setting own;
    if (!p.words.empty()) {
      own.text = p.words.front();
    } else {
      const auto all = static_cast<int64_t>(scenario.processes.size());
      own.text = std::to_string(p.otherwise.value_or(all));
      own.number = true;
    }
    scenario.with.emplace(p.name, own);
  }
  return scenario;
}

}  // namespace holdfast::lab
