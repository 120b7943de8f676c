// The elements of which the digests of a store are made (docs/formats/store-digest.md).
#pragma once

#include "holdfast/crypto/crypto.h"
#include "holdfast/store/leases.h"
#include "holdfast/store/versions.h"

namespace holdfast::store {

crypto::Digest element_of(const Version& v);
crypto::Digest element_of(LeaseId id, const Lease& lease);

}  // namespace holdfast::store
