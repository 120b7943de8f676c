// The digest of a set that changes: elements come and go one at a time, in any order, each at a constant cost, and the
// digest is always that of the elements which are there. LtHash (Bellare, Micciancio, "A new paradigm for
// collision-free hashing: incrementality at reduced cost", 1997; Lewi, Kim, Maykov, Weis, "Securing update propagation
// with homomorphic hashing", 2019), with the paper's parameters for more than 200 bits of security: each element is
// expanded to 1024 lanes of 16 bits, and the lanes of all elements are added up modulo 2^16.
//
// An element is given by its digest, of which the expansion is the ChaCha20 key stream under it (nonce and counter
// zero): keys are never used twice for two elements, and that stream is the cheapest long output of libsodium
// (2,048 bytes of BLAKE2b, which gives at most 64 a call, take more than five times as long).
//
// Nobody can find two sets with one digest, as long as each element is in a set at most once: this is a digest of sets,
// not of multisets (what is added 2^16 times has vanished). Removing what was never added gives no error but the digest
// of no set.
#pragma once

#include <array>
#include <cstdint>

#include "holdfast/crypto/crypto.h"

namespace holdfast::crypto {

class SetDigest {
 public:
  static constexpr size_t kLanes = 1024;

  // The element must not be in the set.
  void add(const Digest& element);
  // The element must be in the set.
  void remove(const Digest& element);
  Digest digest() const;

  bool operator==(const SetDigest&) const = default;

 private:
  alignas(64) std::array<uint16_t, kLanes> sums_{};
};

}  // namespace holdfast::crypto
