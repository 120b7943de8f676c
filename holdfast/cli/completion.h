// Shell completion scripts, made from the command tree itself, so that they cannot fall behind it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

namespace holdfast::cli {

// What can follow one command: "holdfast", "holdfast lease", ...
struct CompletionNode {
  std::string path;                // the words, separated by blanks
  std::string text;                // what it does
  std::vector<std::string> words;  // subcommands, then flags with their dashes
  // Of flags that take one of a few words: the flag with its dashes, and the words.
  std::vector<std::pair<std::string, std::vector<std::string>>> values{};
};

// Every command of the tree, parents first. The flags of `serve` are those of its own table.
std::vector<CompletionNode> completion_nodes(const CLI::App& root);

// `shell` is bash, zsh or fish; empty for any other.
std::string completion_script(const CLI::App& root, const std::string& shell);

}  // namespace holdfast::cli
