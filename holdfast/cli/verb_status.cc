// status: how each member is.
#include <algorithm>

#include "holdfast/cli/print_text.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

struct Row {
  std::string endpoint;
  std::string name;  // as the member list has it
  uint64_t id = 0;   // likewise; 0 when there is no list
  bool started = true;
  StatusOr<pb::StatusResponse> status = absl::UnknownError("");

  bool healthy() const { return status.ok() && status->leader() != 0 && status->errors_size() == 0; }
};

// The endpoints given, or, unless `only_given`, those of all members when one of the given can list them.
std::vector<Row> rows_to_ask(Shell& shell, Client& client, bool only_given) {
  std::vector<Row> rows;
  if (!only_given) {
    const auto members = client.member_list(/*linearizable=*/false);
    if (members.ok()) {
      for (const pb::Member& member : members->members()) {
        // A member makes its client URLs known when it starts for the first time.
        const bool started = member.clienturls_size() > 0;
        rows.push_back({started ? member.clienturls(0) : "-", member.name(), member.id(), started});
      }
    }
  }
  if (rows.empty()) {
    for (const std::string& endpoint : shell.endpoints) rows.push_back({endpoint, ""});
  }
  return rows;
}

std::string size_text(int64_t bytes) {
  if (bytes >= int64_t{10} << 20) return cat(bytes >> 20, " MiB");
  if (bytes >= int64_t{10} << 10) return cat(bytes >> 10, " KiB");
  return cat(bytes, " B");
}

std::vector<std::string> cells(const Row& row) {
  if (!row.status.ok()) {
    return {row.endpoint, row.name, row.id == 0 ? "-" : hex_id(row.id), row.started ? "unreachable" : "never started"};
  }
  const pb::StatusResponse& s = *row.status;
  const std::string role = s.islearner() ? "learner" : s.leader() == s.header().member_id() ? "leader" : "follower";
  return {row.endpoint,
          row.name,
          hex_id(s.header().member_id()),
          s.leader() == 0       ? "no leader"
          : s.errors_size() > 0 ? join(s.errors(), "; ")
                                : role,
          cat(s.raftterm()),
          cat(s.raftindex()),
          cat(s.raftappliedindex()),
          cat(s.header().revision()),
          size_text(s.dbsize()),
          s.consensus(),
          s.version()};
}

Json row_json(const Row& row) {
  Json out = {{"endpoint", row.endpoint}, {"name", row.name}, {"healthy", row.healthy()}};
  if (!row.status.ok()) {
    out["error"] = cat(row.status.status().message());
    return out;
  }
  out.update(to_json(*row.status));
  return out;
}

void run_status(Shell& shell, bool only_given) {
  const auto client = shell.connect();
  if (client == nullptr) return;
  std::vector<Row> rows = rows_to_ask(shell, *client, only_given);
  for (Row& row : rows) {
    if (!row.started) {
      row.status = absl::UnavailableError("the member has never started");
      continue;
    }
    const auto one = shell.connect_to({row.endpoint});
    if (one == nullptr) return;
    row.status = one->status(0);
  }

  if (shell.json) {
    Json out = {{"members", Json::array()}};
    for (const Row& row : rows) out["members"].push_back(row_json(row));
    shell.print(out);
  } else {
    std::vector<std::vector<std::string>> table = {
        {"ENDPOINT", "NAME", "ID", "ROLE", "TERM", "INDEX", "APPLIED", "REVISION", "SIZE", "CONSENSUS", "VERSION"}};
    for (const Row& row : rows) table.push_back(cells(row));
    print_table(shell.out, table);
  }
  if (std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.healthy(); })) return;
  if (std::none_of(rows.begin(), rows.end(), [](const Row& row) { return row.status.ok(); })) {
    shell.fail(rows.front().status.status());
  }
  shell.exit_code = kExitNotFound;
}

}  // namespace

void add_status(CLI::App& root, Shell& shell) {
  CLI::App* app = root.add_subcommand("status", "Show every member's role, term, indices, revision, size and engine");
  auto only_given = std::make_shared<bool>(false);
  app->add_flag("--only-given", *only_given, "Ask the members at --endpoints only, not the whole cluster");
  add_client_options(*app, shell);
  app->footer(
      "Exits with 3 when a member is unreachable, has no leader, or has never started.\n"
      "\n"
      "Examples:\n"
      "  holdfast status\n"
      "  holdfast status --endpoints=10.0.0.1:2379 --json");
  app->callback([only_given, &shell] { run_status(shell, *only_given); });
}

}  // namespace holdfast::cli
