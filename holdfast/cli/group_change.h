// What the administrator of a group over PBFT does: signs a change of its members, hands it to one of them, and waits
// until it is in force.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/model/types.h"

namespace holdfast::cli {

struct GroupChange {
  std::vector<std::string> endpoints;  // all that answer must say the same of the group
  std::chrono::milliseconds timeout{5000};
  std::string key_file;                      // the administrator's private key
  std::string token = "etcd-cluster";        // --initial-cluster-token of the cluster
  std::string added_name;                    // of the one who joins
  std::vector<std::string> added_peer_urls;  // empty: nobody joins
  std::optional<uint64_t> removed;           // who leaves
};

struct GroupMember {
  NodeId id;
  std::string name;
  std::vector<std::string> peer_urls;
};

// What came of it.
struct GroupChanged {
  uint64_t cluster = 0;
  NodeId added;
  std::string administrator;          // the public key
  std::vector<GroupMember> members;   // who belongs now
  std::vector<GroupMember> founders;  // whom the new member is told to follow the group from
};

// `name` as that of a new member: --initial-cluster tells members apart by their names, so those of members must differ.
Status check_name_is_free(const std::string& name, const std::vector<GroupMember>& members);

// The signature says who joins and who leaves, and from which configuration on; whoever hands it on can make no more of
// it. kInvalidArgument: the key or the token is not that of the group, there is no such group, or a member has the
// new one's name, address or key already; nothing was sent.
// kDeadlineExceeded: it is ordered, and not in force in time. Any other error: what a member said.
StatusOr<GroupChanged> change_group(const GroupChange& wanted);

}  // namespace holdfast::cli
