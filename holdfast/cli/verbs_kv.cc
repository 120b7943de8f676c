// get, put, del.
#include <iterator>

#include "holdfast/cli/kv_flags.h"
#include "holdfast/cli/print_text.h"
#include "holdfast/cli/shell.h"

namespace holdfast::cli {
namespace {

bool is_single_key(const std::string& range_end) { return range_end.empty(); }

void run_get(Shell& shell, const GetFlags& flags) {
  const StatusOr<pb::RangeRequest> request = flags.request();
  if (!request.ok()) return shell.usage_error(std::string(request.status().message()));
  const auto client = shell.connect();
  if (client == nullptr) return;
  const StatusOr<pb::RangeResponse> response = client->range(*request);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) {
    shell.print(to_json(*response));
  } else {
    print_range(shell, *response, flags);
  }
  if (response->count() == 0 && is_single_key(request->range_end()) && !flags.count_only) {
    shell.exit_code = kExitNotFound;
    if (!shell.json) shell.err << "holdfast: there is no key \"" << shell.text(flags.key) << "\"\n";
  }
}

void run_put(Shell& shell, PutFlags& flags) {
  if (!flags.has_value && !flags.ignore_value) {
    flags.value.assign(std::istreambuf_iterator<char>(shell.in), {});
    flags.has_value = true;
  }
  const StatusOr<pb::PutRequest> request = flags.request();
  if (!request.ok()) return shell.usage_error(std::string(request.status().message()));
  const auto client = shell.connect();
  if (client == nullptr) return;
  const StatusOr<pb::PutResponse> response = client->put(*request);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) return shell.print(to_json(*response));
  print_put(shell, *response);
}

void run_del(Shell& shell, const DelFlags& flags) {
  const StatusOr<pb::DeleteRangeRequest> request = flags.request();
  if (!request.ok()) return shell.usage_error(std::string(request.status().message()));
  const auto client = shell.connect();
  if (client == nullptr) return;
  const StatusOr<pb::DeleteRangeResponse> response = client->del(*request);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) {
    shell.print(to_json(*response));
  } else {
    print_del(shell, *response);
  }
  if (response->deleted() == 0 && is_single_key(request->range_end())) shell.exit_code = kExitNotFound;
}

}  // namespace

void add_get(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("get", "Read a key or a range of keys");
  auto flags = std::make_shared<GetFlags>();
  flags->add_to(*app);
  add_client_options(*app, shell);
  app->footer(
      "Prints each key and its value on lines of their own. Exits with 3 when a single key is not there.\n"
      "\n"
      "Examples:\n"
      "  holdfast get color\n"
      "  holdfast get --prefix services/ --keys-only\n"
      "  holdfast get color --rev=7            what it was at revision 7\n"
      "  holdfast get a m                      all keys from a up to, not including, m\n"
      "  holdfast get --prefix '' --count-only how many keys there are");
  app->callback([flags, &shell] { run_get(shell, *flags); });
}

void add_put(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("put", "Write a key");
  auto flags = std::make_shared<PutFlags>();
  flags->add_to(*app);
  add_client_options(*app, shell);
  app->footer(
      "Prints OK once a majority of the members (over PBFT more than two thirds) have it on disk.\n"
      "\n"
      "Examples:\n"
      "  holdfast put color blue\n"
      "  holdfast put config < config.json     the value from standard input, byte for byte\n"
      "  holdfast put -- -k -v                 a key and a value that start with a dash\n"
      "  holdfast put --lease=7587862094b9c1d3 host/a up");
  app->callback([flags, &shell] { run_put(shell, *flags); });
}

void add_del(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("del", "Delete a key or a range of keys");
  auto flags = std::make_shared<DelFlags>();
  flags->add_to(*app);
  add_client_options(*app, shell);
  app->footer(
      "Prints how many keys were deleted. Exits with 3 when a single key was not there.\n"
      "\n"
      "Examples:\n"
      "  holdfast del color\n"
      "  holdfast del --prefix services/ --prev-kv");
  app->callback([flags, &shell] { run_del(shell, *flags); });
}

}  // namespace holdfast::cli
