// Which failures multi-Paxos tolerates, and of how many members.
#pragma once

#include "holdfast/consensus/tolerance.h"

namespace holdfast::paxos {

inline Tolerance tolerance(consensus::ReadMode reads) { return consensus::majority_tolerance("paxos", reads); }

}  // namespace holdfast::paxos
