// Which failures Raft tolerates, and of how many members.
#pragma once

#include "holdfast/consensus/raft/types.h"
#include "holdfast/consensus/tolerance.h"

namespace holdfast::raft {

inline Tolerance tolerance(consensus::ReadMode reads) { return consensus::majority_tolerance("raft", reads); }

}  // namespace holdfast::raft
