// lease: keys that vanish when their holder does.
#include <algorithm>
#include <chrono>
#include <thread>

#include "holdfast/cli/number_check.h"
#include "holdfast/cli/pause.h"
#include "holdfast/cli/shell.h"
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

constexpr RetryPolicy kRenew =
    RetryPolicy(Repeatable::kIdempotent).growing(Duration::millis(200), Duration::millis(500)).spread(Jitter::kHalf);

struct LeaseFlags {
  std::string id;
  int64_t ttl = 0;
  bool keys = false, once = false;
};

std::optional<int64_t> lease_id(Shell& shell, const std::string& text) {
  const auto id = parse_hex_id(text);
  if (!id) {
    shell.usage_error(cat("\"", text, "\" is not a lease id; write it in hexadecimal, as `lease grant` printed it"));
    return std::nullopt;
  }
  return static_cast<int64_t>(*id);
}

std::string hex(int64_t id) { return hex_id(static_cast<uint64_t>(id)); }

void not_found(Shell& shell, int64_t id) {
  shell.fail(absl::NotFoundError(cat("there is no lease ", hex(id), ": it expired, was revoked, or never was")));
}

void run_grant(Shell& shell, const LeaseFlags& flags) {
  pb::LeaseGrantRequest request;
  request.set_ttl(flags.ttl);
  if (!flags.id.empty()) {
    const auto id = lease_id(shell, flags.id);
    if (!id) return;
    request.set_id(*id);
  }
  const auto client = shell.connect();
  if (client == nullptr) return;
  const auto response = client->lease_grant(request);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) {
    return shell.print(
        {{"header", to_json(response->header())}, {"id", hex(response->id())}, {"ttl", response->ttl()}});
  }
  shell.out << "lease " << hex(response->id()) << " granted with TTL(" << response->ttl() << "s)\n";
}

void run_revoke(Shell& shell, const LeaseFlags& flags) {
  const auto id = lease_id(shell, flags.id);
  const auto client = id ? shell.connect() : nullptr;
  if (client == nullptr) return;
  const auto response = client->lease_revoke(*id);
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) return shell.print({{"header", to_json(response->header())}, {"id", hex(*id)}});
  shell.out << "lease " << hex(*id) << " revoked\n";
}

void run_time_to_live(Shell& shell, const LeaseFlags& flags) {
  const auto id = lease_id(shell, flags.id);
  const auto client = id ? shell.connect() : nullptr;
  if (client == nullptr) return;
  const auto response = client->lease_time_to_live(*id, flags.keys);
  if (!response.ok()) return shell.fail(response.status());
  if (response->ttl() < 0) return not_found(shell, *id);
  if (shell.json) {
    Json out = {{"header", to_json(response->header())},
                {"id", hex(response->id())},
                {"granted_ttl", response->grantedttl()},
                {"ttl", response->ttl()}};
    if (flags.keys) {
      out["keys"] = Json::array();
      for (const std::string& key : response->keys()) out["keys"].push_back(to_json(std::string_view(key)));
    }
    return shell.print(out);
  }
  shell.out << "lease " << hex(*id) << " granted with TTL(" << response->grantedttl() << "s), remaining("
            << response->ttl() << "s)";
  if (flags.keys) {
    std::vector<std::string> keys;
    for (const std::string& key : response->keys()) keys.push_back(shell.text(key));
    shell.out << ", attached keys([" << join(keys, " ") << "])";
  }
  shell.out << "\n";
}

void run_list(Shell& shell) {
  const auto client = shell.connect();
  if (client == nullptr) return;
  const auto response = client->leases();
  if (!response.ok()) return shell.fail(response.status());
  if (shell.json) {
    Json out = {{"header", to_json(response->header())}, {"leases", Json::array()}};
    for (const auto& lease : response->leases()) out["leases"].push_back(hex(lease.id()));
    return shell.print(out);
  }
  shell.out << "found " << response->leases_size() << " leases\n";
  for (const auto& lease : response->leases()) shell.out << hex(lease.id()) << "\n";
}

