#include "holdfast/cli/shell.h"

#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

// Arguments and servers' messages that are quoted need not be UTF-8.
std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string advice(const Status& failure, const std::vector<std::string>& endpoints) {
  const std::string text = cat(failure.message());
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (has("failed to connect to all addresses")) {
    return cat("no member answers at ", join(endpoints, ", "),
               "; is one running there? Start one with `holdfast serve`, or name others with --endpoints");
  }
  if (has("no leader")) {
    return "the members have no leader: a majority of them (over PBFT more than two thirds) must run and reach each "
           "other; nothing was changed";
  }
  if (failure.code() == absl::StatusCode::kDeadlineExceeded || has("timed out")) {
    return "no answer in time: a majority of the members (over PBFT more than two thirds) must run and reach each "
           "other; if it was a write, it may or may not have taken effect (--command-timeout sets how long to wait)";
  }
  if (has("has been compacted")) return "that revision was compacted away; ask for a later one";
  if (has("database space exceeded")) return "the data has reached --quota-backend-bytes: delete keys, then compact";
  return "";
}

}  // namespace

Shell::Shell(std::istream& input, std::ostream& output, std::ostream& errors, const Environment& environment)
    : in(input), out(output), err(errors), endpoints({"localhost:2379"}) {
  for (const char* name : {"ETCDCTL_ENDPOINTS", "HOLDFAST_ENDPOINTS"}) {
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty()) continue;
    endpoints.clear();
    for (std::string_view part : split(found->second, ',')) endpoints.emplace_back(part);
    variable_ = name;
    variable_endpoints_ = endpoints;
  }
}

std::unique_ptr<Client> Shell::connect() { return connect_to(endpoints); }

std::unique_ptr<Client> Shell::connect_to(const std::vector<std::string>& these) {
  Client::Options options;
  options.endpoints = these;
  options.require_leader = options.await_leader = true;
  const auto timeout = parse_duration(command_timeout);
  if (!timeout || timeout->count() == 0) {
    usage_error(cat("--command-timeout=", command_timeout, " must be a duration such as 5s or 300ms"));
    return nullptr;
  }
  options.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(*timeout);
  StatusOr<std::unique_ptr<Client>> client = Client::create(options);
  if (!client.ok()) {
    const bool from_variable = !variable_.empty() && endpoints == variable_endpoints_;
    usage_error(cat(from_variable ? variable_ : "--endpoints", ": ", client.status().message()));
    return nullptr;
  }
  return *std::move(client);
}

void Shell::fail(const Status& failure) {
  const bool missing = failure.code() == absl::StatusCode::kNotFound;
  exit_code = missing ? kExitNotFound : kExitFailed;
  const std::string hint = advice(failure, endpoints);
  if (json) {
    Json error = {{"code", absl::StatusCodeToString(failure.code())}, {"message", cat(failure.message())}};
    if (!hint.empty()) error["advice"] = hint;
    err << one_line({{"error", error}}) << std::endl;
    return;
  }
  err << "holdfast: " << (hint.empty() ? cat(failure.message()) : hint) << "\n";
  if (!hint.empty()) err << "  (" << cat(failure.message()) << ")\n";
}

void Shell::warn(const Status& failure, const std::string& what) {
  if (json) {
    const Json error = {{"code", absl::StatusCodeToString(failure.code())}, {"message", cat(failure.message())}};
    err << one_line({{"warning", what}, {"error", error}}) << std::endl;
  } else {
    err << "holdfast: " << what << "\n  (" << cat(failure.message()) << ")" << std::endl;
  }
}

void Shell::usage_error(const std::string& text) {
  exit_code = kExitUsage;
  if (json) {
    const Json error = {{"error", {{"code", "INVALID_ARGUMENT"}, {"message", text}}}};
    err << one_line(error) << std::endl;
  } else {
    err << "holdfast: " << text << "\n";
  }
}

std::string Shell::text(std::string_view bytes) const {
  if (!hex) return std::string(bytes);
  std::string escaped;
  for (const char c : bytes) escaped += cat("\\x", hex_digits(std::string_view(&c, 1)));
  return escaped;
}

std::string Shell::hex_digits(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string digits;
  for (const char c : bytes) {
    digits.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    digits.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return digits;
}

CLI::Option* list_option(CLI::App& app, const std::string& name, std::vector<std::string>& into,
                         const std::string& text) {
  return app.add_option(name, into, text)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("LIST");
}

void add_client_options(CLI::App& app, Shell& shell, bool hidden) {
  const char* group = hidden ? "" : "Options for every client command";
  list_option(app, "--endpoints", shell.endpoints,
              "Members to talk to, HOST:PORT or URLs, separated by commas (HOLDFAST_ENDPOINTS, ETCDCTL_ENDPOINTS)")
      ->default_str(join(shell.endpoints, ","))
      ->group(group);
  app.add_option("--command-timeout", shell.command_timeout, "Longest time to wait for an answer")
      ->type_name("DURATION")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--json", shell.json, "Print JSON")->group(group);
  app.add_flag("--hex", shell.hex, "Print keys and values in hexadecimal")->group(group);
}

std::optional<uint64_t> parse_hex_id(std::string_view text) { return parse_number<uint64_t>(text, 16); }

}  // namespace holdfast::cli
