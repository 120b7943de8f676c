// What the client verbs share: the global options, the connection, and how results and errors are printed.
#pragma once

#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "holdfast/base/status.h"
#include "holdfast/cli/client.h"
#include "holdfast/cli/exit_code.h"
#include "holdfast/cli/json.h"
#include "holdfast/cli/serve_options.h"

namespace holdfast::cli {

struct Shell {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;

  std::vector<std::string> endpoints;
  bool json = false;
  bool hex = false;
  std::string command_timeout = "5s";

  int exit_code = kExitOk;

  Shell(std::istream& input, std::ostream& output, std::ostream& errors, const Environment& environment);

  // Null when the options make no sense; the error is then printed and exit_code set.
  std::unique_ptr<Client> connect();
  std::unique_ptr<Client> connect_to(const std::vector<std::string>& these);

  // A failure of a call: its text and what can be done, and the exit code that goes with it.
  void fail(const Status& failure);
  // A failure after which the command goes on, doing `what`.
  void warn(const Status& failure, const std::string& what);
  void usage_error(const std::string& text);

  void print(const Json& json) { out << json.dump() << std::endl; }
  // A key or a value, as --hex asks.
  std::string text(std::string_view bytes) const;
  static std::string hex_digits(std::string_view bytes);

 private:
  // The variable that said where the members are, and what it said; empty when none did.
  std::string variable_;
  std::vector<std::string> variable_endpoints_;
};

// An option with several values: separated by commas in one word, or given several times. Every list is made by this: left
// to itself the parser also takes all words that follow, and `del --prefix --endpoints=HOST:1 key` would delete every key.
CLI::Option* list_option(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                         const std::string& text);

// Adds --endpoints, --json, --hex and --command-timeout; `hidden` from the help, where they are merely also accepted.
void add_client_options(CLI::App& app, Shell& shell, bool hidden = false);

void add_get(CLI::App& root, Shell& shell);
void add_put(CLI::App& root, Shell& shell);
void add_del(CLI::App& root, Shell& shell);
void add_txn(CLI::App& root, Shell& shell);
void add_watch(CLI::App& root, Shell& shell);
void add_lease(CLI::App& root, Shell& shell);
void add_member(CLI::App& root, Shell& shell);
void add_status(CLI::App& root, Shell& shell);
void add_up(CLI::App& root, Shell& shell);
void add_key(CLI::App& root, Shell& shell);
void add_wal(CLI::App& root, Shell& shell);
void add_lab(CLI::App& root, Shell& shell);
void add_detect(CLI::App& root, Shell& shell);
void add_dependability(CLI::App& root, Shell& shell);
void add_completion(CLI::App& root, Shell& shell);

// "7587862094b9c1d3" to a number; nothing when it is no hexadecimal number of at most 16 digits.
std::optional<uint64_t> parse_hex_id(std::string_view text);

}  // namespace holdfast::cli
