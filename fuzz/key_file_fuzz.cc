// Any bytes as a key file and as a peer URL, and good ones that were changed. What is read is written back as it was,
// and nothing changed is read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "holdfast/base/assert.h"
#include "holdfast/base/random.h"
#include "holdfast/runtime/key_file.h"
#include "holdfast/runtime/url.h"

namespace {

using namespace holdfast;           // NOLINT: a program of one page
using namespace holdfast::runtime;  // NOLINT

void any_bytes(const std::string& bytes) {
  if (const auto seed = parse_key_file(bytes); seed.ok()) {
    ensure(key_file_text(*seed) == bytes, "a key file has one form");
  }
  if (const auto url = parse_peer_url(bytes); url.ok()) {
    ensure(url->key.empty() || url->key.size() == 64, "a key is 64 digits or none");
    ensure(url->host.find('@') == std::string::npos, "what is dialed has no key in it");
  }
  (void)key_in({bytes, "http://a:1"});
}

void changed(Random& random) {
  crypto::Seed seed;
  for (uint8_t& byte : seed.bytes) byte = static_cast<uint8_t>(random.next());
  std::string text = key_file_text(seed);
  ensure(parse_key_file(text).ok() && *parse_key_file(text) == seed, "what was written is read");
  const size_t at = random.below(text.size());
  const char before = text[at];
  text[at] = static_cast<char>(text[at] ^ static_cast<char>(1 + random.below(255)));
  const auto again = parse_key_file(text);
  const bool same_digit = (before ^ text[at]) == 0x20;  // upper case for lower case
  ensure(!again.ok() || (same_digit && *again == seed), "what was changed is not read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  any_bytes(std::string(reinterpret_cast<const char*>(data), size));
  Random random(data[0]);
  changed(random);
  return 0;
}
