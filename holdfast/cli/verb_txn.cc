// txn: several conditions and operations in one atomic step.
#include <unistd.h>

#include "holdfast/cli/print_text.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"
#include "holdfast/cli/txn_text.h"

namespace holdfast::cli {
namespace {

// Calls `take` for each line up to the next empty one or the end of input.
template <class Take>
Status read_part(std::istream& in, const Take& take) {
  std::string line;
  while (std::getline(in, line)) {
    if (trim(line).empty()) break;
    if (Status status = take(trim(line)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

StatusOr<pb::TxnRequest> read_request(Shell& shell, bool prompt) {
  pb::TxnRequest request;
  const auto say = [&](const char* text) {
    if (prompt) shell.out << text << std::flush;
  };
  const auto operations = [](google::protobuf::RepeatedPtrField<pb::RequestOp>* ops) {
    return [ops](std::string_view line) -> Status {
      StatusOr<pb::RequestOp> op = parse_operation(line);
      if (op.ok()) *ops->Add() = *std::move(op);
      return op.status();
    };
  };
  say("compares:\n");
  Status status = read_part(shell.in, [&](std::string_view line) -> Status {
    StatusOr<pb::Compare> compare = parse_compare(line);
    if (compare.ok()) *request.add_compare() = *std::move(compare);
    return compare.status();
  });
  say("success requests (get, put, del):\n");
  if (status.ok()) status = read_part(shell.in, operations(request.mutable_success()));
  say("failure requests (get, put, del):\n");
  if (status.ok()) status = read_part(shell.in, operations(request.mutable_failure()));
  if (!status.ok()) return status;
  return request;
}

void run_txn(Shell& shell, bool interactive) {
  const bool prompt = !shell.json && (interactive || (&shell.in == &std::cin && isatty(STDIN_FILENO) == 1));
  const StatusOr<pb::TxnRequest> request = read_request(shell, prompt);
  if (!request.ok()) return shell.usage_error(std::string(request.status().message()));
  if (request->compare_size() + request->success_size() + request->failure_size() == 0) {
    return shell.usage_error("the transaction is empty; `holdfast txn --help` shows how to write one");
  }
  const auto client = shell.connect();
  if (client == nullptr) return;
  const StatusOr<pb::TxnResponse> response = client->txn(*request);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) return shell.print(to_json(*response));
  print_txn(shell, *response);
}

}  // namespace

void add_txn(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("txn", "Read and write several keys in one atomic step, under conditions");
  auto interactive = std::make_shared<bool>(false);
  app->add_flag("-i,--interactive", *interactive, "Prompt for the parts, also when the input is no terminal");
  add_client_options(*app, shell);
  app->footer(
      "Reads from standard input: comparisons, what to do when all hold, what to do otherwise; one per line,\n"
      "an empty line after each of the three parts (either part of operations may be empty).\n"
      "\n"
      "Comparisons:  version(\"k\") = \"0\"   create(\"k\") > \"7\"   mod(\"k\") < \"9\"   value(\"k\") != \"v\"\n"
      "              lease(\"k\") = \"7587862094b9c1d3\"\n"
      "Operations:   get, put and del, with their arguments and flags\n"
      "\n"
      "Example: take a lock that nobody holds, else see who does\n"
      "  holdfast txn <<'END'\n"
      "  version(\"lock\") = \"0\"\n"
      "\n"
      "  put lock me\n"
      "\n"
      "  get lock\n"
      "  END");
  app->callback([interactive, &shell] { run_txn(shell, *interactive); });
}

}  // namespace holdfast::cli
