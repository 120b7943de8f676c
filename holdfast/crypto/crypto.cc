#include "holdfast/crypto/crypto.h"

#include <sodium.h>

#include <cstring>

#include "holdfast/base/assert.h"

namespace holdfast::crypto {
namespace {

const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

// libsodium picks the fastest implementations of this processor when it is initialised; every other call needs nothing
// from it, so an order of static constructors does not matter.
void initialise() {
  static const int done = sodium_init();
  ensure(done >= 0, "libsodium initialises itself");
}

crypto_generichash_state* state_in(unsigned char* bytes) { return reinterpret_cast<crypto_generichash_state*>(bytes); }

}  // namespace

Digest digest(std::string_view bytes) {
  initialise();
  Digest out;
  crypto_generichash(out.data(), Digest::kSize, raw(bytes), bytes.size(), nullptr, 0);
  return out;
}

Hasher::Hasher() {
  static_assert(sizeof(crypto_generichash_state) <= sizeof(state_) && alignof(crypto_generichash_state) <= 64);
  initialise();
  crypto_generichash_init(state_in(state_), nullptr, 0, Digest::kSize);
}

Hasher& Hasher::add(std::string_view bytes) {
  crypto_generichash_update(state_in(state_), raw(bytes), bytes.size());
  return *this;
}

Hasher& Hasher::add(uint64_t number) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(number >> (8 * i));
  crypto_generichash_update(state_in(state_), bytes, sizeof bytes);
  return *this;
}

Digest Hasher::finish() {
  Digest out;
  crypto_generichash_final(state_in(state_), out.data(), Digest::kSize);
  return out;
}

Identity::Identity(const Seed& seed) {
  static_assert(sizeof secret_ == crypto_sign_SECRETKEYBYTES && PublicKey::kSize == crypto_sign_PUBLICKEYBYTES &&
                Seed::kSize == crypto_sign_SEEDBYTES && Signature::kSize == crypto_sign_BYTES);
  initialise();
  crypto_sign_seed_keypair(public_key_.data(), secret_, seed.data());
}

Identity::~Identity() { sodium_memzero(secret_, sizeof secret_); }

Signature Identity::sign(std::string_view message) const {
  Signature out;
  crypto_sign_detached(out.data(), nullptr, raw(message), message.size(), secret_);
  return out;
}

std::optional<SharedKey> Identity::shared_with(const PublicKey& other) const {
  unsigned char mine[crypto_scalarmult_SCALARBYTES];
  unsigned char theirs[crypto_scalarmult_BYTES];
  unsigned char point[crypto_scalarmult_BYTES];
  if (crypto_sign_ed25519_pk_to_curve25519(theirs, other.data()) != 0) return std::nullopt;
  crypto_sign_ed25519_sk_to_curve25519(mine, secret_);
  const bool valid = crypto_scalarmult(point, mine, theirs) == 0;
  sodium_memzero(mine, sizeof mine);
  if (!valid) return std::nullopt;
  const bool first = public_key_ < other;
  const Digest key = Hasher()
                         .add(std::string_view("holdfast pair"))
                         .add(std::string_view(reinterpret_cast<const char*>(point), sizeof point))
                         .add((first ? public_key_ : other).view())
                         .add((first ? other : public_key_).view())
                         .finish();
  sodium_memzero(point, sizeof point);
  SharedKey out;
  out.bytes = key.bytes;
  return out;
}

bool verify(const PublicKey& signer, std::string_view message, const Signature& signature) {
  initialise();
  return crypto_sign_verify_detached(signature.data(), raw(message), message.size(), signer.data()) == 0;
}

Mac mac(const SharedKey& key, std::string_view message) {
  static_assert(Mac::kSize >= crypto_generichash_BYTES_MIN && SharedKey::kSize <= crypto_generichash_KEYBYTES_MAX);
  initialise();
  Mac out;
  crypto_generichash(out.data(), Mac::kSize, raw(message), message.size(), key.data(), SharedKey::kSize);
  return out;
}

bool mac_is(const Mac& given, const SharedKey& key, std::string_view message) {
  return sodium_memcmp(mac(key, message).data(), given.data(), Mac::kSize) == 0;
}

SharedKey derive(const SharedKey& key, std::string_view purpose) {
  initialise();
  SharedKey out;
  crypto_generichash(out.data(), SharedKey::kSize, raw(purpose), purpose.size(), key.data(), SharedKey::kSize);
  return out;
}

std::string seal(const SharedKey& key, const Nonce& nonce, std::string_view associated, std::string_view plain) {
  static_assert(Nonce::kSize == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES &&
                SharedKey::kSize == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
                kSealBytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);
  initialise();
  std::string out(plain.size() + kSealBytes, '\0');
  crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<unsigned char*>(out.data()), nullptr, raw(plain),
                                             plain.size(), raw(associated), associated.size(), nullptr, nonce.data(),
                                             key.data());
  return out;
}

std::optional<std::string> open(const SharedKey& key, const Nonce& nonce, std::string_view associated,
                                std::string_view sealed) {
  initialise();
  if (sealed.size() < kSealBytes) return std::nullopt;
  std::string out(sealed.size() - kSealBytes, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(reinterpret_cast<unsigned char*>(out.data()), nullptr, nullptr,
                                                 raw(sealed), sealed.size(), raw(associated), associated.size(),
                                                 nonce.data(), key.data()) != 0) {
    return std::nullopt;
  }
  return out;
}

bool equal_secrets(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace holdfast::crypto
