// lab: scenarios that show what can and cannot be had, step by step and as a picture.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "holdfast/base/nearest.h"
#include "holdfast/cli/number_check.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/table.h"
#include "holdfast/lab/play.h"
#include "holdfast/lab/scenario_files.h"
#include "holdfast/sim/picture_file.h"

namespace holdfast::cli {
namespace {

using lab::Performance;
using lab::Scenario;
using lab::Verdict;

struct LabFlags {
  std::string what;
  std::string svg;
  bool quiet = false;
};

// A scenario of the program by its name, else a file.
StatusOr<Scenario> find(const std::string& what) {
  for (const Scenario& s : lab::scenarios()) {
    if (s.name == what) return s;
  }
  std::ifstream file(what, std::ios::binary);
  if (file && !std::filesystem::is_directory(what)) {
    // Not by operator<<, which fails when there is nothing to read.
    return lab::parse_scenario(std::string(std::istreambuf_iterator<char>(file), {}), what);
  }
  std::vector<std::string_view> names;
  for (const Scenario& s : lab::scenarios()) names.push_back(s.name);
  const std::string near = nearest(what, names);
  return absl::NotFoundError("there is neither a scenario nor a file named \"" + what + "\"" +
                             (near.empty() ? "" : "; did you mean " + near + "?") +
                             " (holdfast lab list names them all)");
}

std::string time_of(Time t) {
  const int64_t tenths = t.nanos() / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

void tell(Shell& shell, const Scenario& scenario, const Performance& came, bool quiet) {
  std::ostream& out = shell.out;
  out << scenario.title << "\n" << std::string(scenario.title.size(), '=') << "\n";
  if (!scenario.source.empty()) out << scenario.source << "\n";
  if (!scenario.about.empty()) out << "\n" << scenario.about << "\n";
  out << "\n";
  size_t widest = 0;
  for (const std::string& p : scenario.processes) widest = std::max(widest, p.size());
  for (const lab::Line& line : came.story) {
    if (quiet && !line.said) continue;
    std::string at = time_of(line.at);
    out << std::string(at.size() < 7 ? 7 - at.size() : 0, ' ') << at << "  ";
    if (line.said) {
      out << "-- " << line.text << "\n";
    } else {
      out << line.who << std::string(widest - std::min(widest, line.who.size()), ' ') << "  " << line.text << "\n";
    }
  }
  out << "\nAt the end, after " << came.messages << " messages:\n";
  for (const std::string& p : scenario.processes) {
    out << "  " << p << std::string(widest - p.size(), ' ') << "  " << came.states.at(p) << "\n";
  }
  for (const auto& [promise, verdict] : came.promises) out << "  " << promise << ": " << lab::describe(verdict) << "\n";
}

Json json_of(const Scenario& scenario, const Performance& came) {
  Json out = {{"scenario", scenario.name}, {"title", scenario.title},     {"messages", came.messages},
              {"states", came.states},     {"surprises", came.surprises}, {"warnings", came.warnings}, {"promises", Json::object()},
              {"story", Json::array()}};
  for (const auto& [promise, verdict] : came.promises) {
    out["promises"][promise] = verdict == Verdict::kKept ? "kept" : verdict == Verdict::kBroken ? "broken" : "open";
  }
  for (const lab::Line& line : came.story) {
    out["story"].push_back(
        {{"at_ms", static_cast<double>(line.at.nanos() / 1000) / 1000.0}, {"who", line.who}, {"text", line.text}});
  }
  return out;
}

void run_scenario(Shell& shell, const LabFlags& flags) {
  const StatusOr<Scenario> scenario = find(flags.what);
  if (!scenario.ok()) return shell.usage_error(std::string(scenario.status().message()));
  const StatusOr<Performance> came = lab::play(*scenario);
  if (!came.ok()) return shell.usage_error(std::string(came.status().message()));
  if (shell.json) {
    shell.print(json_of(*scenario, *came));
  } else {
    tell(shell, *scenario, *came, flags.quiet);
  }
  if (!flags.svg.empty()) {
    if (const Status s = sim::write_picture(flags.svg, diagram::to_svg(came->picture)); !s.ok()) return shell.fail(s);
    if (!shell.json) shell.out << "\nThe picture is in " << flags.svg << "\n";
  }
  for (const std::string& w : came->warnings) shell.err << "holdfast lab: warning: " << scenario->name << ": " << w << "\n";
  for (const std::string& s : came->surprises) shell.err << "holdfast lab: not as expected: " << s << "\n";
  if (!came->surprises.empty()) shell.exit_code = kExitFailed;
}

void list(Shell& shell) {
  if (shell.json) {
    for (const Scenario& s : lab::scenarios()) {
      shell.print({{"scenario", s.name}, {"title", s.title}, {"protocol", s.protocol}, {"source", s.source}});
    }
    return;
  }
  std::vector<std::vector<std::string>> rows = {{"NAME", "TITLE"}};
  for (const Scenario& s : lab::scenarios()) rows.push_back({s.name, s.title});
  print_table(shell.out, rows);
  shell.out << "\nholdfast lab run NAME plays one; --svg FILE draws it.\n";
}

void show(Shell& shell, const LabFlags& flags) {
  for (const auto& [name, text] : lab::scenario_files()) {
    if (name != flags.what) continue;
    shell.out << text;
    return;
  }
  const StatusOr<Scenario> found = find(flags.what);
  shell.usage_error(found.ok() ? flags.what + " is a file already; lab show prints what comes with the program"
                               : std::string(found.status().message()));
}

}  // namespace

void add_lab(CLI::App& root, Shell& shell) {
  CLI::App* app =
      root.add_subcommand("lab", "See what agreement can and cannot do: scenarios, step by step, as pictures");
  app->require_subcommand(1);
  app->footer(
      "A scenario is a file of a few lines: who plays, what they are told, what happens to their messages, and what "
      "must\n"
      "come of it (docs/guide/lab.md). The protocols are the production code.\n"
      "\n"
      "Examples:\n"
      "  holdfast lab list\n"
      "  holdfast lab run two_generals --svg two_generals.svg\n"
      "  holdfast lab show flp > mine.toml; holdfast lab run mine.toml");
  auto flags = std::make_shared<LabFlags>();
  CLI::App* names = app->add_subcommand("list", "Name the scenarios that come with the program");
  names->add_flag("--json", shell.json, "Print JSON, a line per scenario");
  names->callback([&shell] { list(shell); });
  CLI::App* run = app->add_subcommand("run", "Play a scenario; exits with 1 when it does not come as it says");
  run->add_option("scenario", flags->what, "A name, or a file")->type_name("NAME")->required();
  run->add_option("--svg", flags->svg, "Draw it as a space-time diagram")->check(not_empty())->type_name("FILE");
  run->add_flag("--quiet", flags->quiet, "Tell only what the scenario itself says");
  run->add_flag("--json", shell.json, "Print JSON");
  run->callback([flags, &shell] { run_scenario(shell, *flags); });
  CLI::App* print = app->add_subcommand("show", "Print a scenario's file, to begin one of your own with");
  print->add_option("scenario", flags->what, "A name")->type_name("NAME")->required();
  print->callback([flags, &shell] { show(shell, *flags); });
}

}  // namespace holdfast::cli
