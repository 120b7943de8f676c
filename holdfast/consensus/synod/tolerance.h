// Which failures single-decree Paxos tolerates, and of how many acceptors.
#pragma once

#include "holdfast/model/tolerance.h"

namespace holdfast::synod {

// Of the acceptors a minority may be gone for good; any number may crash and come back with what they reported stable.
// Proposers and learners may all fail but one. Clocks only set the pace (Paxos Made Simple, section 2).
inline Tolerance tolerance() { return majority_group("paxos (single decree)"); }

}  // namespace holdfast::synod
