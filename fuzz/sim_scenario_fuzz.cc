// Any text as a scenario of the simulator, and a good one with changes: read or refused with the reason, and what was read
// names nobody and nothing that there is not.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "holdfast/base/assert.h"
#include "holdfast/base/random.h"
#include "holdfast/sim/scenario.h"

namespace {

using namespace holdfast;  // NOLINT: a program of one page

constexpr std::string_view kGood = R"(title = "Two"
engine = "pbft"
seed = 7
faults_ms = 300
[cluster]
members = 4
reads = "lease"
snapshot_count = 20
max_delay_ms = 2
[workload]
clients = 2
keys = 3
put = 4
change_members = true
[[fault]]
name = "crash"
members = "leader"
at_ms = 10
for_ms = 20
[[fault]]
name = "partition"
members = [0, 2]
strength = 3
seed = 4
)";
constexpr std::string_view kWords[] = {"0",    "-1",    "99",      "1e3",     "\"leader\"", "[]",     "[1, 9]",
                                       "true", "\"\"", "\"raft\"", "\"loss\"", "[[1]]",      "{}",     "9223372036854775807",
                                       "nan",  "'x'",   "\n",      "#",       "members = ", "put = ", "[[fault]]\n"};

void read(std::string_view text) {
  const StatusOr<sim::RunSpec> spec = sim::parse_scenario(text, "any");
  if (!spec.ok()) {
    ensure(absl::IsInvalidArgument(spec.status()) && absl::StartsWith(spec.status().message(), "any: "),
           "a refusal says which scenario and why");
    return;
  }
  ensure(spec->store.members >= 1 && spec->store.members <= 9, "a cluster is of a size that is tested");
  for (const sim::Fault& f : spec->plan.faults) {
    ensure(!f.leader || f.members.empty(), "a fault has one kind of target");
    ensure(f.duration >= Duration() && f.start >= Time(), "time does not go back");
    for (const size_t m : f.members) ensure(m <= 100, "a position is one");
  }
  (void)sim::describe(*spec);
  (void)sim::budget_of(*spec);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read({reinterpret_cast<const char*>(data), size});
  static const bool good = sim::parse_scenario(kGood, "good").ok();
  ensure(good, "what is changed was a scenario");
  if (size == 0) return 0;
  Random random(data[0] + 256 * size);
  std::string changed(kGood);
  for (size_t i = 0; i < size && i < 6; ++i) {
    const size_t at = random.below(changed.size());
    if (random.chance(1, 2)) {
      const size_t value = changed.find(" = ", at);
      if (value == std::string::npos) continue;
      const size_t end = std::min(changed.find('\n', value), changed.size());
      changed.replace(value + 3, end - value - 3, kWords[random.below(std::size(kWords))]);
    } else if (random.chance(1, 2)) {
      changed.erase(at, random.below(8));
    } else {
      changed.insert(at, 1, static_cast<char>(data[i]));
    }
  }
  read(changed);
  return 0;
}
