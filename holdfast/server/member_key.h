// The keys of the members of a Byzantine cluster, as a member is configured with them (files and URLs:
// runtime/key_file.h).
#pragma once

#include <string>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/server/member_config.h"
#include "holdfast/server/member_identity.h"

namespace holdfast::server {

// Where the private key of a member is, the default resolved.
std::string key_file_of(const MemberConfig& config);

// Whether the members of the initial cluster have what the engine needs: with PBFT a key each, all different, and four
// members at least; with any other no keys. kInvalidArgument says what to write instead.
Status check_keys(replica::EngineKind engine, const std::vector<InitialMember>& cluster);

// What goes into the identity of a cluster besides its members: the token, and the administrator where there is one.
std::string founding_token(const MemberConfig& config);

// What the replica of a member with this identity needs; reads its private key. kFailedPrecondition: the key is not the
// one in its peer URL, or there is none; or the administrator is not the one that the cluster was founded under.
StatusOr<replica::ByzantineConfig> byzantine_config(const MemberConfig& config, const MemberIdentity& identity);

}  // namespace holdfast::server
