// What a scenario asks for, against what its protocol has: everything that can be known before it is played. Internal to
// lab/.
#pragma once

#include "holdfast/lab/cast.h"

namespace holdfast::lab {

// kInvalidArgument names the file, the line, and what is allowed.
Status check(const Scenario& scenario, const Protocol& protocol);

// The scenario with those parameters that it leaves out.
Scenario completed(Scenario scenario, const Protocol& protocol);

}  // namespace holdfast::lab
