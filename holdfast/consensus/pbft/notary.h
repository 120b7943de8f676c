// An Authority that costs next to nothing, for simulated runs by the million; never for real members, whose secrets it
// does not keep.
//
// A notary knows every identity's secret and verifies; a speaker can sign only with its own. Whoever holds a
// FastAuthority, a Byzantine strategy among them, cannot sign or code for another, as with the real one.
#pragma once

#include <cstring>
#include <map>
#include <string>

#include "holdfast/base/checksum.h"
#include "holdfast/consensus/pbft/authority.h"

namespace holdfast::pbft {

class Notary {
 public:
  explicit Notary(uint64_t seed) : seed_(seed) {}
  static PublicKey key_of(NodeId id) {
    PublicKey key;
    const uint64_t n = id.value();
    std::memcpy(key.data(), &n, 8);
    key.bytes[31] = 1;
    return key;
  }

 private:
  friend class FastAuthority;
  uint64_t secret(const PublicKey& key) const { return hash64(key.view(), seed_); }
  uint64_t seed_;
};

class FastAuthority : public Authority {
 public:
  FastAuthority(const Notary& notary, NodeId id) : notary_(notary), key_(Notary::key_of(id)) {}
  const PublicKey& key() const override { return key_; }
  Signature sign(std::string_view text) override {
    ++signed_;
    return signature(key_, text);
  }
  bool verify(const PublicKey& signer, std::string_view text, const Signature& s) override {
    ++verified_;
    return s == signature(signer, text);
  }
  Mac code(const PublicKey& other, std::string_view text) override { return mac(other, text); }
  bool check(const PublicKey& other, std::string_view text, const Mac& m) override { return m == mac(other, text); }
  uint64_t signatures() const { return signed_; }
  uint64_t verifications() const { return verified_; }

 private:
  Signature signature(const PublicKey& signer, std::string_view text) const {
    Signature s;
    const uint64_t h = hash64(text, notary_.secret(signer));
    std::memcpy(s.data(), &h, 8);
    return s;
  }
  // The same on both sides, and like the real ones no secret to either of them.
  Mac mac(const PublicKey& other, std::string_view text) const {
    const uint64_t h = hash64(text, notary_.secret(key_) ^ notary_.secret(other));
    Mac m;
    std::memcpy(m.data(), &h, 8);
    return m;
  }
  const Notary notary_;
  PublicKey key_;
  uint64_t signed_ = 0, verified_ = 0;
};

}  // namespace holdfast::pbft
