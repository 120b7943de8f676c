#include "holdfast/cli/completion.h"

#include "holdfast/cli/serve_flags.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"
#include "holdfast/lab/play.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/sim/sim_options.h"

namespace holdfast::cli {
namespace {

std::vector<CLI::App*> children(const CLI::App& app) {
  // CLI11 hands out subcommands only from an app that may be changed; nothing is changed here.
  return const_cast<CLI::App&>(app).get_subcommands([](CLI::App*) { return true; });
}

using Values = std::vector<std::string>;

Values engines() {
  Values out;
  for (const auto kind : {replica::EngineKind::kRaft, replica::EngineKind::kPaxos, replica::EngineKind::kPbft}) {
    out.emplace_back(replica::name_of(kind));
  }
  return out;
}

Values scenario_names() {
  Values out;
  for (const lab::Scenario& s : lab::scenarios()) out.push_back(s.name);
  return out;
}

// The parsers know their values, but do not tell: most of them check by functions of their own.
std::vector<std::pair<std::string, Values>> values_of(std::string_view path) {
  if (path == "holdfast up") return {{"--consensus", engines()}};
  if (path == "holdfast sim") return {{"--engine", engines()}};
  if (path == "holdfast serve") {
    return {{"--consensus", engines()},
            {"--initial-cluster-state", {"new", "existing"}},
            {"--log-level", {"debug", "info", "warn", "error"}}};
  }
  if (path == "holdfast get") {
    return {{"--order", {"ASCEND", "DESCEND"}},
            {"--sort-by", {"KEY", "VERSION", "CREATE", "MODIFY", "VALUE"}},
            {"--consistency", {"l", "s"}}};
  }
  if (path == "holdfast detect") return {{"--detector", {"swim", "heartbeat", "probe", "phi"}}};
  if (path == "holdfast dependability") return {{"--model", {"fail-stop", "crash", "byzantine"}}};
  return {};
}

void collect(const CLI::App& app, const std::string& path, std::vector<CompletionNode>& out) {
  CompletionNode node{path, app.get_description(), {}, values_of(path)};
  for (const CLI::App* child : children(app)) node.words.push_back(child->get_name());
  if (path == "holdfast serve") {
    for (const ServeFlag& flag : serve_flags()) {
      if (flag.support != Support::kFixed) node.words.push_back(cat("--", flag.name));
    }
  }
  if (path == "holdfast sim") {
    for (const std::string_view name : sim::sim_option_names()) node.words.emplace_back(name);
  }
  if (path == "holdfast completion") node.words.insert(node.words.end(), {"bash", "zsh", "fish"});
  if (path == "holdfast lab run" || path == "holdfast lab show") node.words = scenario_names();
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) node.words.push_back(cat("--", name));
  }
  out.push_back(std::move(node));
  for (const CLI::App* child : children(app)) collect(*child, cat(path, " ", child->get_name()), out);
}

// For bash and zsh: what follows a route, and what follows a flag of it.
std::string functions(const std::vector<CompletionNode>& nodes) {
  std::string words = "_holdfast_words() {\n  case \"$1\" in\n", values = "_holdfast_values() {\n  case \"$1\" in\n";
  for (const CompletionNode& node : nodes) {
    words += cat("    '", node.path, "') echo '", join(node.words, " "), "' ;;\n");
    for (const auto& [flag, choices] : node.values) {
      values += cat("    '", node.path, " ", flag, "') echo '", join(choices, " "), "' ;;\n");
    }
  }
  return cat(words, "  esac\n}\n", values, "  esac\n}\n");
}

