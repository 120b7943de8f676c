#include "holdfast/cli/command.h"

#include <algorithm>
#include <cstring>
#include <iostream>

#include "holdfast/base/nearest.h"
#include "holdfast/cli/serve.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/standard_output.h"
#include "holdfast/cli/text.h"
#include "holdfast/sim/sim_main.h"

namespace holdfast::cli {
namespace {

void build(CLI::App& root, Shell& shell) {
  root.name("holdfast");
  root.set_version_flag("--version", cat("holdfast ", kVersion));
  root.require_subcommand(1);
  root.failure_message(CLI::FailureMessage::simple);
  root.get_formatter()->column_width(34);
  add_client_options(root, shell, /*hidden=*/true);
  root.add_subcommand("serve", "Run one member (etcd's flags and environment variables)");
  add_up(root, shell);
  add_status(root, shell);
  add_get(root, shell);
  add_put(root, shell);
  add_del(root, shell);
  add_txn(root, shell);
  add_watch(root, shell);
  add_lease(root, shell);
  add_member(root, shell);
  add_key(root, shell);
  add_wal(root, shell);
  add_lab(root, shell);
  add_detect(root, shell);
  add_dependability(root, shell);
  root.add_subcommand("sim", "Run the whole store in the simulated world, from a seed");
  add_completion(root, shell);
  root.footer(
      "Start here:\n"
      "  holdfast serve                        a store of one member\n"
      "  holdfast put color blue\n"
      "  holdfast get color\n"
      "\n"
      "`holdfast COMMAND --help` explains a command, with examples.\n"
      "Exit codes: 0 done; 1 failed, or outcome unknown; 2 wrong usage; 3 not found, or not healthy.");
}

// The subcommand of `app` that was called, as deep as the words go.
const CLI::App& deepest(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : deepest(*parsed.front());
}

std::string unknown_command(const CLI::App& app, std::string_view word) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  const std::string guess = nearest(word, std::vector<std::string_view>(names.begin(), names.end()));
  return cat("unknown command \"", word, "\"", guess.empty() ? "" : cat("; did you mean ", guess, "?"));
}

// "--lmit" to "; did you mean --limit?", for the command that it was given to.
std::string flag_advice(const CLI::App& app, const std::vector<std::string>& args) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  for (const std::string& arg : args) {
    if (!arg.starts_with("--") || arg == "--") continue;
    const std::string typed = arg.substr(2, arg.find('=') - 2);
    if (std::find(names.begin(), names.end(), typed) != names.end()) continue;
    const std::string guess = nearest(typed, std::vector<std::string_view>(names.begin(), names.end()));
    return guess.empty() ? "" : cat("; did you mean --", guess, "?");
  }
  return "";
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : cat(full_name(*app.get_parent()), " ", app.get_name());
}

// The first word that is no flag where a subcommand should have stood; empty when there is none.
std::string_view stray_word(const CLI::App& app, const std::vector<std::string>& args) {
  const CLI::App* at = &app;
  for (const std::string& arg : args) {
    if (arg.starts_with("-")) return {};
    const auto subs = at->get_subcommands([](const CLI::App*) { return true; });
    if (subs.empty()) return {};
    const auto found = std::find_if(subs.begin(), subs.end(), [&](const CLI::App* s) { return s->get_name() == arg; });
    if (found == subs.end()) return arg;
    at = *found;
  }
  return {};
}

// The first option that was given as "--name=" and nothing behind it, as from an unset variable of a shell; else empty.
// The parser would take the next word as its value.
std::string_view option_without_value(const std::vector<std::string>& args) {
  for (const std::string& arg : args) {
    if (arg == "--") return {};
    if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) return arg;
  }
  return {};
}

}  // namespace

int run_command(const std::vector<std::string>& args, const Environment& environment, std::istream& in,
                std::ostream& out, std::ostream& err) {
  if (args == std::vector<std::string>{"version"}) {
    out << "holdfast " << kVersion << "\n";
    return kExitOk;
  }
  if (!args.empty() && args[0] == "serve") {
    return run_serve(std::vector<std::string>(args.begin() + 1, args.end()), environment, out, err);
  }
  if (!args.empty() && args[0] == "sim") {
    return sim::sim_main(std::vector<std::string>(args.begin() + 1, args.end()), out, err);
  }
  Shell shell(in, out, err, environment);
  CLI::App root("Holdfast: a replicated key-value store that speaks etcd's API.");
  build(root, shell);
  if (const std::string_view empty = option_without_value(args); !empty.empty()) {
    shell.usage_error(cat(empty, " has no value; give it one, or leave it out"));
    return kExitUsage;
  }
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    root.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    const CLI::App& at = deepest(root);
    out << at.help(at.get_parent() == nullptr ? "" : full_name(*at.get_parent()));
    return kExitOk;
  } catch (const CLI::Success& done) {  // --version
    out << done.what() << "\n";
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    const std::string_view stray = stray_word(root, args);
    const CLI::App& at = deepest(root);
    if (args.empty()) {
      err << root.help();
    } else {
      // The error's own text has the words backwards.
      const bool extras = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
      const std::string said = extras ? cat("not expected: ", join(root.remaining(/*recurse=*/true), " ")) : error.what();
      const std::string what = stray.empty() ? cat(said, flag_advice(at, args)) : unknown_command(at, stray);
      shell.usage_error(cat(what, "\n  `", full_name(at), " --help` explains"));
    }
    return kExitUsage;
  }
  return shell.exit_code;
}

int run_command(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  StandardOutput buffer;
  std::streambuf* const before = std::cout.rdbuf(&buffer);
  int code = run_command(args, process_environment(), std::cin, std::cout, std::cerr);
  // A member whose output nobody keeps has still served, and stopped as it should.
  const bool served = !args.empty() && args[0] == "serve" && code == kExitOk;
  if (!std::cout.flush() && !served) {
    Shell shell(std::cin, std::cout, std::cerr, {});
    shell.json = std::find(args.begin(), args.end(), "--json") != args.end();
    const std::string why = std::strerror(buffer.error());
    shell.fail(absl::DataLossError(cat("standard output: ", why, "; what it holds is not all")));
    code = code == kExitOk ? kExitFailed : code;
  }
  std::cout.rdbuf(before);
  return code;
}

}  // namespace holdfast::cli
