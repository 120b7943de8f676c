#include "holdfast/sim/sim_options.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <absl/strings/str_cat.h>

#include "holdfast/base/nearest.h"
#include "holdfast/replica/engine_name.h"

namespace holdfast::sim {
namespace {

constexpr std::string_view kHelp = R"(Run the whole store (members, disks, network, clients) in a simulated world.

Usage:
  holdfast sim [options]

Time, network, disks, crashes and clients are drawn from a seed, and every promise is checked. The same seed gives the
same run, on every machine. A run that breaks a promise ends the command, which prints how to replay it.

  --seed N          one run
  --seeds A..B      every seed from A to B (default 1..100)
  --jobs N          this many processes share the seeds (default 1)
  --scenario FILE   a cluster, a workload and faults from a TOML file (docs/simulator.md); with --seed another seed
  --engine E        what keeps the log: raft (the default), paxos or pbft
  --liars N         over PBFT: so many members lie, in every run; else up to f of 3f + 1 in half of the runs, and in some
                    of the others members come and go. More than f conspire, and break promises: see what is shown
  --trace           print every event
  --svg FILE        draw the run as a space-time diagram: of a run that breaks a promise the end, else the beginning
  --svg-window A..B what lies between these virtual milliseconds instead
  --spec            print what a seed or a file stands for, and do not run it
  --marks           print how often each rare branch was reached
  --json            one JSON object per run
  --keep-going      do not stop at the first failure

Examples:
  holdfast sim --seeds 1..1000 --jobs 2
  holdfast sim --engine pbft --seeds 1..1000
  holdfast sim --seed 42 --trace
  holdfast sim --seed 42 --svg run.svg --svg-window 300..340
  holdfast sim --scenario holdfast/sim/scenarios/leader_killed_under_load.toml

Progress of a long run goes to standard error. Exit codes: 0 every promise was kept, 1 one was broken or
the picture could not be written, 2 wrong usage.
)";

struct Option {
  std::string_view name;
  // With a value: false when `text` is none. A flag gets an empty text.
  bool (*set)(SimOptions& options, const std::string& text);
  const char* needs;  // what the value must be; nullptr for flags
};

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

bool set_seed(SimOptions& o, const std::string& text) {
  const auto n = number(text);
  if (n) o.first = o.last = *n;
  o.one_seed = true;
  return n.has_value();
}

// "A..B" with A <= B.
std::optional<std::pair<uint64_t, uint64_t>> range(const std::string& text) {
  const size_t dots = text.find("..");
  if (dots == std::string::npos) return std::nullopt;
  const auto a = number(std::string_view(text).substr(0, dots)), b = number(std::string_view(text).substr(dots + 2));
  if (!a || !b || *a > *b) return std::nullopt;
  return std::pair(*a, *b);
}

bool set_seeds(SimOptions& o, const std::string& text) {
  const auto seeds = range(text);
  // The last seed of all is left out, so that counting one beyond the end cannot begin anew.
  if (!seeds || seeds->second == UINT64_MAX) return false;
  o.first = seeds->first, o.last = seeds->second;
  o.one_seed = false;
  return true;
}

bool set_svg(SimOptions& o, const std::string& text) {
  o.svg = text;
  return !text.empty();
}

bool set_svg_window(SimOptions& o, const std::string& text) {
  const auto window = range(text);
  if (!window || window->second > 1'000'000'000) return false;
  o.svg_from_ms = window->first;
  o.svg_to_ms = window->second;
  return true;
}

bool set_jobs(SimOptions& o, const std::string& text) {
  const auto n = number(text);
  if (!n || *n == 0 || *n > 256) return false;
  o.jobs = static_cast<unsigned>(*n);
  return true;
}

bool set_scenario(SimOptions& o, const std::string& text) {
  o.scenario = text;
  return !text.empty();
}

bool set_engine(SimOptions& o, const std::string& text) {
  o.engine = replica::engine_named(text);
  return o.engine.has_value();
}

bool set_liars(SimOptions& o, const std::string& text) {
  const auto n = number(text);
  if (!n || *n > 7) return false;
  o.liars = static_cast<size_t>(*n);
  return true;
}

template <bool SimOptions::*kMember>
bool set_flag(SimOptions& o, const std::string&) {
  o.*kMember = true;
  return true;
}

constexpr Option kOptions[] = {
    {"--seed", set_seed, "a whole number from 0 to 18446744073709551615"},
    {"--seeds", set_seeds, "a range such as 1..1000, the smaller number first"},
    {"--jobs", set_jobs, "a number from 1 to 256"},
    {"--scenario", set_scenario, "a file"},
    {"--engine", set_engine, "raft, paxos or pbft"},
    {"--liars", set_liars, "a number from 0 to 7"},
    {"--trace", set_flag<&SimOptions::trace>, nullptr},
    {"--svg", set_svg, "a file to write"},
    {"--svg-window", set_svg_window, "a range of milliseconds such as 300..340"},
    {"--spec", set_flag<&SimOptions::spec>, nullptr},
    {"--marks", set_flag<&SimOptions::marks>, nullptr},
    {"--json", set_flag<&SimOptions::json>, nullptr},
    {"--keep-going", set_flag<&SimOptions::keep_going>, nullptr},
    {"--help", set_flag<&SimOptions::help>, nullptr},
    {"-h", set_flag<&SimOptions::help>, nullptr},
};

Status unknown(const std::string& arg, const std::string& name) {
  const std::string guess = nearest(name, sim_option_names());
  const bool word = guess.empty() || !name.starts_with("--");
  return absl::InvalidArgumentError(absl::StrCat("unknown option ", arg, word ? "" : absl::StrCat("; did you mean ", guess, "?")));
}

Status wrong(const SimOptions& o, bool range_given) {
  if (range_given && o.one_seed) return absl::InvalidArgumentError("--seed and --seeds exclude each other");
  if (range_given && !o.scenario.empty()) {
    return absl::InvalidArgumentError("--scenario describes one run: give it --seed, not --seeds");
  }
  if (o.liars && (o.engine != replica::EngineKind::kPbft || !o.scenario.empty())) {
    return absl::InvalidArgumentError("--liars needs --engine pbft, and seeds: a scenario names its liars itself");
  }
  if (!o.svg.empty() && !o.one_run()) {
    return absl::InvalidArgumentError("--svg draws one run: give --seed or --scenario");
  }
  if (o.svg.empty() && o.svg_to_ms) return absl::InvalidArgumentError("--svg-window needs --svg");
  if (o.jobs > 1 && o.trace) return absl::InvalidArgumentError("--trace needs --jobs 1: the events would be mixed");
  if (o.jobs > 1 && o.marks)
    return absl::InvalidArgumentError("--marks needs --jobs 1: each process has its own count");
  return absl::OkStatus();
}

}  // namespace

StatusOr<SimOptions> parse_sim_options(const std::vector<std::string>& args) {
  SimOptions out;
  bool range_given = false, seed_given = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const size_t equals = args[i].find('=');
    const std::string name = args[i].substr(0, equals);
    const auto* option =
        std::find_if(std::begin(kOptions), std::end(kOptions), [&](auto& o) { return o.name == name; });
    if (option == std::end(kOptions)) return unknown(args[i], name);
    const bool takes_value = option->needs != nullptr;
    if (!takes_value && equals != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(name, " takes no value"));
    }
    std::string value;
    if (equals != std::string::npos) {
      value = args[i].substr(equals + 1);
    } else if (takes_value && i + 1 < args.size()) {
      value = args[++i];
    }
    if (!option->set(out, value)) {
      const std::string instead = value.empty() ? "" : absl::StrCat(", not \"", value, "\"");
      return absl::InvalidArgumentError(absl::StrCat(name, " needs ", option->needs, instead));
    }
    range_given |= name == "--seeds";
    seed_given |= name == "--seed";
  }
  out.one_seed = seed_given;
  if (!out.scenario.empty() && !seed_given) out.last = out.first;
  if (out.help) return out;
  if (Status status = wrong(out, range_given); !status.ok()) return status;
  return out;
}

std::string_view sim_help() { return kHelp; }

std::vector<std::string_view> sim_option_names() {
  std::vector<std::string_view> names;
  for (const Option& option : kOptions) {
    if (option.name != "--help" && option.name != "-h") names.push_back(option.name);
  }
  return names;
}

}  // namespace holdfast::sim
