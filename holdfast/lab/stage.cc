#include "holdfast/lab/stage.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace holdfast::lab {

Stage::Stage(const Scenario& scenario)
    : scenario_(scenario), world_(scenario.seed), net_(world_, scenario.latency, scenario.latency) {}

NodeId Stage::id_of(const std::string& name) const {
  const auto at = std::find(scenario_.processes.begin(), scenario_.processes.end(), name);
  ensure(at != scenario_.processes.end(), "names of a scenario are checked when it is read");
  return NodeId(static_cast<uint64_t>(at - scenario_.processes.begin()) + 1);
}

std::optional<NodeId> Stage::find(const std::string& name) const {
  if (std::count(scenario_.processes.begin(), scenario_.processes.end(), name) == 0) return std::nullopt;
  return id_of(name);
}

const std::string& Stage::name_of(NodeId id) const { return scenario_.processes.at(id.value() - 1); }

std::string Stage::with_names(const std::string& text) const {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  std::string out;
  for (size_t i = 0; i < text.size();) {
    size_t number = 0;
    const char* digits = text.data() + i + 1;
    const char* end = text.data() + text.size();
    const bool begins = text[i] == 'n' && (i == 0 || !is_word(text[i - 1])) && digits < end;
    const char* after = begins ? std::from_chars(digits, end, number).ptr : digits;
    if (begins && after != digits && (after == end || !is_word(*after)) && number >= 1 &&
        number <= scenario_.processes.size()) {
      out += scenario_.processes[number - 1];
      i = static_cast<size_t>(after - text.data());
    } else {
      out += text[i++];
    }
  }
  return out;
}

std::vector<NodeId> Stage::everyone() const {
  std::vector<NodeId> out;
  for (size_t i = 1; i <= scenario_.processes.size(); ++i) out.emplace_back(i);
  return out;
}

const std::string& Stage::text(const std::string& key) const {
  const auto found = scenario_.with.find(key);
  ensure(found != scenario_.with.end(), "a cast asks for the parameters that its protocol names");
  return found->second.text;
}

int64_t Stage::number(const std::string& key) const {
  const std::string& given = text(key);
  int64_t value = 0;
  std::from_chars(given.data(), given.data() + given.size(), value);
  return value;
}

std::unique_ptr<sim::NodeStorage> Stage::storage(NodeId id) const {
  return std::make_unique<sim::MemoryStorage>(world_.stream("disk", id.value()));
}

}  // namespace holdfast::lab
