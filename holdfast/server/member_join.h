// How a member that starts with an empty data directory finds out who it is.
#pragma once

#include <functional>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/runtime/peer_frame.h"
#include "holdfast/server/member_config.h"
#include "holdfast/server/member_identity.h"

namespace holdfast::server {

// What the other members of the initial cluster answered to the question who is in it.
using AskMembers = std::function<StatusOr<std::vector<runtime::MembersReply>>(size_t enough, Duration timeout)>;
AskMembers ask_others(const MemberConfig& config);

// A new cluster: everything follows from the flags. Before that, the others are asked whether this member has been part
// of the cluster already: then its disk was lost, and starting again as if nothing had happened could forget a vote.
// Nobody need answer. kFailedPrecondition: what to do instead.
StatusOr<MemberIdentity> found_cluster(const MemberConfig& config, const AskMembers& ask);

using Wait = std::function<void(Duration)>;

// A Byzantine group that runs: who this member is and who the founders are follows from its flags; whom it may believe,
// from them on, from what each configuration has certified of the next. The others are asked whether it has been added,
// and whether it has started before: if they say so, or too few say anything, it counts as one that has lost its disk.
// kFailedPrecondition: it has not been added, or runs another engine.
StatusOr<MemberIdentity> join_group(const MemberConfig& config, const AskMembers& ask, const Wait& wait);

// An existing cluster: the others know this member by its peer URLs, once it has been added. kFailedPrecondition: it
// has not; kUnavailable: nobody answered. Several tries, with pauses between them also when the answer came at once:
// what one member has confirmed, others may hear a little later.
StatusOr<MemberIdentity> join_cluster(const MemberConfig& config, const AskMembers& ask, const Wait& wait);

store::Member to_store(const runtime::PeerMember& member);
runtime::PeerMember to_peer(const store::Member& member);

}  // namespace holdfast::server
