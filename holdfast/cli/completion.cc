#include "holdfast/cli/completion.h"

#include "holdfast/cli/serve_flags.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"
#include "holdfast/sim/sim_options.h"

namespace holdfast::cli {
namespace {

std::vector<CLI::App*> children(const CLI::App& app) {
  // CLI11 hands out subcommands only from an app that may be changed; nothing is changed here.
  return const_cast<CLI::App&>(app).get_subcommands([](CLI::App*) { return true; });
}

void collect(const CLI::App& app, const std::string& path, std::vector<CompletionNode>& out) {
  CompletionNode node{path, app.get_description(), {}};
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
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) node.words.push_back(cat("--", name));
  }
  out.push_back(std::move(node));
  for (const CLI::App* child : children(app)) collect(*child, cat(path, " ", child->get_name()), out);
}

std::string bash(const std::vector<CompletionNode>& nodes) {
  std::string out =
      "# bash completion for holdfast: source this file, or put it into /etc/bash_completion.d/\n"
      "_holdfast() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} route=holdfast word words\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$word\" in -*) ;; *) [ -n \"$(_holdfast_words \"$route $word\")\" ] && route=\"$route $word\" ;; "
      "esac\n"
      "  done\n"
      "  words=$(_holdfast_words \"$route\")\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "_holdfast_words() {\n"
      "  case \"$1\" in\n";
  for (const CompletionNode& node : nodes) out += cat("    '", node.path, "') echo '", join(node.words, " "), "' ;;\n");
  return out + "  esac\n}\ncomplete -o default -F _holdfast holdfast\n";
}

std::string zsh(const std::vector<CompletionNode>& nodes) {
  std::string out =
      "#compdef holdfast\n"
      "# zsh completion for holdfast: put this file as _holdfast into a directory of $fpath\n"
      "_holdfast_words() {\n"
      "  case \"$1\" in\n";
  for (const CompletionNode& node : nodes) out += cat("    '", node.path, "') echo '", join(node.words, " "), "' ;;\n");
  return out +
         "  esac\n"
         "}\n"
         "_holdfast() {\n"
         "  local route=holdfast word\n"
         "  for word in ${words[2,CURRENT-1]}; do\n"
         "    [[ $word != -* && -n $(_holdfast_words \"$route $word\") ]] && route=\"$route $word\"\n"
         "  done\n"
         "  compadd -- $(_holdfast_words \"$route\")\n"
         "}\n"
         "compdef _holdfast holdfast\n";
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
        out += cat("complete -c holdfast -n ", fish_quoted(condition), " -l ", word.substr(2), "\n");
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