bool may_pass(const Status& failure) {
  return failure.code() == absl::StatusCode::kUnavailable || failure.code() == absl::StatusCode::kDeadlineExceeded;
}

// Once renewed, a lease is given up only when a member says that it is gone: while the members cannot be reached or
// have no leader, its time may well stand still.
void run_keep_alive(Shell& shell, const LeaseFlags& flags) {
  const auto id = lease_id(shell, flags.id);
  const auto client = id ? shell.connect() : nullptr;
  if (client == nullptr) return;
  auto interval = std::chrono::milliseconds::max();  // between two renewals; none yet
  bool told = false;
  Retry retry = fresh_retry(kRenew);
  for (;;) {
    const auto response = client->lease_keep_alive(*id, interval);
    const bool renewed_before = interval != std::chrono::milliseconds::max();
    if (!response.ok() && renewed_before && may_pass(response.status())) {
      if (!told) shell.warn(response.status(), cat("lease ", hex(*id), " was not renewed; trying again"));
      told = true;
      client->skip_endpoint();
      pause_for(retry.next_pause());
      continue;
    }
    if (!response.ok()) return shell.fail(response.status());
    told = false;
    retry.succeeded();
    if (response->ttl() <= 0) return not_found(shell, *id);
    if (shell.json) {
      shell.print({{"header", to_json(response->header())}, {"id", hex(*id)}, {"ttl", response->ttl()}});
    } else {
      shell.out << "lease " << hex(*id) << " keepalived with TTL(" << response->ttl() << ")" << std::endl;
    }
    if (flags.once) return;
    interval = std::chrono::milliseconds(std::max<int64_t>(500, response->ttl() * 1000 / 3));
    std::this_thread::sleep_for(interval);
  }
}

}  // namespace

void add_lease(CLI::App& root, Shell& shell) {
  CLI::App* lease = root.add_subcommand("lease", "Grant, renew, look at and revoke leases");
  lease->require_subcommand(1);
  lease->footer(
      "A lease is a lifetime that keys can be tied to: when it is neither renewed in time nor kept, its keys go.\n"
      "\n"
      "Examples:\n"
      "  holdfast lease grant 30\n"
      "  holdfast put --lease=7587862094b9c1d3 host/a up\n"
      "  holdfast lease keep-alive 7587862094b9c1d3");
  auto flags = std::make_shared<LeaseFlags>();
  const auto add = [&](const char* name, const char* text) {
    CLI::App* app = lease->add_subcommand(name, text);
    add_client_options(*app, shell);
    return app;
  };
  CLI::App* grant = add("grant", "Make a lease of so many seconds");
  grant->add_option("ttl", flags->ttl, "Seconds without renewal after which it ends")
      ->check(whole_number(1))
      ->type_name("TTL")
      ->required();
  grant->add_option("--id", flags->id, "Its id in hexadecimal; by default the store chooses one")->type_name("ID");
  grant->callback([flags, &shell] { run_grant(shell, *flags); });

  CLI::App* revoke = add("revoke", "End a lease now; its keys are deleted");
  CLI::App* time_to_live = add("timetolive", "Show how long a lease still lives; exits with 3 when there is none");
  CLI::App* keep_alive =
      add("keep-alive", "Renew a lease until Ctrl-C, also through elections; exits with 3 when it is gone");
  for (CLI::App* app : {revoke, time_to_live, keep_alive}) {
    app->add_option("id", flags->id, "The lease, in hexadecimal")->type_name("ID")->required();
  }
  time_to_live->add_flag("--keys", flags->keys, "Also show the keys that are tied to it");
  keep_alive->add_flag("--once", flags->once, "Renew once and end");
  revoke->callback([flags, &shell] { run_revoke(shell, *flags); });
  time_to_live->callback([flags, &shell] { run_time_to_live(shell, *flags); });
  keep_alive->callback([flags, &shell] { run_keep_alive(shell, *flags); });
  add("list", "List all leases")->callback([&shell] { run_list(shell); });
}

}  // namespace holdfast::cli
