#include "holdfast/sim/sim_main.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "holdfast/base/mark.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/sim/check/history.h"
#include "holdfast/sim/engine_choice.h"
#include "holdfast/sim/picture_file.h"
#include "holdfast/sim/scenario.h"
#include "holdfast/sim/sim_options.h"
#include "holdfast/sim/sim_progress.h"
#include "holdfast/sim/trace_chart.h"

namespace holdfast::sim {
namespace {

constexpr Duration kProgressInterval = Duration::millis(5000);

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

// The scenario may have a seed of its own, so the seed is always said.
std::string run_command(const SimOptions& o, uint64_t seed) {
  std::string engine = o.engine ? " --engine " + std::string(replica::name_of(*o.engine)) : "";
  if (o.liars) engine += " --liars " + std::to_string(*o.liars);
  return "holdfast sim" + (o.scenario.empty() ? "" : " --scenario " + o.scenario) + engine + " --seed " +
         std::to_string(seed);
}
std::string replay_command(const SimOptions& o, uint64_t seed) { return run_command(o, seed) + " --trace"; }
std::string picture_command(const SimOptions& o, uint64_t seed) {
  return run_command(o, seed) + " --svg seed_" + std::to_string(seed) + ".svg";
}

std::string run_json(const SimOptions& o, const RunResult& r) {
  std::string text = "{\"seed\":" + std::to_string(r.seed) + ",\"ok\":" + (r.violations.empty() ? "true" : "false") +
                     ",\"trace_hash\":\"" + hex(r.trace_hash) + "\",\"events\":" + std::to_string(r.events) +
                     ",\"calls\":" + std::to_string(r.calls) + ",\"answered\":" + std::to_string(r.answered) +
                     ",\"revisions\":" + std::to_string(r.revisions) + ",\"terms\":" + std::to_string(r.terms) +
                     ",\"lies\":" + std::to_string(r.lies) + ",\"virtual_ms\":" + std::to_string(r.ended.millis());
  if (!r.violations.empty()) {
    text += std::string(",\"promised\":") + (r.budget.safe ? "true" : "false") +
            ",\"oracle\":" + json_text(r.violations[0].oracle) +
            ",\"explanation\":" + json_text(r.violations[0].explanation) +
            ",\"replay\":" + json_text(replay_command(o, r.seed));
  }
  return text + "}";
}

void report(const SimOptions& o, const RunResult& r, std::ostream& out) {
  if (o.json) {
    out << run_json(o, r) << "\n";
    return;
  }
  if (o.one_run()) {
    out << "seed " << r.seed << ": trace " << hex(r.trace_hash) << ", " << r.ended.millis() << " virtual ms, "
        << r.events << " events, " << r.answered << " of " << r.calls << " calls answered, revision " << r.revisions
        << ", term " << r.terms << (r.lies == 0 ? "" : ", " + std::to_string(r.lies) + " lies told")
        << (r.violations.empty() ? "; every promise kept" : "") << "\n";
  }
  for (const Violation& v : r.violations) {
    out << "seed " << r.seed << " FAILED at " << check::describe(v.at) << " ms: " << v.oracle << "\n"
        << v.explanation << "\n";
  }
  if (!r.violations.empty() && !r.budget.safe) out << "this was not promised: " << r.budget.why << "\n";
  if (!r.violations.empty()) {
    out << "picture: " << picture_command(o, r.seed) << "\nreplay: " << replay_command(o, r.seed) << std::endl;
  }
}

// An assertion that fails ends the process; the seed that led to it is still named.
uint64_t running_seed = 0;
const SimOptions* running_options = nullptr;
void on_abort(int) {
  const std::string text = "\nseed " + std::to_string(running_seed) +
                           " FAILED: an assertion (above)\nreplay: " + replay_command(*running_options, running_seed) +
                           "\n";
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) _exit(3);
  std::signal(SIGABRT, SIG_DFL);
}

StatusOr<RunSpec> spec_for(const SimOptions& o, uint64_t seed) {
  if (o.scenario.empty()) {
    RunSpec spec = swarm_spec(seed);
    run_on(spec, o.engine.value_or(spec.store.engine));
    if (spec.store.engine == replica::EngineKind::kPbft) draw_byzantine(spec, o.liars);
    return spec;
  }
  std::ifstream file(o.scenario);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) return absl::NotFoundError(o.scenario + ": cannot be read");
  StatusOr<RunSpec> spec = parse_scenario(text.str(), o.scenario);
  if (spec.ok() && o.one_seed) spec->seed = seed;
  if (!spec.ok()) return spec;
  if (o.engine) run_on(*spec, *o.engine);
  if (const Status fits = check_liars(*spec); !fits.ok()) return fits;
  return spec;
}

// kFailed: a promise was broken, or what came of it could not be written.
enum Outcome : int { kKept = 0, kFailed = 1, kWrongUsage = 2 };

// What a job runs: every jobs-th seed, beginning with its own. All stop when one has failed.
struct Share {
  const SimOptions& o;
  SimProgress& progress;
  std::ostream& out;
  std::ostream& err;
  bool undrawn = false;  // the picture could not be written

