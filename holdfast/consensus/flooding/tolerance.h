// Which failures flooding consensus tolerates, and of how many processes.
#pragma once

#include "holdfast/model/tolerance.h"

namespace holdfast::flooding {

// Every process but one may crash, if the others are told of it reliably; nothing else may fail (flood.h, "Relies on").
inline Tolerance tolerance() { return fail_stop_group("flooding"); }

}  // namespace holdfast::flooding