// Bash splits words at "=": the flag is one word, "=" the next, and its value the one behind.
std::string bash(const std::vector<CompletionNode>& nodes) {
  return cat(
      "# bash completion for holdfast: source this file, or put it into /etc/bash_completion.d/\n"
      "_holdfast() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} route=holdfast word words\n"
      "  [ \"$before\" = = ] && before=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  [ \"$current\" = = ] && current=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$word\" in -*) ;; *) [ -n \"$(_holdfast_words \"$route $word\")\" ] && route=\"$route $word\" ;; "
      "esac\n"
      "  done\n"
      "  words=$(_holdfast_values \"$route $before\")\n"
      "  [ -n \"$words\" ] || words=$(_holdfast_words \"$route\")\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n",
      functions(nodes), "complete -o default -F _holdfast holdfast\n");
}

std::string zsh(const std::vector<CompletionNode>& nodes) {
  return cat(
      "#compdef holdfast\n"
      "# zsh completion for holdfast: put this file as _holdfast into a directory of $fpath\n",
      functions(nodes),
      "_holdfast() {\n"
      "  local route=holdfast word before=${words[CURRENT-1]}\n"
      "  local -a values\n"
      "  for word in ${words[2,CURRENT-1]}; do\n"
      "    [[ $word != -* && -n $(_holdfast_words \"$route $word\") ]] && route=\"$route $word\"\n"
      "  done\n"
      "  if [[ ${words[CURRENT]} == --*=* ]]; then\n"
      "    before=${words[CURRENT]%%=*}\n"
      "    compset -P '*='\n"
      "  fi\n"
      "  values=($(_holdfast_values \"$route $before\"))\n"
      "  (( $#values )) || values=($(_holdfast_words \"$route\"))\n"
      "  compadd -- $values\n"
      "}\n"
      "compdef _holdfast holdfast\n");
}

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "'";
}

std::string fish(const std::vector<CompletionNode>& nodes) {
  std::string out =
      "# fish completion for holdfast: put this file as holdfast.fish into ~/.config/fish/completions/\n"
      "function __holdfast_path\n"
      "  set -l path\n"
      "  for word in (commandline -opc)\n"
      "    string match -q -- '-*' $word; or set path $path $word\n"
      "  end\n"
      "  echo $path\n"
      "end\n"
      "complete -c holdfast -f\n";
  for (const CompletionNode& node : nodes) {
    const std::string condition = cat("string match -q -- ", fish_quoted(cat(node.path, "*")), " (__holdfast_path)");
    for (const std::string& word : node.words) {
      if (word.starts_with("--")) {
        out += cat("complete -c holdfast -n ", fish_quoted(condition), " -l ", word.substr(2));
        for (const auto& [flag, choices] : node.values) {
          if (flag == word) out += cat(" -x -a ", fish_quoted(join(choices, " ")));
        }
        out += "\n";
        continue;
      }
      std::string text;
      for (const CompletionNode& other : nodes) {
        if (other.path == cat(node.path, " ", word)) text = other.text;
      }
      const std::string exact = cat("test (__holdfast_path) = ", fish_quoted(node.path));
      out += cat("complete -c holdfast -n ", fish_quoted(exact), " -a ", word, " -d ", fish_quoted(text), "\n");
    }
  }
  return out;
}

}  // namespace

std::vector<CompletionNode> completion_nodes(const CLI::App& root) {
  std::vector<CompletionNode> nodes;
  collect(root, "holdfast", nodes);
  return nodes;
}

std::string completion_script(const CLI::App& root, const std::string& shell) {
  if (shell == "bash") return bash(completion_nodes(root));
  if (shell == "zsh") return zsh(completion_nodes(root));
  if (shell == "fish") return fish(completion_nodes(root));
  return "";
}

void add_completion(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("completion", "Print a completion script for bash, zsh or fish");
  auto name = std::make_shared<std::string>();
  app->add_option("shell", *name, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL")
      ->required();
  app->footer(
      "Examples:\n"
      "  source <(holdfast completion bash)\n"
      "  holdfast completion zsh > ~/.zfunc/_holdfast\n"
      "  holdfast completion fish > ~/.config/fish/completions/holdfast.fish");
  app->callback([name, &root, &shell] { shell.out << completion_script(root, *name); });
}

}  // namespace holdfast::cli
