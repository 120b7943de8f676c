// Digests, message authentication codes, signatures, authenticated encryption. A thin, typed face over libsodium: no
// cryptography of our own, one algorithm per purpose, none to choose from.
//
//   purpose                     algorithm
//   digest                      BLAKE2b, 256 bits (RFC 7693)
//   mac                         BLAKE2b keyed, 128 bits
//   signature                   Ed25519 (RFC 8032), deterministic; points of small order and non-canonical encodings
//   are
//                               refused, so that one signature of one message by one key is valid for all or for none
//   pairwise key                X25519 of the two Ed25519 identities, hashed with both of them
//   sealed message              XChaCha20-Poly1305 (IETF), 192-bit nonce
//
// Everything here is a pure function of its arguments: no randomness, no clock, so cores may use it and a simulated run
// repeats exactly. Seeds, keys and nonces come from the host. Thread rule: any number of threads. No function fails but
// for the reasons that it names; comparisons of codes and signatures take constant time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "holdfast/base/fixed_bytes.h"

namespace holdfast::crypto {

struct DigestTag {};
// A fingerprint of bytes that nobody can find two inputs for.
using Digest = FixedBytes<DigestTag, 32>;

Digest digest(std::string_view bytes);

// The digest of a concatenation, piece by piece. Pieces have no borders: whoever hashes two variable-length fields says
// their lengths too.
class Hasher {
 public:
  Hasher();
  Hasher& add(std::string_view bytes);
  Hasher& add(const Digest& d) { return add(d.view()); }
  Hasher& add(uint64_t number);  // eight bytes, little endian
  // Once; nothing is added afterwards.
  Digest finish();

 private:
  // As large as libsodium's state, which is checked in crypto.cc; its header stays out of ours.
  alignas(64) unsigned char state_[384];
};

// --- Identities and signatures ---------------------------------------------------------------------------------------

struct SeedTag {};
using Seed = FixedBytes<SeedTag, 32>;  // secret: whoever has it is the identity
struct PublicKeyTag {};
using PublicKey = FixedBytes<PublicKeyTag, 32>;
struct SignatureTag {};
using Signature = FixedBytes<SignatureTag, 64>;

struct SharedKeyTag {};
// A secret of two identities, or of a group.
using SharedKey = FixedBytes<SharedKeyTag, 32>;

// A private key and its public one. Wiped from memory when it goes.
class Identity {
 public:
  explicit Identity(const Seed& seed);
  Identity(const Identity&) = default;
  Identity& operator=(const Identity&) = default;
  ~Identity();

  const PublicKey& public_key() const { return public_key_; }
  Signature sign(std::string_view message) const;
  // A secret that only this identity and the holder of `other`'s private key can compute, the same on both sides. None:
  // `other` is not a public key that anybody can have.
  std::optional<SharedKey> shared_with(const PublicKey& other) const;

 private:
  PublicKey public_key_;
  unsigned char secret_[64];
};

bool verify(const PublicKey& signer, std::string_view message, const Signature& signature);

// --- Message authentication codes ------------------------------------------------------------------------------------

struct MacTag {};
using Mac = FixedBytes<MacTag, 16>;

Mac mac(const SharedKey& key, std::string_view message);
bool mac_is(const Mac& given, const SharedKey& key, std::string_view message);

// A key for one purpose, out of a key for several: different purposes give keys of which one says nothing about
// another.
SharedKey derive(const SharedKey& key, std::string_view purpose);

// --- Authenticated encryption ----------------------------------------------------------------------------------------

struct NonceTag {};
// Never used twice with one key for two messages; random ones are safe, there are enough of them.
using Nonce = FixedBytes<NonceTag, 24>;
inline constexpr size_t kSealBytes = 16;  // by which a sealed message is longer

// Encrypts `plain` and authenticates it together with `associated`, which is not encrypted.
std::string seal(const SharedKey& key, const Nonce& nonce, std::string_view associated, std::string_view plain);
// None: it was not sealed with this key, nonce and associated data, or was changed since.
std::optional<std::string> open(const SharedKey& key, const Nonce& nonce, std::string_view associated,
                                std::string_view sealed);

// Whether two secrets are equal, in a time that does not depend on where they differ.
bool equal_secrets(std::string_view a, std::string_view b);

}  // namespace holdfast::crypto
