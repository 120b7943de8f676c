#include "holdfast/runtime/url.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace holdfast::runtime {
namespace {

Status bad(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("\"{}\" {}; write it as http://HOST:PORT", text, what));
}

bool host_characters(std::string_view host, bool v6) {
  return std::all_of(host.begin(), host.end(), [v6](char c) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alphanumeric || c == '.' || (v6 ? c == ':' || c == '%' : c == '-' || c == '_');
  });
}

constexpr size_t kKeyDigits = 64;
constexpr std::string_view kScheme = "http://";

}  // namespace

StatusOr<Url> parse_peer_url(std::string_view text) {
  const size_t at = text.find('@');
  if (!text.starts_with(kScheme) || at == std::string_view::npos) return parse_url(text);
  const std::string_view key = text.substr(kScheme.size(), at - kScheme.size());
  const bool digits =
      std::all_of(key.begin(), key.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (key.size() != kKeyDigits || !digits) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" has before the @ something other than the 64 digits of a key; "
                    "write it as http://KEY@HOST:PORT",
                    text));
  }
  const StatusOr<Url> url = parse_url(fmt::format("{}{}", kScheme, text.substr(at + 1)));
  if (!url.ok()) return url.status();
  return Url{url->host, url->port, std::string(key)};
}

StatusOr<Url> parse_url(std::string_view text) {
  for (const std::string_view scheme : {"https://", "unix://", "unixs://"}) {
    if (text.starts_with(scheme)) {
      return absl::UnimplementedError(
          fmt::format("\"{}\": the scheme {} is not supported, only http:// is", text, scheme));
    }
  }
  std::string_view rest = text;
  if (!rest.starts_with(kScheme)) return bad(text, "does not begin with http://");
  rest.remove_prefix(kScheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") != std::string_view::npos) return bad(text, "has more than a host and a port");

  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || (rest.starts_with('[') && rest.ends_with(']'))) {
    return bad(text, "has no port");
  }
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  const bool v6 = host.starts_with('[') && host.ends_with(']');
  if (v6) host = host.substr(1, host.size() - 2);
  if (host.empty()) return bad(text, "has no host");
  if (!host_characters(host, v6)) return bad(text, "has a host with characters that no host has");

  Url url;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || end != port.data() + port.size()) return bad(text, "has a port that is not 0 to 65535");
  url.host = std::string(host);
  return url;
}

}  // namespace holdfast::runtime
