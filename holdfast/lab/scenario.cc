#include "holdfast/lab/scenario.h"

#include <algorithm>

#include "holdfast/sim/toml_table.h"

namespace holdfast::lab {
namespace {

using sim::TomlTable;

constexpr size_t kMostValue = 200;  // it stands in labels

std::vector<std::string> names(TomlTable& t, const std::string& key) {
  std::vector<std::string> out;
  const toml::node* node = t.get(key);
  if (node == nullptr) return out;
  if (const auto one = node->value<std::string>()) return {*one};
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    t.fail(*node, key + " must be a name or a list of names");
    return out;
  }
  for (const toml::node& n : *list) {
    if (const auto name = n.value<std::string>()) {
      out.push_back(*name);
    } else {
      t.fail(n, key + " must hold names only");
    }
  }
  return out;
}

void moment(TomlTable& t, const std::string& key, Time& out) {
  Duration d = out == Time::never() ? Duration() : out - Time();
  const bool there = t.raw().contains(key);
  t.millis(key, d);
  if (there) out = Time() + d;
}

// Parameters of a protocol and expectations are short: text or numbers.
std::map<std::string, std::string> words(const toml::table& raw, const std::string& where, Status& status) {
  TomlTable t(raw, where, status);
  std::map<std::string, std::string> out;
  for (const auto& [key, node] : raw) {
    const std::string name(key.str());
    t.get(name);
    if (const auto text = node.value_exact<std::string>()) {
      out[name] = *text;
    } else if (const auto number = node.value_exact<int64_t>()) {
      out[name] = std::to_string(*number);
    } else {
      t.fail(node, name + " must be a text or a whole number");
    }
  }
  return out;
}

std::map<std::string, Setting> settings(const toml::table& raw, Status& status) {
  std::map<std::string, Setting> out;
  for (const auto& [name, text] : words(raw, "[with]", status)) {
    const toml::node& node = *raw.get(name);
    out[name] = {text, node.is_integer(), node.source().begin.line};
  }
  return out;
}

Step read_step(const toml::table& raw, Status& status) {
  TomlTable t(raw, "[[step]]", status);
  Step s;
  s.line = raw.source().begin.line;
  moment(t, "at_ms", s.at);
  s.act = t.text("do");
  s.who = names(t, "who");
  s.apart = names(t, "from");
  s.value = t.text("value");
  s.say = t.text("say");
  if (s.value.size() > kMostValue) t.fail(raw, "value must be at most " + std::to_string(kMostValue) + " bytes long");
  if (s.act.empty() && s.say.empty()) t.fail(raw, "a step needs \"do\" or \"say\"");
  return s;
}

MessageRule read_rule(const toml::table& raw, Status& status) {
  TomlTable t(raw, "[[message]]", status);
  MessageRule r;
  r.line = raw.source().begin.line;
  r.kind = t.text("kind");
  r.from = names(t, "from");
  r.to = names(t, "to");
  moment(t, "after_ms", r.after);
  moment(t, "before_ms", r.before);
  t.flag("lose", r.lose);
  t.millis("later_ms", r.later);
  if (!r.lose && r.later == Duration()) t.fail(raw, "a message rule says \"lose\" or \"later_ms\"");
  return r;
}

template <class Read>
void each(TomlTable& t, const std::string& key, Read&& read) {
  const toml::node* node = t.get(key);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  if (list == nullptr) return t.fail(*node, key + " must be written as [[" + key + "]]");
  for (const toml::node& n : *list) {
    if (n.is_table()) read(*n.as_table());
  }
}

void check_names(const Scenario& s, Status& status) {
  const auto known = [&](const std::vector<std::string>& who, size_t line) {
    for (const std::string& n : who) {
      if (std::count(s.processes.begin(), s.processes.end(), n) == 0 && status.ok()) {
        status = absl::InvalidArgumentError((line == 0 ? "[expect]: " : "line " + std::to_string(line) + ": ") +
                                            "there is no process named \"" + n + "\"");
      }
    }
  };
  for (const Step& step : s.steps) {
    known(step.who, step.line);
    known(step.apart, step.line);
  }
  for (const MessageRule& r : s.messages) {
    known(r.from, r.line);
    known(r.to, r.line);
  }
  for (const auto& [who, what] : s.expect) known({who}, 0);
  for (const std::string& n : s.processes) {
    if (std::count(s.processes.begin(), s.processes.end(), n) > 1 && status.ok()) {
      status = absl::InvalidArgumentError("two processes are named \"" + n + "\"");
    }
  }
  if (s.processes.empty() && status.ok()) status = absl::InvalidArgumentError("it names no processes");
}

}  // namespace

StatusOr<Scenario> parse_scenario(std::string_view text, const std::string& name) {
  const auto wrong = [&](const std::string& what) { return absl::InvalidArgumentError(name + ": " + what); };
  const StatusOr<toml::table> parsed = sim::parse_toml(text, name);
  if (!parsed.ok()) return parsed.status();
  Scenario s;
  s.name = name;
  Status status;
  {
    TomlTable t(*parsed, "top level", status);
    s.title = t.text("title");
    if (s.title.empty()) s.title = name;
    s.protocol = t.text("protocol");
    s.about = t.text("about");
    s.source = t.text("source");
    s.processes = names(t, "processes");
    s.hide = names(t, "hide");
    t.number("seed", s.seed);
    t.millis("latency_ms", s.latency);
    t.millis("disk_ms", s.disk);
    moment(t, "until_ms", s.until);
    if (const toml::node* with = t.get("with"); with != nullptr && with->is_table()) {
      s.with = settings(*with->as_table(), status);
    }
    if (const toml::node* expect = t.get("expect"); expect != nullptr && expect->is_table()) {
      s.expect = words(*expect->as_table(), "[expect]", status);
    }
    if (const toml::node* promises = t.get("promises"); promises != nullptr && promises->is_table()) {
      s.promises = words(*promises->as_table(), "[promises]", status);
    }
    each(t, "step", [&](const toml::table& raw) { s.steps.push_back(read_step(raw, status)); });
    each(t, "message", [&](const toml::table& raw) { s.messages.push_back(read_rule(raw, status)); });
  }
  if (status.ok()) check_names(s, status);
  if (!status.ok()) return wrong(std::string(status.message()));
  std::stable_sort(s.steps.begin(), s.steps.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
  return s;
}

}  // namespace holdfast::lab
