// For tests: a member of a Paxos cluster under a host that the test drives by hand, and a quiet network of such
// members.
#pragma once

#include "holdfast/consensus/paxos/paxos.h"
#include "holdfast/consensus/quiet_net.h"
#include "holdfast/consensus/test_member.h"

namespace holdfast::paxos {

using consensus::ids;
using consensus::Image;
using TestMember = consensus::TestMember<Paxos>;
using Quiet = consensus::Quiet<TestMember>;

}  // namespace holdfast::paxos
