// Known answers from the algorithms' specifications, and what a reader of crypto.h may rely on.
#include "holdfast/crypto/crypto.h"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::crypto {
namespace {

template <class T>
T hex(std::string_view digits) {
  return *T::from(*from_hex(digits));
}

Seed seed(uint8_t n) {
  Seed s;
  s.bytes.fill(n);
  return s;
}

SharedKey key(uint8_t n) {
  SharedKey k;
  k.bytes.fill(n);
  return k;
}

// RFC 7693's function for 32 bytes of output.
TEST(Crypto, DigestIsBlake2b256) {
  EXPECT_EQ(to_hex(digest("").view()), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  EXPECT_EQ(to_hex(digest("abc").view()), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(Crypto, PiecesAreHashedAsTheirConcatenation) {
  EXPECT_EQ(Hasher().add("a").add("").add("bc").finish(), digest("abc"));
  EXPECT_EQ(Hasher().add(uint64_t{0x0807060504030201}).finish(), digest("\x01\x02\x03\x04\x05\x06\x07\x08"));
}

// RFC 8032, section 7.1, tests 1 and 2.
TEST(Crypto, SignaturesAreEd25519) {
  const Identity first(hex<Seed>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  EXPECT_EQ(to_hex(first.public_key().view()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(
      to_hex(first.sign("").view()),
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bb"
      "e24655141438e7a100b");
  const Identity second(hex<Seed>("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  EXPECT_TRUE(
      verify(second.public_key(), "\x72",
             hex<Signature>("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36"
                            "13d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")));
}

TEST(Crypto, ASignatureIsGoodForItsMessageAndSignerOnly) {
  const Identity a(seed(1)), b(seed(2));
  const Signature s = a.sign("attack at dawn");
  EXPECT_TRUE(verify(a.public_key(), "attack at dawn", s));
  EXPECT_FALSE(verify(a.public_key(), "attack at noon", s));
  EXPECT_FALSE(verify(b.public_key(), "attack at dawn", s));
  for (size_t bit = 0; bit < Signature::kSize * 8; ++bit) {
    Signature changed = s;
    changed.bytes[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(verify(a.public_key(), "attack at dawn", changed)) << bit;
  }
}

// With the neutral element as key, and as R, everything would be signed.
TEST(Crypto, KeysOfSmallOrderSignNothing) {
  PublicKey neutral;
  neutral.bytes[0] = 1;
  Signature forged;
  forged.bytes[0] = 1;
  EXPECT_FALSE(verify(neutral, "anything", forged));
  EXPECT_FALSE(Identity(seed(1)).shared_with(neutral).has_value());
}

TEST(Crypto, TwoIdentitiesShareAKeyThatAThirdHasNot) {
  const Identity a(seed(1)), b(seed(2)), c(seed(3));
  EXPECT_EQ(a.shared_with(b.public_key()).value(), b.shared_with(a.public_key()).value());
  EXPECT_NE(a.shared_with(b.public_key()).value(), c.shared_with(a.public_key()).value());
  EXPECT_NE(a.shared_with(b.public_key()).value(), c.shared_with(b.public_key()).value());
}

TEST(Crypto, AMacIsGoodForItsMessageAndKeyOnly) {
  const Mac m = mac(key(1), "message");
  EXPECT_TRUE(mac_is(m, key(1), "message"));
  EXPECT_FALSE(mac_is(m, key(1), "massage"));
  EXPECT_FALSE(mac_is(m, key(2), "message"));
  for (size_t i = 0; i < Mac::kSize; ++i) {
    Mac changed = m;
    changed.bytes[i] ^= 1;
    EXPECT_FALSE(mac_is(changed, key(1), "message")) << i;
  }
}

TEST(Crypto, PurposesHaveKeysOfTheirOwn) {
  EXPECT_EQ(derive(key(1), "a"), derive(key(1), "a"));
  EXPECT_NE(derive(key(1), "a"), derive(key(1), "b"));
  EXPECT_NE(derive(key(1), "a"), derive(key(2), "a"));
  EXPECT_NE(derive(key(1), "a"), key(1));
}

TEST(Crypto, WhatWasSealedOpensUnchangedOrNotAtAll) {
  const Nonce nonce = *Nonce::from("twenty-four bytes nonce.");
  const std::string sealed = seal(key(1), nonce, "header", "secret");
  EXPECT_EQ(sealed.size(), 6 + kSealBytes);
  EXPECT_EQ(sealed.find("secret"), std::string::npos);
  EXPECT_EQ(open(key(1), nonce, "header", sealed).value(), "secret");
  EXPECT_FALSE(open(key(2), nonce, "header", sealed).has_value());
  EXPECT_FALSE(open(key(1), *Nonce::from("twenty-four bytes nonce!"), "header", sealed).has_value());
  EXPECT_FALSE(open(key(1), nonce, "Header", sealed).has_value());
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(open(key(1), nonce, "header", changed).has_value()) << i;
    EXPECT_FALSE(open(key(1), nonce, "header", sealed.substr(0, i)).has_value()) << i;
  }
}

TEST(Crypto, SecretsOfDifferentLengthAreDifferent) {
  EXPECT_TRUE(equal_secrets("same", "same"));
  EXPECT_FALSE(equal_secrets("same", "sama"));
  EXPECT_FALSE(equal_secrets("same", "sam"));
}

}  // namespace
}  // namespace holdfast::crypto
