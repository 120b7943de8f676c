#include "holdfast/sim/sim_main.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "holdfast/base/mark.h"
#include "holdfast/sim/check/history.h"
#include "holdfast/sim/scenario.h"

namespace holdfast::sim {
namespace {

constexpr const char* kUsage = R"(usage: holdfast sim [options]

Runs the whole store (members, disks, network, clients) in a simulated world under faults drawn from a seed, and checks
that every promise was kept. The same seed gives the same run.

  --seed N          one run
  --seeds A..B      every seed from A to B (default 1..100)
  --jobs N          this many processes share the seeds (default 1)
  --scenario FILE   a cluster, workload and faults from a TOML file (see docs/simulator.md); with --seed another seed
  --trace           print every event
  --spec            print what the seed stands for, and do not run it
  --marks           print how often each rare branch was reached
  --json            one JSON object per run
  --keep-going      do not stop at the first failure

Exit code: 0 all promises kept, 1 one was broken, 2 wrong usage.
)";

struct Options {
  uint64_t first = 1, last = 100;
  bool one = false;
  unsigned jobs = 1;
  std::string scenario;
  bool trace = false, spec = false, marks = false, json = false, keep_going = false;
};

std::optional<uint64_t> number(const std::string& text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

// Empty: understood. Else what is wrong.
std::string parse(const std::vector<std::string>& args, Options& o) {
  for (size_t i = 0; i < args.size(); ++i) {
    std::string name = args[i], value;
    if (const size_t eq = name.find('='); eq != std::string::npos) value = name.substr(eq + 1), name.resize(eq);
    const auto take = [&] { return value.empty() && i + 1 < args.size() ? args[++i] : value; };
    if (name == "--seed") {
      const auto n = number(take());
      if (!n) return "--seed needs a number";
      o.first = o.last = *n;
      o.one = true;
    } else if (name == "--seeds") {
      const std::string range = take();
      const size_t dots = range.find("..");
      const auto a = number(range.substr(0, dots));
      const auto b = dots == std::string::npos ? std::nullopt : number(range.substr(dots + 2));
      if (!a || !b || *a > *b) return "--seeds needs a range such as 1..1000";
      o.first = *a, o.last = *b;
    } else if (name == "--jobs") {
      const auto n = number(take());
      if (!n || *n == 0 || *n > 256) return "--jobs needs a number from 1 to 256";
      o.jobs = static_cast<unsigned>(*n);
    } else if (name == "--scenario") {
      o.scenario = take();
      if (o.scenario.empty()) return "--scenario needs a file";
    } else if (name == "--trace") {
      o.trace = true;
    } else if (name == "--spec") {
      o.spec = true;
    } else if (name == "--marks") {
      o.marks = true;
    } else if (name == "--json") {
      o.json = true;
    } else if (name == "--keep-going") {
      o.keep_going = true;
    } else {
      return "unknown option " + args[i];
    }
  }
  return {};
}

std::string json_text(const std::string& s) {
  std::string out = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\u%04x", c);
      out += hex;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string hex(uint64_t v) {
  char text[17];
  std::snprintf(text, sizeof text, "%016lx", static_cast<unsigned long>(v));
  return text;
}

std::string replay_command(const Options& o, uint64_t seed) {
  return "holdfast sim" + (o.scenario.empty() ? "" : " --scenario " + o.scenario) + " --seed " + std::to_string(seed);
}

void report(const Options& o, const RunResult& r) {
  if (o.json) {
    std::string text = "{\"seed\":" + std::to_string(r.seed) + ",\"ok\":" + (r.violations.empty() ? "true" : "false") +
                       ",\"trace_hash\":\"" + hex(r.trace_hash) + "\",\"events\":" + std::to_string(r.events) +
                       ",\"calls\":" + std::to_string(r.calls) + ",\"answered\":" + std::to_string(r.answered) +
                       ",\"revisions\":" + std::to_string(r.revisions) + ",\"terms\":" + std::to_string(r.terms) +
                       ",\"virtual_ms\":" + std::to_string(r.ended.millis());
    if (!r.violations.empty()) {
      text += ",\"oracle\":" + json_text(r.violations[0].oracle) +
              ",\"explanation\":" + json_text(r.violations[0].explanation) +
              ",\"replay\":" + json_text(replay_command(o, r.seed));
    }
    std::cout << text << "}\n";
    return;
  }
  if (o.one || !o.scenario.empty()) {
    std::cout << "seed " << r.seed << ": trace " << hex(r.trace_hash) << ", " << r.ended.millis() << " virtual ms, "
              << r.events << " events, " << r.answered << " of " << r.calls << " calls answered, revision "
              << r.revisions << ", term " << r.terms << "\n";
  }
  for (const Violation& v : r.violations) {
    std::cout << "seed " << r.seed << " FAILED at " << check::describe(v.at) << " ms: " << v.oracle << "\n"
              << v.explanation << "\nreplay: " << replay_command(o, r.seed) << " --trace\n";
  }
}

// An assertion that fails ends the process; the seed that led to it is still named.
uint64_t running_seed = 0;
const Options* running_options = nullptr;
void on_abort(int) {
  std::cout.flush();
  const std::string text = "\nseed " + std::to_string(running_seed) +
                           " FAILED: an assertion (above)\nreplay: " + replay_command(*running_options, running_seed) +
                           " --trace\n";
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) _exit(3);
  std::signal(SIGABRT, SIG_DFL);
}

StatusOr<RunSpec> spec_for(const Options& o, uint64_t seed) {
  if (o.scenario.empty()) return swarm_spec(seed);
  std::ifstream file(o.scenario);
  if (!file) return absl::NotFoundError(o.scenario + ": cannot be read");
  std::stringstream text;
  text << file.rdbuf();
  StatusOr<RunSpec> spec = parse_scenario(text.str(), o.scenario);
  if (spec.ok() && o.one) spec->seed = seed;
  return spec;
}

// Every jobs-th seed, beginning with the job's own. The number of failures, or -1.
int run_share(const Options& o, unsigned job) {
  int failures = 0;
  running_options = &o;
  std::signal(SIGABRT, on_abort);
  Trace::Sink sink;
  if (o.trace) {
    sink = [](Time at, NodeId who, std::string_view kind, std::string_view text) {
      std::cout << check::describe(at) << " " << (is_client(who) ? "client" : to_text(who)) << " " << kind << " "
                << text << "\n";
    };
  }
  for (uint64_t seed = o.first + job; seed <= o.last; seed += o.jobs) {
    running_seed = seed;
    StatusOr<RunSpec> spec = spec_for(o, seed);
    if (!spec.ok()) {
      std::cerr << spec.status().message() << "\n";
      return -1;
    }
    if (o.spec) {
      std::cout << "seed " << spec->seed << ": " << describe(*spec);
      continue;
    }
    const RunResult result = run_store(*spec, sink);
    report(o, result);
    failures += result.violations.empty() ? 0 : 1;
    if (failures > 0 && !o.keep_going) break;
    if (!o.scenario.empty()) break;
  }
  std::cout.flush();
  return failures;
}

void print_marks() {
  std::map<std::string, uint64_t> hits;
  for (const Mark* m : all_marks()) hits[std::string(m->name)] += m->hits.load();
  for (const auto& [name, count] : hits) std::cout << count << " " << name << "\n";
}

int run_jobs(const Options& o) {
  std::vector<pid_t> children;
  std::cout.flush();
  for (unsigned job = 0; job < o.jobs; ++job) {
    const pid_t child = fork();
    if (child == 0) {
      const int failures = run_share(o, job);
      _exit(failures == 0 ? 0 : failures < 0 ? 2 : 1);
    }
    if (child < 0) {
      std::cerr << "cannot start another process for --jobs\n";
      break;
    }
    children.push_back(child);
  }
  int worst = 0;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    worst = std::max(worst, WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  return worst;
}

}  // namespace

int sim_main(const std::vector<std::string>& args) {
  if (args.size() == 1 && (args[0] == "--help" || args[0] == "-h")) {
    std::cout << kUsage;
    return 0;
  }
  Options o;
  if (const std::string wrong = parse(args, o); !wrong.empty()) {
    std::cerr << wrong << "\n\n" << kUsage;
    return 2;
  }
  if (o.jobs > 1 && !o.marks) return run_jobs(o);
  const int failures = run_share(o, 0);
  if (o.marks) print_marks();
  if (failures == 0 && !o.one && !o.json && !o.spec && o.scenario.empty()) {
    std::cout << "seeds " << o.first << ".." << o.last << ": every promise kept\n";
  }
  return failures == 0 ? 0 : failures < 0 ? 2 : 1;
}

}  // namespace holdfast::sim
