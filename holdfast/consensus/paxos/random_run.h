// For tests: random runs of a small Paxos cluster.
#pragma once

#include "holdfast/consensus/paxos/oracle.h"
#include "holdfast/consensus/random_run.h"

namespace holdfast::paxos {

using RandomRun = consensus::RandomRun<TestMember, Oracle>;

}  // namespace holdfast::paxos
