// Planted bugs: faults of other people's systems that the simulation must be able to find in ours
// (docs/planted-bugs.md).
//
//   if (planted<"R3">()) { reply before the sync } else { ... }
//
// In every ordinary build `planted` is the constant false and the branch is gone. Only the test build that compiles the
// rooms a second time with HOLDFAST_PLANTED_BUGS can switch one on.
#pragma once

#include <string_view>

#include "holdfast/base/mark.h"

namespace holdfast {

#ifdef HOLDFAST_PLANTED_BUGS
// The name of the bug in force; empty: none. Set before a run, constant during it.
inline std::string_view planted_bug;
template <MarkName Name>
bool planted() {
  return planted_bug == std::string_view(Name.text, sizeof(Name.text) - 1);
}
#else
template <MarkName Name>
consteval bool planted() {
  return false;
}
#endif

}  // namespace holdfast
