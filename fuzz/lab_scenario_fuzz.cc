// Any text as a scenario of the lab, and the lab's own scenarios with changes: read or refused with the reason, and
// what was read keeps what a run relies on.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "holdfast/base/assert.h"
#include "holdfast/base/random.h"
#include "holdfast/lab/scenario.h"

namespace {

using namespace holdfast;  // NOLINT: a program of one page

constexpr std::string_view kGood = R"(title = "Two"
protocol = "synod"
processes = ["a", "b"]
seed = 7
latency_ms = 3
until_ms = 50
[with]
quorum = 2
[[step]]
at_ms = 4
do = "cut"
who = "a"
from = ["b"]
say = "apart"
[[step]]
at_ms = 2
do = "heal"
[[message]]
kind = "Begin"
from = ["a"]
after_ms = 2
before_ms = 9
lose = true
[expect]
a = "decided"
[promises]
agreement = "kept"
)";

void read(const std::string& text) {
  const auto scenario = lab::parse_scenario(text, "any");
  if (!scenario.ok()) {
    ensure(absl::IsInvalidArgument(scenario.status()) && absl::StartsWith(scenario.status().message(), "any: "),
           "a refusal says which scenario and why");
    return;
  }
  const auto known = [&](const std::string& who) {
    return std::count(scenario->processes.begin(), scenario->processes.end(), who) > 0;
  };
  Time last;
  for (const lab::Step& s : scenario->steps) {
    ensure(s.at >= last, "steps are in the order of time");
    last = s.at;
    ensure(std::all_of(s.who.begin(), s.who.end(), known), "who does something takes part");
  }
  for (const auto& [who, what] : scenario->expect) ensure(known(who), "who is expected to end so takes part");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read(std::string(reinterpret_cast<const char*>(data), size));
  static const bool good = lab::parse_scenario(std::string(kGood), "good").ok();
  ensure(good, "what is changed was a scenario");
  if (size == 0) return 0;
  Random random(data[0] + 256 * size);
  std::string changed(kGood);
  for (size_t i = 0; i < size && i < 8; ++i) {
    const size_t at = random.below(changed.size());
    if (random.chance(1, 3)) {
      changed.erase(at, random.below(8));
    } else {
      changed.insert(at, 1, static_cast<char>(data[i]));
    }
  }
  read(changed);
  return 0;
}
