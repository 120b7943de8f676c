#include "holdfast/cli/serve_options.h"

#include <unistd.h>

#include <algorithm>

#include "holdfast/base/nearest.h"
#include "holdfast/cli/serve_check.h"
#include "holdfast/cli/serve_flags.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

std::vector<std::string_view> flag_names() {
  std::vector<std::string_view> names = {"help", "version"};
  for (const ServeFlag& flag : serve_flags()) names.push_back(flag.name);
  return names;
}

std::string unknown_flag(std::string_view name) {
  const std::string guess = nearest(name, flag_names());
  return cat("unknown flag --", name, guess.empty() ? "" : cat("; did you mean --", guess, "?"),
             guess.empty() ? "; `holdfast serve --help` lists all flags" : "");
}

// Keeps the values that were given, flags over variables, and complains about those that cannot be honoured.
class Collector {
 public:
  void add(const ServeFlag& flag, std::string value, std::string where) {
    if (flag.support != Support::kFixed) {
      given_[std::string(flag.name)] = GivenValue{std::move(value), std::move(where)};
    } else if (!is_accepted(flag, value)) {
      problems_.push_back(cat(where, "=", value, " is not supported: ", flag.text));
    }
  }
  void problem(std::string text) { problems_.push_back(std::move(text)); }
  const GivenValues& given() const { return given_; }
  std::vector<std::string>& problems() { return problems_; }

 private:
  GivenValues given_;
  std::vector<std::string> problems_;
};

// Go's rules, which etcd's users rely on: one dash or two, "--flag value" or "--flag=value", the last one wins, and a
// boolean flag takes its value only after an equals sign.
ServeCommand::Action collect_flags(const std::vector<std::string>& args, Collector& out) {
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view name = args[i];
    if (!name.starts_with("-") || name.find_first_not_of('-') == std::string_view::npos) {
      out.problem(cat("unexpected argument \"", args[i], "\"; flags are written --flag=value"));
      continue;
    }
    name.remove_prefix(name.starts_with("--") ? 2 : 1);
    const size_t equals = name.find('=');
    const bool has_value = equals != std::string_view::npos;
    std::string value = has_value ? std::string(name.substr(equals + 1)) : "";
    name = name.substr(0, equals);
    if (name == "help" || name == "h") return ServeCommand::Action::kHelp;
    if (name == "version") return ServeCommand::Action::kVersion;
    const ServeFlag* flag = find_serve_flag(name);
    if (flag == nullptr) {
      out.problem(unknown_flag(name));
      if (!has_value && i + 1 < args.size() && !args[i + 1].starts_with("-")) ++i;
      continue;
    }
    if (!has_value && flag->kind == ValueKind::kBool) {
      value = "true";
    } else if (!has_value && i + 1 < args.size()) {
      value = args[++i];
    } else if (!has_value) {
      out.problem(cat("--", name, " needs a value: --", name, "=VALUE"));
      continue;
    }
    out.add(*flag, std::move(value), cat("--", name));
  }
  return ServeCommand::Action::kServe;
}

void collect_environment(const Environment& environment, Collector& out, std::vector<std::string>& warnings) {
  std::vector<std::string> known = {"ETCD_UNSUPPORTED_ARCH", "HOLDFAST_ENDPOINTS"};
  for (const ServeFlag& flag : serve_flags()) {
    for (const char* prefix : {"ETCD", "HOLDFAST"}) {
      const std::string name = environment_name(prefix, flag.name);
      known.push_back(name);
      const auto found = environment.find(name);
      if (found != environment.end() && !found->second.empty()) out.add(flag, found->second, name);
    }
  }
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("ETCD_") && !name.starts_with("HOLDFAST_")) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string guess = nearest(name, std::vector<std::string_view>(known.begin(), known.end()));
    warnings.push_back(cat("the environment variable ", name, " has no meaning to `holdfast serve`",
                           guess.empty() ? "" : cat("; did you mean ", guess, "?")));
  }
}

}  // namespace

StatusOr<ServeCommand> parse_serve(const std::vector<std::string>& args, const Environment& environment) {
  ServeCommand command;
  Collector from_environment;
  Collector all;
  command.action = collect_flags(args, all);
  if (command.action != ServeCommand::Action::kServe) return command;
  collect_environment(environment, from_environment, command.warnings);
  GivenValues given = all.given();
  given.insert(from_environment.given().begin(), from_environment.given().end());
  std::vector<std::string> problems = std::move(all.problems());
  problems.insert(problems.end(), from_environment.problems().begin(), from_environment.problems().end());
  command.options = check_options(given, problems);
  if (!problems.empty()) return absl::InvalidArgumentError(join(problems, "\n"));
  return command;
}

std::string serve_help() {
  std::string text =
      "Run one member of a Holdfast store.\n"
      "\n"
      "Usage:\n"
      "  holdfast serve [--flag=value ...]\n"
      "\n"
      "With no flag it is a store of a single member on http://localhost:2379, kept in default.holdfast.\n"
      "Flags and environment variables are etcd's, but for those of docs/guide/consensus.md. Each flag can be "
      "given as --data-dir=DIR, --data-dir DIR,\n"
      "HOLDFAST_DATA_DIR=DIR or ETCD_DATA_DIR=DIR; the first of these that is given counts.\n"
      "\n"
      "Examples:\n"
      "  holdfast serve\n"
      "  holdfast serve --name=a --listen-client-urls=http://10.0.0.1:2379 --listen-peer-urls=http://10.0.0.1:2380 \\\n"
      "    --initial-cluster=a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,c=http://10.0.0.3:2380\n"
      "\n"
      "Flags:\n";
  for (const ServeFlag& flag : serve_flags()) {
    if (flag.support == Support::kFixed) continue;
    text += cat("  --", flag.name, "  (default '", flag.value, "')\n      ", flag.text, "\n");
  }
  text +=
      cat("  --version\n      Print the version and exit.\n"
          "\n"
          "etcd's other flags are accepted for the values that ask for what Holdfast does anyway, and refused\n"
          "by name otherwise; none is ignored. docs/guide/configuration.md has the whole table.\n");
  return text;
}

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

}  // namespace holdfast::cli
