#include "holdfast/cli/serve_check.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include "holdfast/cli/json.h"
#include "holdfast/cli/text.h"
#include "holdfast/replica/engine_name.h"
#include "holdfast/server/member_key.h"

namespace holdfast::cli {
namespace {

constexpr uint64_t kMaxElectionMs = 50'000;  // etcd's own bound
constexpr uint64_t kMaxRequestBytes = uint64_t{256} << 20;
constexpr uint64_t kMaxTxnOps = 1'000'000;
constexpr uint64_t kMaxQuotaBytes = uint64_t{1} << 40;

class Checker {
 public:
  Checker(const GivenValues& given, std::vector<std::string>& problems) : given_(given), problems_(problems) {}

  ServeOptions run() {
    identity();
    sizes_and_times();
    urls();
    cluster();
    keys();
    return std::move(options_);
  }

 private:
  const GivenValue* find(const char* flag) const {
    const auto found = given_.find(flag);
    return found == given_.end() ? nullptr : &found->second;
  }
  std::string where(const char* flag) const {
    const GivenValue* value = find(flag);
    return value == nullptr ? cat("--", flag) : value->where;
  }
  void problem(std::string text) { problems_.push_back(std::move(text)); }

  void text(const char* flag, std::string& out) {
    if (const GivenValue* value = find(flag)) out = value->value;
  }

  void number(const char* flag, uint64_t least, uint64_t most, uint64_t& out) {
    const GivenValue* given = find(flag);
    if (given == nullptr) return;
    const std::optional<uint64_t> value = parse_number<uint64_t>(given->value);
    if (!value || *value < least || *value > most) {
      problem(cat(given->where, "=", given->value, " must be a whole number from ", least, " to ", most));
      return;
    }
    out = *value;
  }

  void duration(const char* flag, uint64_t& out_ms) {
    const GivenValue* given = find(flag);
    if (given == nullptr) return;
    const std::optional<std::chrono::nanoseconds> value = parse_duration(given->value);
    if (!value || *value < std::chrono::milliseconds(100)) {
      problem(cat(given->where, "=", given->value, " must be a duration of at least 100ms, such as 10m"));
      return;
    }
    out_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*value).count());
  }

  void identity() {
    text("name", options_.name);
    if (options_.name.empty() || options_.name.find_first_of("=,/") != std::string::npos) {
      problem(cat(where("name"), "=", options_.name, " must not be empty nor contain '=', ',' or '/'"));
    }
    if (!is_utf8(options_.name)) {
      problem(cat(where("name"), " is not UTF-8, so that clients could not read the list of members; write another"));
    }
    options_.data_dir = options_.name + ".holdfast";
    text("data-dir", options_.data_dir);
    if (options_.data_dir.empty()) problem(cat(where("data-dir"), " is empty; name a directory"));
    text("wal-dir", options_.wal_dir);
    if (!options_.wal_dir.empty() && options_.wal_dir == options_.data_dir) {
      problem(cat(where("wal-dir"), " is the data directory itself; name another directory, or leave it out"));
    }
    text("initial-cluster-token", options_.cluster_token);
    std::string state = "new";
    text("initial-cluster-state", state);
    if (state != "new" && state != "existing") {
      problem(cat(where("initial-cluster-state"), "=", state, " must be new or existing"));
    }
    options_.join_existing = state == "existing";
    engine();
    text("log-level", options_.log_level);
    // The two that etcd knows beyond ours ask for less than errors; errors are never kept back.
    if (options_.log_level == "panic" || options_.log_level == "fatal" || options_.log_level == "dpanic") {
      options_.log_level = "error";
    }
    for (const char* level : {"debug", "info", "warn", "error"}) {
      if (options_.log_level == level) return;
    }
    problem(cat(where("log-level"), "=", options_.log_level, " must be debug, info, warn or error"));
  }

  void engine() {
    const GivenValue* given = find("consensus");
    if (given == nullptr) return;
    const auto engine = replica::engine_named(given->value);
    if (engine) {
      options_.engine = *engine;
    } else {
      problem(cat(given->where, "=", given->value, " must be ", replica::engine_names()));
    }
  }

