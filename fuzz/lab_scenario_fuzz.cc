// Any text as a scenario of the lab, and scenarios of every protocol with changes: read or refused with the reason, what
// was read keeps what a run relies on, and it is played to its end or refused with the reason.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "holdfast/base/assert.h"
#include "holdfast/base/random.h"
#include "holdfast/lab/cast.h"
#include "holdfast/lab/play.h"
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
acceptors = 2
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

// Short: the lab itself bounds how much happens in a run.
void perform(lab::Scenario scenario) {
  scenario.until = std::min(scenario.until, Time::at_millis(200));
  const auto came = lab::play(scenario);
  ensure(came.ok() || (absl::IsInvalidArgument(came.status()) && absl::StartsWith(came.status().message(), "any: ")),
         "a refusal says which scenario and why");
}

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
  perform(*scenario);
}

template <size_t N>
std::string any(Random& r, const std::string_view (&of)[N]) {
  return std::string(of[r.below(N)]);
}

constexpr std::string_view kNames[] = {"P", "Q", "R", "S", "T", "U", "V"};
constexpr std::string_view kNumbers[] = {"1", "2", "3", "4", "5", "20", "500", "1000000", "0", "-1", "9223372036854775807"};
constexpr std::string_view kParameters[] = {
    "acceptors",    "append_bytes", "backoff_ms",  "clients",   "crashes",    "dawn_ms",     "decision_timeout_ms",
    "heartbeat_ms", "leader",       "messages",    "resend_ms", "retry_ms",   "round_ms",    "election_timeout_ms",
    "patience_ms",  "rule",         "inflight_messages", "traitors", "vote_timeout_ms", "request_timeout_ms"};
constexpr std::string_view kSteps[] = {"crash", "restart", "crash", "restart", "pause", "resume", "clock", "cut", "heal"};
constexpr std::string_view kValues[] = {"",    "0",      "1",       "x",   "P",  "Q",      "Z",  "1000",
                                        "yes", "attack", "retreat", "P=x", "Q=", "Q=attack P=retreat", "R=x S=y"};

// A scenario of any protocol: names and values that mean something, in every mixture. What is only random text stops at
// the first check.
std::string scenario_of(Random& r) {
  const auto& all = lab::protocols();
  const lab::Protocol& protocol = all[r.below(all.size())];
  std::string out = "protocol = \"" + protocol.name + "\"\nprocesses = [";
  const uint64_t processes = r.below(8);
  const auto somebody = [&] { return std::string(kNames[r.below(std::max<uint64_t>(processes, 1))]); };
  for (uint64_t i = 0; i < processes; ++i) out += "\"" + std::string(kNames[i]) + "\",";
  out += "]\nuntil_ms = " + std::to_string(40 + r.below(160)) + "\nlatency_ms = " + std::to_string(r.below(3)) +
         "\ndisk_ms = " + std::to_string(r.below(2)) + "\n";
  for (uint64_t n = r.below(3), i = 0; i < n; ++i) {
    const auto& own = protocol.parameters;
    const std::string name = own.empty() || r.chance(1, 20) ? any(r, kParameters) : own[r.below(own.size())].name;
    out += "with." + name + " = " + any(r, kNumbers) + "\n";
  }
  for (uint64_t n = r.below(4), i = 0; i < n; ++i) {
    out += "[[message]]\nfrom = \"" + somebody() + "\"\n" +
           (r.chance(1, 2) ? "lose = true\n" : "later_ms = " + std::to_string(r.below(20)) + "\n");
  }
  for (uint64_t n = r.below(12), i = 0; i < n; ++i) {
    const bool own = r.chance(1, 2);
    const lab::StepKind& kind = protocol.steps[r.below(protocol.steps.size())];
    const std::string value = own && !kind.words.empty() ? kind.words[r.below(kind.words.size())] : any(r, kValues);
    out += "[[step]]\nat_ms = " + std::to_string(r.below(40)) + "\nwho = \"" +
           somebody() + "\"\ndo = \"" + (own ? kind.name : any(r, kSteps)) +
           "\"\nvalue = \"" + value + "\"\n";
  }
  return out;
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
  read(scenario_of(random));
  return 0;
}
