#include "holdfast/base/assert.h"
#include "holdfast/lab/play.h"
#include "holdfast/lab/scenario_files.h"

namespace holdfast::lab {

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> out;
    for (const auto& [name, text] : scenario_files()) {
      StatusOr<Scenario> s = parse_scenario(text, std::string(name));
      ensure(s.ok(), "the program's own scenarios can be read: a test reads them all");
      out.push_back(*std::move(s));
    }
    return out;
  }();
  return all;
}

}  // namespace holdfast::lab
