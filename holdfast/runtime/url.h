// The URLs by which members and clients are reached: http://HOST:PORT, nothing else; and that of a member whose words
// are believed by its signature: http://KEY@HOST:PORT.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "holdfast/base/status.h"

namespace holdfast::runtime {

struct Url {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  uint16_t port = 0;
  std::string key{};  // the member's public key, 64 lower-case hexadecimal digits; empty: none
};

// kInvalidArgument: the text says what is wrong and how it should look. Neither a path, a query nor credentials are
// accepted; a single trailing slash is. kUnimplemented: a scheme that is known but not served (https, unix).
StatusOr<Url> parse_url(std::string_view text);
// As other members reach a member: the same, and it may carry a key.
StatusOr<Url> parse_peer_url(std::string_view text);

}  // namespace holdfast::runtime