  // What only a Byzantine engine needs, and what it needs besides.
  void keys() {
    const bool byzantine = replica::is_byzantine(options_.engine);
    for (const char* flag : {"member-key-file", "administrator-key"}) {
      if (find(flag) != nullptr && !byzantine) problem(cat(where(flag), " is for --consensus=pbft only; leave it out"));
    }
    text("member-key-file", options_.key_file);
    if (const GivenValue* given = find("administrator-key")) {
      options_.administrator = crypto::PublicKey::from(from_hex(given->value).value_or(""));
      if (!options_.administrator) {
        problem(cat(given->where, "=", given->value,
                    " is no public key: write the 64 digits that `holdfast key show FILE` ",
                    "prints at the administrator's"));
      }
    }
    if (!problems_.empty()) return;  // the cluster may not be known
    std::vector<server::InitialMember> cluster;
    for (const auto& [name, urls] : options_.initial_cluster) {
      cluster.push_back({name, {}});
      for (const Url& url : urls) cluster.back().peer_urls.push_back(url.text());
    }
    const auto same_name = [&](const auto& member) { return member.name == options_.name; };
    if (std::none_of(cluster.begin(), cluster.end(), same_name)) {
      cluster.push_back({options_.name, {}});
      for (const Url& url : options_.advertise_peer_urls) cluster.back().peer_urls.push_back(url.text());
    }
    if (const Status status = server::check_keys(options_.engine, cluster); !status.ok()) {
      problem(cat(where("initial-cluster"), ": ", status.message()));
    }
  }

  void sizes_and_times() {
    constexpr uint64_t kAny = std::numeric_limits<int64_t>::max();
    number("heartbeat-interval", 1, kMaxElectionMs, options_.heartbeat_ms);
    number("election-timeout", 1, kMaxElectionMs, options_.election_ms);
    if (options_.election_ms < 5 * options_.heartbeat_ms) {
      problem(cat(where("election-timeout"), "=", options_.election_ms, " must be at least 5 times ",
                  where("heartbeat-interval"), "=", options_.heartbeat_ms, ": raise the first or lower the second"));
    }
    number("snapshot-count", 1, kAny, options_.snapshot_count);
    number("experimental-snapshot-catchup-entries", 0, kAny, options_.snapshot_catchup_entries);
    number("snapshot-catchup-entries", 0, kAny, options_.snapshot_catchup_entries);
    duration("experimental-watch-progress-notify-interval", options_.watch_progress_ms);
    duration("watch-progress-notify-interval", options_.watch_progress_ms);
    number("max-request-bytes", 1024, kMaxRequestBytes, options_.max_request_bytes);
    number("max-txn-ops", 1, kMaxTxnOps, options_.max_txn_ops);
    quota();
  }

  void quota() {
    const GivenValue* given = find("quota-backend-bytes");
    if (given == nullptr) return;
    if (parse_number<int64_t>(given->value).value_or(0) < 0) {
      problem(cat(given->where, "=", given->value,
                  " asks for no quota at all, which is not supported: a full memory would end the member; "
                  "give the number of bytes that the data may take"));
      return;
    }
    number("quota-backend-bytes", 0, kMaxQuotaBytes, options_.quota_bytes);
    if (options_.quota_bytes == 0) options_.quota_bytes = ServeOptions::kDefaultQuotaBytes;
  }

  // False when the flag was not given (then `out` is untouched).
  bool url_list(const char* flag, std::vector<Url>& out) {
    const GivenValue* given = find(flag);
    if (given == nullptr) return false;
    const bool of_a_peer = std::string_view(flag) == "initial-advertise-peer-urls";
    StatusOr<std::vector<Url>> urls = parse_urls(given->value, of_a_peer ? parse_peer_url : parse_url);
    if (!urls.ok()) {
      problem(cat(given->where, ": ", urls.status().message()));
    } else {
      out = *std::move(urls);
    }
    return true;
  }

  void bindable(const char* flag, const std::vector<Url>& urls) {
    for (const Url& url : urls) {
      if (Status status = check_bindable(url); !status.ok()) {
        problem(cat(where(flag), ": ", status.message()));
      }
    }
  }

  // What others are told when they were not told anything else: where we listen, if that is an address they can use.
  void advertised(const char* flag, const char* listen_flag, const std::vector<Url>& listen, std::vector<Url>& out) {
    if (url_list(flag, out)) {
      for (const Url& url : out) {
        if (url.is_unspecified()) {
          problem(cat(where(flag), ": ", url.text(), " means every address of this machine, which nobody can ",
                      "connect to; write the address that others reach this machine by"));
        }
      }
      return;
    }
    out = listen;
    for (const Url& url : listen) {
      if (!url.is_unspecified()) continue;
      problem(cat("--", flag, " is missing: ", where(listen_flag), " listens on every address (", url.text(),
                  "), so say which URL others should use"));
    }
  }

  void urls() {
    options_.listen_peer_urls = {Url{"localhost", 2380}};
    options_.listen_client_urls = {Url{"localhost", 2379}};
    url_list("listen-peer-urls", options_.listen_peer_urls);
    url_list("listen-client-urls", options_.listen_client_urls);
    bindable("listen-peer-urls", options_.listen_peer_urls);
    bindable("listen-client-urls", options_.listen_client_urls);
    for (const Url& url : options_.listen_client_urls) {
      const auto& peers = options_.listen_peer_urls;
      if (std::find(peers.begin(), peers.end(), url) == peers.end()) continue;
      problem(cat(url.text(), " is named by both ", where("listen-peer-urls"), " and ", where("listen-client-urls"),
                  "; give them different ports"));
    }
    advertised("initial-advertise-peer-urls", "listen-peer-urls", options_.listen_peer_urls,
               options_.advertise_peer_urls);
    advertised("advertise-client-urls", "listen-client-urls", options_.listen_client_urls,
               options_.advertise_client_urls);
  }

