// For tests: a quiet network of Raft members.
#pragma once

#include "holdfast/consensus/quiet_net.h"
#include "holdfast/consensus/raft/test_member.h"

namespace holdfast::raft {

using consensus::ids;
using Quiet = consensus::Quiet<TestMember>;

}  // namespace holdfast::raft
