// The URLs that members listen on and advertise, as the flags give them: http://HOST:PORT, separated by commas. A peer
// URL may carry the member's public key: http://KEY@HOST:PORT.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/base/status.h"

namespace holdfast::cli {

struct Url {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 0;
  std::string key{};  // 64 lower-case hexadecimal digits; empty: none

  std::string authority() const;  // "host:port", an IPv6 address in brackets
  std::string text() const { return "http://" + (key.empty() ? "" : key + "@") + authority(); }
  bool is_unspecified() const { return host == "0.0.0.0" || host == "::"; }
  bool operator==(const Url&) const = default;
};

// InvalidArgument, saying what is wrong with the text, for anything but http://HOST:PORT (a slash may follow).
StatusOr<Url> parse_url(std::string_view text);

// The same for a peer URL, which may carry a key.
StatusOr<Url> parse_peer_url(std::string_view text);

// One or more URLs separated by commas, read by `parse`; a repeated one is an error.
StatusOr<std::vector<Url>> parse_urls(std::string_view text, StatusOr<Url> (*parse)(std::string_view) = parse_url);

// A URL to bind to names an IP address or localhost: a name could resolve to another machine.
Status check_bindable(const Url& url);

std::string join_urls(const std::vector<Url>& urls);

}  // namespace holdfast::cli