  void cluster() {
    const GivenValue* given = find("initial-cluster");
    if (given == nullptr) {
      options_.initial_cluster = {{options_.name, options_.advertise_peer_urls}};
      if (options_.join_existing) {
        problem(
            "--initial-cluster is missing: a member that joins needs the list of all members, as `holdfast member "
            "add` printed it");
      }
      return;
    }
    if (!parse_cluster(*given)) return;
    const auto ours = std::find_if(options_.initial_cluster.begin(), options_.initial_cluster.end(),
                                   [&](const auto& member) { return member.first == options_.name; });
    if (ours == options_.initial_cluster.end()) {
      // Who was added to a group over PBFT is told of the founders.
      if (replica::is_byzantine(options_.engine) && options_.join_existing) return;
      problem(cat(given->where, " does not contain this member's name \"", options_.name, "\" (", where("name"),
                  "); it lists ", join(member_names(), ", ")));
      return;
    }
    check_own_urls(*given, ours->second);
  }

  std::vector<std::string> member_names() const {
    std::vector<std::string> names;
    for (const auto& member : options_.initial_cluster) names.push_back(member.first);
    return names;
  }

  // NAME=URL,NAME=URL,...; a name may come again with a further URL, as in etcd.
  bool parse_cluster(const GivenValue& given) {
    const size_t problems_before = problems_.size();
    std::vector<std::pair<std::string, Url>> owners;
    for (std::string_view part : split(given.value, ',')) {
      const size_t equals = part.find('=');
      const std::string name(trim(part.substr(0, equals)));
      if (name.empty() || equals == std::string_view::npos) {
        problem(cat(given.where, ": \"", part, "\" is not of the form NAME=http://HOST:PORT"));
        continue;
      }
      const StatusOr<Url> url = parse_peer_url(trim(part.substr(equals + 1)));
      if (!url.ok()) {
        problem(cat(given.where, ": ", url.status().message()));
        continue;
      }
      for (const auto& [owner, taken] : owners) {
        if (taken.authority() != url->authority()) continue;
        problem(owner == name ? cat(given.where, " names \"", name, "\" twice with ", url->text())
                              : cat(given.where, " gives ", url->text(), " to both \"", owner, "\" and \"", name,
                                    "\"; every member needs a URL of its own"));
      }
      owners.emplace_back(name, *url);
      auto& members = options_.initial_cluster;
      auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == name; });
      if (found == members.end()) found = members.insert(members.end(), {name, {}});
      found->second.push_back(*url);
    }
    return problems_.size() == problems_before;
  }

  // What the others will dial for us must be what we say we are.
  void check_own_urls(const GivenValue& given, const std::vector<Url>& listed) {
    // Where this member listens says nothing of its key.
    const auto same_place = [](const Url& x, const Url& y) { return x.authority() == y.authority(); };
    const std::vector<Url>& ours = options_.advertise_peer_urls;
    if (find("initial-advertise-peer-urls") == nullptr &&
        std::equal(listed.begin(), listed.end(), ours.begin(), ours.end(), same_place)) {
      options_.advertise_peer_urls = listed;
      return;
    }
    std::vector<std::string> a, b;
    for (const Url& url : listed) a.push_back(url.text());
    for (const Url& url : options_.advertise_peer_urls) b.push_back(url.text());
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    if (a == b) return;
    problem(cat(given.where, " lists ", join(a, ","), " for \"", options_.name, "\", but ",
                where("initial-advertise-peer-urls"), " is ", join(b, ","), "; make the two the same"));
  }

  const GivenValues& given_;
  std::vector<std::string>& problems_;
  ServeOptions options_;
};

}  // namespace

ServeOptions check_options(const GivenValues& given, std::vector<std::string>& problems) {
  return Checker(given, problems).run();
}

Status check_data_directory(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path path(directory);
  // A file in the place of the directory, or of one above it.
  for (fs::path at = path; !at.empty() && at != at.root_path(); at = at.parent_path()) {
    if (!fs::exists(at, error) || fs::is_directory(at, error)) continue;
    return absl::FailedPreconditionError(cat(at.string(), " is not a directory; name another one with --data-dir"));
  }
  if (fs::exists(path / "member" / "snap" / "db", error)) {
    return absl::FailedPreconditionError(cat(
        directory, " holds the data of etcd, which Holdfast cannot read; name another directory with --data-dir, and ",
        "copy the keys with `etcdctl make-mirror` while both run"));
  }
  return absl::OkStatus();
}

}  // namespace holdfast::cli
