// From the command line and the environment of `holdfast serve` to checked options.
//
// A flag beats an environment variable; HOLDFAST_X beats ETCD_X; an empty variable counts as unset, as in etcd. All
// problems of a command line are reported together, one per line, each naming the flag or variable and what to do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/cli/url.h"
#include "holdfast/replica/types.h"

namespace holdfast::cli {

struct ServeOptions {
  std::string name = "default";
  std::string data_dir;  // "${name}.holdfast" when none was given
  std::string wal_dir;   // empty: inside data_dir
  std::vector<Url> listen_peer_urls;
  std::vector<Url> listen_client_urls;
  std::vector<Url> advertise_peer_urls;
  std::vector<Url> advertise_client_urls;
  std::vector<std::pair<std::string, std::vector<Url>>> initial_cluster;  // in the order given; ours is among them
  bool join_existing = false;
  std::string cluster_token = "etcd-cluster";
  replica::EngineKind engine = replica::EngineKind::kRaft;
  std::string key_file;  // empty: in data_dir
  std::optional<crypto::PublicKey> administrator;
  uint64_t heartbeat_ms = 100;
  uint64_t election_ms = 1000;
  uint64_t snapshot_count = 10'000;
  uint64_t snapshot_catchup_entries = 5'000;
  uint64_t watch_progress_ms = 600'000;
  uint64_t max_request_bytes = 1'572'864;
  uint64_t max_txn_ops = 128;
  uint64_t quota_bytes = kDefaultQuotaBytes;
  std::string log_level = "info";

  static constexpr uint64_t kDefaultQuotaBytes = uint64_t{2} << 30;
};

using Environment = std::map<std::string, std::string>;

struct ServeCommand {
  enum class Action { kServe, kHelp, kVersion } action = Action::kServe;
  ServeOptions options;
  std::vector<std::string> warnings;  // to show before serving; nothing was ignored that was asked for by a flag
};

// InvalidArgument with one line per problem.
StatusOr<ServeCommand> parse_serve(const std::vector<std::string>& args, const Environment& environment);

// The text of `holdfast serve --help`.
std::string serve_help();

// What the process was started with.
Environment process_environment();

}  // namespace holdfast::cli
