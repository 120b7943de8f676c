#include "holdfast/server/member_config.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/url.h"
#include "holdfast/server/member_key.h"

namespace holdfast::server {
namespace {

Status check_urls(std::string_view flag, const std::vector<std::string>& urls, bool advertised) {
  if (urls.empty()) return absl::InvalidArgumentError(fmt::format("--{}: at least one URL is needed", flag));
  for (const std::string& text : urls) {
    const bool of_a_peer = flag == "initial-cluster" || flag == "initial-advertise-peer-urls";
    const StatusOr<runtime::Url> url = of_a_peer ? runtime::parse_peer_url(text) : runtime::parse_url(text);
    if (!url.ok())
      return absl::InvalidArgumentError(fmt::format("--{}: {}", flag, std::string(url.status().message())));
    if (advertised && url->port == 0) {
      return absl::InvalidArgumentError(
          fmt::format("--{}={}: port 0 cannot be advertised; name the port that others can reach", flag, text));
    }
  }
  return absl::OkStatus();
}

Status check_intervals(const MemberConfig& c) {
  if (c.heartbeat_interval < Duration::millis(1)) {
    return absl::InvalidArgumentError("--heartbeat-interval: must be at least 1 (millisecond)");
  }
  if (c.election_timeout < c.heartbeat_interval * 5) {
    return absl::InvalidArgumentError(
        fmt::format("--election-timeout[{}ms] must be at least five times --heartbeat-interval[{}ms]",
                    c.election_timeout.millis(), c.heartbeat_interval.millis()));
  }
  if (c.election_timeout > Duration::seconds(50)) {
    return absl::InvalidArgumentError(fmt::format(
        "--election-timeout[{}ms] is too long, and should be set less than 50000ms", c.election_timeout.millis()));
  }
  return absl::OkStatus();
}

Status check_sizes(const MemberConfig& c) {
  if (c.max_request_bytes == 0 || c.max_request_bytes > size_t{256} << 20) {
    return absl::InvalidArgumentError("--max-request-bytes: must be between 1 and 268435456 (256 MiB)");
  }
  if (c.max_txn_ops == 0) return absl::InvalidArgumentError("--max-txn-ops: must be at least 1");
  if (c.snapshot_count == 0) return absl::InvalidArgumentError("--snapshot-count: must be at least 1");
  if (c.wal_segment_bytes < uint64_t{1} << 16 || c.wal_segment_bytes > uint64_t{1} << 32) {
    return absl::InvalidArgumentError("the size of log segments must be between 64 KiB and 4 GiB");
  }
  return absl::OkStatus();
}

std::string join(const std::vector<std::string>& urls) { return fmt::format("{}", fmt::join(urls, ",")); }

Status check_cluster(const MemberConfig& c) {
  const std::vector<InitialMember> cluster = initial_cluster_of(c);
  std::vector<std::string> seen;
  const InitialMember* self = nullptr;
  for (const InitialMember& m : cluster) {
    if (Status s = check_urls("initial-cluster", m.peer_urls, true); !s.ok()) return s;
    for (const std::string& url : m.peer_urls) {
      if (std::find(seen.begin(), seen.end(), url) != seen.end()) {
        return absl::InvalidArgumentError(fmt::format("--initial-cluster: {} is given twice", url));
      }
      seen.push_back(url);
    }
    if (m.name == c.name) self = &m;
  }
  if (self == nullptr && joins_group(c)) return absl::OkStatus();
  if (self == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("--initial-cluster does not contain this member, whose --name is \"{}\"; add {}={}", c.name, c.name,
                    join(c.initial_advertise_peer_urls)));
  }
  std::vector<std::string> named = self->peer_urls;
  std::vector<std::string> advertised = c.initial_advertise_peer_urls;
  std::sort(named.begin(), named.end());
  std::sort(advertised.begin(), advertised.end());
  if (named != advertised) {
    return absl::InvalidArgumentError(fmt::format(
        "--initial-cluster has {} at {}, but --initial-advertise-peer-urls is {}; both must name the same URLs", c.name,
        join(named), join(advertised)));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<InitialMember> initial_cluster_of(const MemberConfig& config) {
  if (!config.initial_cluster.empty()) return config.initial_cluster;
  return {InitialMember{config.name, config.initial_advertise_peer_urls}};
}

bool joins_group(const MemberConfig& config) {
  if (!replica::is_byzantine(config.engine) || config.initial_cluster_state != ClusterState::kExisting) return false;
  const std::vector<std::string>& own = config.initial_advertise_peer_urls;
  return !config.initial_cluster.empty() &&
         std::none_of(config.initial_cluster.begin(), config.initial_cluster.end(), [&](const InitialMember& m) {
           return m.name == config.name || std::any_of(m.peer_urls.begin(), m.peer_urls.end(), [&](const auto& url) {
                    return std::count(own.begin(), own.end(), url) > 0;
                  });
         });
}

std::string data_dir_of(const MemberConfig& config) {
  return config.data_dir.empty() ? config.name + ".holdfast" : config.data_dir;
}

std::string wal_dir_of(const MemberConfig& config) {
  return config.wal_dir.empty() ? data_dir_of(config) + "/wal" : config.wal_dir;
}

StatusOr<std::vector<InitialMember>> parse_initial_cluster(std::string_view text) {
  std::vector<InitialMember> out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (part.empty()) continue;
    const size_t eq = part.find('=');
    if (eq == std::string_view::npos || eq == 0 || eq + 1 == part.size()) {
      return absl::InvalidArgumentError(
          fmt::format("--initial-cluster: \"{}\" is not NAME=URL, such as m1=http://10.0.0.1:2380", part));
    }
    const std::string name(part.substr(0, eq));
    auto it = std::find_if(out.begin(), out.end(), [&](const InitialMember& m) { return m.name == name; });
    if (it == out.end()) it = out.insert(out.end(), InitialMember{name, {}});
    it->peer_urls.emplace_back(part.substr(eq + 1));
  }
  if (out.empty()) return absl::InvalidArgumentError("--initial-cluster: is empty");
  return out;
}

Status check(const MemberConfig& config) {
  if (config.name.empty()) return absl::InvalidArgumentError("--name: must not be empty");
  if (Status s = check_urls("listen-peer-urls", config.listen_peer_urls, false); !s.ok()) return s;
  if (Status s = check_urls("listen-client-urls", config.listen_client_urls, false); !s.ok()) return s;
  if (Status s = check_urls("initial-advertise-peer-urls", config.initial_advertise_peer_urls, true); !s.ok()) return s;
  if (Status s = check_urls("advertise-client-urls", config.advertise_client_urls, true); !s.ok()) return s;
  if (Status s = check_intervals(config); !s.ok()) return s;
  if (Status s = check_sizes(config); !s.ok()) return s;
  std::vector<InitialMember> everybody = initial_cluster_of(config);
  if (joins_group(config)) everybody.push_back({config.name, config.initial_advertise_peer_urls});
  if (Status s = check_keys(config.engine, everybody); !s.ok()) {
    return Status(s.code(), fmt::format("--initial-cluster: {}", std::string(s.message())));
  }
  return check_cluster(config);
}

}  // namespace holdfast::server
