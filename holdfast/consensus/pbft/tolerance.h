// Which failures PBFT tolerates, and of how many members.
#pragma once

#include "holdfast/model/tolerance.h"

namespace holdfast::pbft {

// A member whose disk was lost is one of those that fail arbitrarily, until it votes again (Beginning::kLostDisk).
inline Tolerance tolerance() { return byzantine_group("pbft"); }

}  // namespace holdfast::pbft
