// What a member is started with: the flags of `holdfast serve`, as values. Names and defaults are etcd's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/consensus/types.h"
#include "holdfast/crypto/crypto.h"
#include "holdfast/model/types.h"
#include "holdfast/replica/types.h"

namespace holdfast::server {

// One element of --initial-cluster.
struct InitialMember {
  std::string name;
  std::vector<std::string> peer_urls;
  bool operator==(const InitialMember&) const = default;
};

enum class ClusterState {
  kNew,       // this member is one of the first ones of a new cluster
  kExisting,  // this member was added to a running cluster (member add)
};

struct MemberConfig {
  std::string name = "default";  // --name
  std::string data_dir;          // --data-dir; empty: "<name>.holdfast"
  std::string wal_dir;           // --wal-dir; empty: "<data-dir>/wal"
  std::vector<std::string> listen_peer_urls = {"http://localhost:2380"};
  std::vector<std::string> listen_client_urls = {"http://localhost:2379"};
  std::vector<std::string> initial_advertise_peer_urls = {"http://localhost:2380"};
  std::vector<std::string> advertise_client_urls = {"http://localhost:2379"};
  std::vector<InitialMember> initial_cluster;  // empty: this member alone
  ClusterState initial_cluster_state = ClusterState::kNew;
  std::string initial_cluster_token = "etcd-cluster";
  replica::EngineKind engine = replica::EngineKind::kRaft;  // --consensus
  // With PBFT only. The public keys of the members are in their peer URLs.
  std::string key_file;                            // --member-key-file; empty: "<data-dir>/member.key"
  std::optional<crypto::PublicKey> administrator;  // --administrator-key

  Duration heartbeat_interval = Duration::millis(100);
  Duration election_timeout = Duration::millis(1000);
  consensus::ReadMode read_mode = consensus::ReadMode::kQuorum;
  uint32_t max_clock_drift_ppm = 100'000;  // for ReadMode::kLease

  uint64_t snapshot_count = 10'000;
  uint64_t snapshot_catchup_entries = 5000;
  size_t max_request_bytes = size_t{3} << 19;  // 1.5 MiB
  size_t max_txn_ops = 128;
  int64_t quota_backend_bytes = 0;  // 0: 2 GiB
  Duration watch_progress_notify_interval = Duration::seconds(600);
  uint64_t wal_segment_bytes = uint64_t{64} << 20;
};

// The default cluster of a member that was given none: itself at its advertised peer URLs.
std::vector<InitialMember> initial_cluster_of(const MemberConfig& config);

// Whether this member was added to a group whose members are known by their keys (PBFT): its initial cluster names the
// founders, from whom on it follows who belongs, and not itself.
bool joins_group(const MemberConfig& config);

// Where its files are, defaults resolved.
std::string data_dir_of(const MemberConfig& config);
std::string wal_dir_of(const MemberConfig& config);

// "a=http://10.0.0.1:2380,b=http://10.0.0.2:2380", where a name that occurs again adds a URL. kInvalidArgument: says
// which part is wrong.
StatusOr<std::vector<InitialMember>> parse_initial_cluster(std::string_view text);

// Everything that can be wrong with the values themselves, before any file or socket is touched: URLs, intervals,
// sizes, and whether the initial cluster names this member at the URLs that it advertises. kInvalidArgument names the
// flag and what to write instead.
Status check(const MemberConfig& config);

}  // namespace holdfast::server
