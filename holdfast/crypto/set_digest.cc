#include "holdfast/crypto/set_digest.h"

#include <sodium.h>

#include <bit>

namespace holdfast::crypto {
namespace {

static_assert(std::endian::native == std::endian::little, "lanes are little endian, taken from the stream as they lie");

struct Expansion {
  alignas(64) std::array<uint16_t, SetDigest::kLanes> lanes;

  explicit Expansion(const Digest& element) {
    static_assert(Digest::kSize == crypto_stream_chacha20_KEYBYTES);
    static constexpr unsigned char kNonce[crypto_stream_chacha20_NONCEBYTES] = {};
    crypto_stream_chacha20(reinterpret_cast<unsigned char*>(lanes.data()), sizeof lanes, kNonce, element.data());
  }
};

}  // namespace

void SetDigest::add(const Digest& element) {
  const Expansion e(element);
  for (size_t i = 0; i < kLanes; ++i) sums_[i] = static_cast<uint16_t>(sums_[i] + e.lanes[i]);
}

void SetDigest::remove(const Digest& element) {
  const Expansion e(element);
  for (size_t i = 0; i < kLanes; ++i) sums_[i] = static_cast<uint16_t>(sums_[i] - e.lanes[i]);
}

Digest SetDigest::digest() const {
  return Hasher()
      .add(std::string_view("holdfast set"))
      .add(std::string_view(reinterpret_cast<const char*>(sums_.data()), sizeof sums_))
      .finish();
}

}  // namespace holdfast::crypto