  Outcome run(unsigned job) {
    running_options = &o;
    std::signal(SIGABRT, on_abort);
    for (uint64_t seed = o.first + job; seed <= o.last; seed += o.jobs) {
      if (progress.failures() > 0 && !o.keep_going) break;
      if (!run_seed(seed)) return kWrongUsage;
      if (UINT64_MAX - seed < o.jobs) break;
    }
    std::signal(SIGABRT, SIG_DFL);
    out.flush();
    return progress.failures() == 0 && !undrawn ? kKept : kFailed;
  }

  bool run_seed(uint64_t seed) {
    StatusOr<RunSpec> spec = spec_for(o, seed);
    if (!spec.ok()) {
      err << "holdfast sim: " << spec.status().message() << "\n";
      return false;
    }
    if (o.spec) {
      out << "seed " << spec->seed << ": " << describe(*spec);
      return true;
    }
    running_seed = spec->seed;
    ChartOptions window;
    window.from = Time::at_millis(static_cast<int64_t>(o.svg_from_ms));
    if (o.svg_to_ms) window.to = Time::at_millis(static_cast<int64_t>(*o.svg_to_ms));
    TraceChart chart("A run of the store: seed " + std::to_string(spec->seed), window);
    Trace::Sink sink;
    if (o.trace || !o.svg.empty()) {
      sink = [&](Time at, NodeId who, std::string_view kind, std::string_view text) {
        if (!o.svg.empty()) chart.note(at, who, kind, text);
        if (!o.trace) return;
        out << check::describe(at) << " " << (is_client(who) ? "client" : to_text(who)) << " " << kind << " " << text
            << "\n";
      };
    }
    // A trace has every field; a picture has room for what matters.
    const RunResult result = run_store(*spec, sink, o.trace ? Telling::kFull : Telling::kWords);
    report(o, result, out);
    progress.finished(!result.violations.empty());
    return o.svg.empty() || draw(chart, result);
  }

  bool draw(TraceChart& chart, const RunResult& result) {
    const Time from = Time::at_millis(static_cast<int64_t>(o.svg_from_ms));
    if (from > result.ended) {
      err << "holdfast sim: --svg-window begins at " << o.svg_from_ms << " ms, and the run ends at "
          << (result.ended - Time()).millis() << " ms: there is nothing to draw\n";
      return false;
    }
    if (chart.empty()) {
      const std::string to = o.svg_to_ms ? ".." + std::to_string(*o.svg_to_ms) : "";
      err << "holdfast sim: --svg-window " << o.svg_from_ms << to
          << ": nothing that is drawn happened in that time (heartbeats and the clients' traffic are not drawn); take a "
             "wider window\n";
      return false;
    }
    for (const Violation& v : result.violations) chart.fail(v.at, v.oracle);
    const Status written = write_picture(o.svg, diagram::to_svg(chart.chart(run_command(o, result.seed))));
    undrawn = !written.ok();
    if (undrawn) err << "holdfast sim: " << written.message() << "\n";
    if (written.ok() && !o.json) out << "The picture is in " << o.svg << "\n";
    return true;
  }
};

void print_marks(std::ostream& out) {
  std::map<std::string, uint64_t> hits;
  for (const Mark* m : all_marks()) hits[std::string(m->name)] += m->hits.load();
  for (const auto& [name, count] : hits) out << count << " " << name << "\n";
}

Outcome run_jobs(Share& share) {
  std::vector<pid_t> children;
  share.out.flush();
  for (unsigned job = 0; job < share.o.jobs; ++job) {
    const pid_t child = fork();
    if (child == 0) {
      const Outcome outcome = share.run(job);
      if (share.out) _exit(outcome);
      share.err << "holdfast sim: standard output cannot be written; what it holds is not all\n";
      _exit(std::max<int>(outcome, kFailed));
    }
    if (child < 0) {
      share.err << "holdfast sim: cannot start " << share.o.jobs << " processes; give --jobs fewer\n";
      for (const pid_t started : children) kill(started, SIGTERM);
      break;
    }
    children.push_back(child);
  }
  int worst = children.size() < share.o.jobs ? kWrongUsage : kKept;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    worst = std::max(worst, WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(kFailed));
  }
  return static_cast<Outcome>(worst);
}

}  // namespace

int sim_main(const std::vector<std::string>& args, std::ostream& out, std::ostream& err) {
  const StatusOr<SimOptions> options = parse_sim_options(args);
  if (!options.ok()) {
    err << "holdfast sim: " << options.status().message() << "\n  `holdfast sim --help` explains\n";
    return kWrongUsage;
  }
  const SimOptions& o = *options;
  if (o.help) {
    out << sim_help();
    return kKept;
  }
  SimProgress progress(o.one_run() ? 1 : o.last - o.first + 1, o.one_run() ? Duration() : kProgressInterval, err);
  Share share{.o = o, .progress = progress, .out = out, .err = err};
  const Outcome outcome = o.jobs > 1 && !o.one_run() ? run_jobs(share) : share.run(0);
  if (o.marks) print_marks(out);
  if (outcome != kWrongUsage && !o.one_run() && !o.json && !o.spec) {
    out << "seeds " << o.first << ".." << o.last << ": ";
    if (outcome == kKept) {
      out << "every promise kept\n";
    } else {
      out << progress.failures() << " of " << progress.done() << " runs broke a promise\n";
    }
  }
  out.flush();
  return outcome;
}

}  // namespace holdfast::sim
