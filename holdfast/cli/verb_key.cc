// key: the private key of a member of a Byzantine cluster.
#include "holdfast/base/fixed_bytes.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"
#include "holdfast/runtime/key_file.h"

namespace holdfast::cli {
namespace {

void print_key(Shell& shell, const std::string& file, const crypto::PublicKey& key) {
  if (shell.json) return shell.print({{"file", file}, {"public_key", to_hex(key.view())}});
  shell.out << to_hex(key.view()) << "\n";
}

void run_new(Shell& shell, const std::string& file) {
  const StatusOr<crypto::PublicKey> key = runtime::make_key_file(file);
  if (!key.ok()) return shell.fail(key.status());
  print_key(shell, file, *key);
}

void run_show(Shell& shell, const std::string& file) {
  const StatusOr<crypto::Seed> seed = runtime::read_key_file(file);
  if (!seed.ok()) return shell.fail(seed.status());
  print_key(shell, file, crypto::Identity(*seed).public_key());
}

}  // namespace

void add_key(CLI::App& root, Shell& shell) {
  CLI::App* key = root.add_subcommand("key", "Make and show the keys of members that need not trust each other (PBFT)");
  key->require_subcommand(1);
  key->footer(
      "A member of a cluster with --consensus=pbft signs what it says. Make its key on its own machine, keep the file\n"
      "there, and put the 64 digits that are printed into its peer URL: http://DIGITS@HOST:PORT. See\n"
      "docs/guide/consensus.md.\n"
      "\n"
      "Examples:\n"
      "  holdfast key new /etc/holdfast/member.key\n"
      "  holdfast key show /etc/holdfast/member.key");
  auto file = std::make_shared<std::string>();
  CLI::App* make = key->add_subcommand(
      "new", "Make a private key in a new file that only its owner may read; print its public half");
  CLI::App* show = key->add_subcommand("show", "Print the public half of a key file");
  for (CLI::App* app : {make, show}) {
    app->add_option("file", *file, "The file")->type_name("FILE")->required();
    app->add_flag("--json", shell.json, "Print JSON");
    app->footer(cat("Example:\n  holdfast key ", app->get_name(), " member.key"));
  }
  make->callback([file, &shell] { run_new(shell, *file); });
  show->callback([file, &shell] { run_show(shell, *file); });
}

}  // namespace holdfast::cli
