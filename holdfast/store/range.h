// Reads of the multi-version map as requests ask for them.
#pragma once

#include "holdfast/store/api.h"
#include "holdfast/store/versions.h"

namespace holdfast::store {

// Where a read stands: `current` is the revision that the answer carries and that an unspecified revision means. Within
// a transaction it is the revision being made, once something has been written.
Response read_range(const VersionedMap& map, Revision current, const RangeRequest& request);

// One guard of a transaction, against the state as of `current`.
bool holds(const VersionedMap& map, Revision current, const Compare& compare);

}  // namespace holdfast::store
