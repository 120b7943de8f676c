// For tests: random runs of a small Raft cluster.
#pragma once

#include "holdfast/consensus/raft/oracle.h"
#include "holdfast/consensus/random_run.h"

namespace holdfast::raft {

using RandomRun = consensus::RandomRun<TestMember, Oracle>;

}  // namespace holdfast::raft
