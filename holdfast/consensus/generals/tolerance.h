// Which failures the protocols of the Byzantine generals tolerate, and of how many generals.
#pragma once

#include "holdfast/model/tolerance.h"

namespace holdfast::generals {

// OM(m): fewer than a third are traitors (paper, sections 2 and 3).
inline Tolerance oral_tolerance() { return oral_group("oral messages, OM"); }
// SM(m): any number of traitors; with fewer than two loyal generals agreement means nothing (paper, section 4).
inline Tolerance written_tolerance() { return signed_group("signed messages, SM"); }

}  // namespace holdfast::generals
