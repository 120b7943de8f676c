// Reads of the multi-version map as requests ask for them.
#pragma once

#include "holdfast/store/api.h"
#include "holdfast/store/versions.h"

namespace holdfast::store {

// Where a read stands: `current` is the revision that the answer carries and that an unspecified revision means. Within
// a transaction it is the revision being made, once something has been written.
// kAnswerTooLarge: the answer may have more than `max_bytes`; then it is not made.
Response read_range(const VersionedMap& map, Revision current, const RangeRequest& request, size_t max_bytes);

// At least as many bytes as the answer has when it is encoded. `changing`: of a read in the midst of a transaction that
// writes, as far as the state before it can tell: what it writes comes on top.
size_t most_bytes(const VersionedMap& map, Revision current, const RangeRequest& request, bool changing);
size_t most_bytes(const Version& version, bool keys_only = false);
// Of an answer besides its keys and values.
inline constexpr size_t kBareAnswerBytes = 64;

// One guard of a transaction, against the state as of `current`.
bool holds(const VersionedMap& map, Revision current, const Compare& compare);

}  // namespace holdfast::store
