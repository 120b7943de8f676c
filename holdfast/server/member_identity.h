// Who a member is, and the file IDENTITY in its data directory that says so (docs/formats/data-directory.md).
//
// The identities of the first members of a cluster follow from their peer URLs and the cluster's token, so that all of
// them compute the same ones without having spoken. A member that is added later gets its identity from the cluster.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/model/types.h"
#include "holdfast/server/member_config.h"
#include "holdfast/stable/disk.h"
#include "holdfast/store/api.h"

namespace holdfast::server {

// Not zero and below 2^63. The order of the URLs does not matter.
NodeId member_id_of(const std::vector<std::string>& peer_urls, const std::string& token);
// Not zero and below 2^63. The order of the members does not matter.
uint64_t cluster_id_of(const std::vector<NodeId>& members, const std::string& token);

// The first members of a new cluster, as its initial cluster and token name them.
std::vector<store::Member> bootstrap_members(const std::vector<InitialMember>& cluster, const std::string& token);

struct MemberIdentity {
  uint64_t cluster_id = 0;
  NodeId member_id;
  std::string name;                      // when the file was written
  std::string wal_dir;                   // where the log is; a log elsewhere is not this member's
  std::vector<store::Member> bootstrap;  // the first members of the cluster; empty for a member that was added later,
                                         // but over PBFT, where it follows from them who belongs
  std::vector<store::Member> members;    // as last known: hints where to find the others after a restart
  // What its log was written by; a file without the entry is older than the choice.
  replica::EngineKind engine = replica::EngineKind::kRaft;
  // Of a member of a Byzantine cluster: it began here after it had lost another disk, on which it may have voted.
  bool disk_lost = false;
  bool operator==(const MemberIdentity&) const = default;
};

std::string to_json(const MemberIdentity& identity);
// kDataLoss: not such a file. kUnimplemented: of a newer version.
StatusOr<MemberIdentity> parse_identity(std::string_view text);

inline constexpr std::string_view kIdentityFile = "IDENTITY";

// None when there is no such file. Errors name the file and say what to do.
StatusOr<std::optional<MemberIdentity>> load_identity(stable::Disk& disk);
// Replaces the file, all or nothing, durably.
Status save_identity(stable::Disk& disk, const MemberIdentity& identity);

// The directory of the log as IDENTITY notes it: relative to the data directory when it is inside, so that both can be
// moved together; else absolute.
std::string wal_dir_to_note(const MemberConfig& config);
// Whether the flags name the directory that was noted, however they write it.
bool is_noted_wal_dir(const MemberConfig& config, const std::string& noted);

// Whether a directory may be a member's data directory, or the directory of its log: it does not exist, is empty, or
// holds nothing but what a member puts there. kFailedPrecondition otherwise; nothing is touched. `log`: the name of the
// log's directory, or of the one that holds it, when it is inside.
Status check_data_dir(const std::string& path, std::string_view log = "wal");
Status check_wal_dir(const std::string& path);
// Both, as the flags name them. kInvalidArgument when one of them is where the other must not be.
Status check_directories(const MemberConfig& config);

}  // namespace holdfast::server
