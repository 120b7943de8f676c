#include "holdfast/cli/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include "holdfast/cli/text.h"

namespace holdfast::cli {
namespace {

Status bad(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(cat("\"", text, "\" ", why));
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_ip_address(const std::string& host) {
  in_addr v4;
  in6_addr v6;
  const std::string without_zone = host.substr(0, host.find('%'));
  return inet_pton(AF_INET, host.c_str(), &v4) == 1 || inet_pton(AF_INET6, without_zone.c_str(), &v6) == 1;
}

}  // namespace

std::string Url::authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? cat("[", host, "]:", port) : cat(host, ":", port);
}

StatusOr<Url> parse_url(std::string_view text) {
  if (text.empty()) return bad(text, "is empty; write http://HOST:PORT");
  if (text.starts_with("https://")) {
    return bad(text, "asks for TLS, which Holdfast does not support yet; use http:// on a network you trust");
  }
  if (text.starts_with("unix:") || text.starts_with("unixs:")) {
    return bad(text, "is a Unix socket, which Holdfast does not support yet; write http://HOST:PORT");
  }
  std::string_view rest = text;
  if (!rest.starts_with("http://")) return bad(text, "does not start with http://; write http://HOST:PORT");
  rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") != std::string_view::npos) {
    return bad(text, "has more than a host and a port; write http://HOST:PORT");
  }
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.ends_with("]")) {
    return bad(text, "names no port; write http://HOST:PORT");
  }
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  Url url;
  if (host.starts_with("[") && host.ends_with("]")) {
    url.host = std::string(host.substr(1, host.size() - 2));
    if (!is_ip_address(url.host)) return bad(text, "has something other than an IPv6 address in its brackets");
  } else {
    url.host = std::string(host);
    if (url.host.find(':') != std::string::npos) return bad(text, "needs brackets around its IPv6 address");
    if (!std::all_of(host.begin(), host.end(), is_host_character)) return bad(text, "has a malformed host name");
  }
  if (url.host.empty()) return bad(text, "names no host; write http://HOST:PORT (0.0.0.0 listens on every address)");
  if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos) {
    return bad(text, cat("has the port \"", port, "\", which is not a number"));
  }
  url.port = parse_number<uint16_t>(port).value_or(0);
  if (url.port == 0) {
    return bad(text, cat("has the port ", port, ", which is out of range; ports go from 1 to 65535"));
  }
  return url;
}

StatusOr<Url> parse_peer_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const size_t at = text.find('@');
  if (!text.starts_with(kScheme) || at == std::string_view::npos) return parse_url(text);
  const std::string_view key = text.substr(kScheme.size(), at - kScheme.size());
  if (key.size() != 64 || key.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return bad(text,
               "has before the @ something other than a member's key, which is 64 digits as `holdfast key show FILE` "
               "prints them; write http://KEY@HOST:PORT");
  }
  const StatusOr<Url> url = parse_url(cat(kScheme, text.substr(at + 1)));
  if (!url.ok()) return url.status();
  return Url{url->host, url->port, std::string(key)};
}

StatusOr<std::vector<Url>> parse_urls(std::string_view text, StatusOr<Url> (*parse)(std::string_view)) {
  std::vector<Url> urls;
  for (std::string_view part : split(text, ',')) {
    StatusOr<Url> url = parse(trim(part));
    if (!url.ok()) return url.status();
    if (std::find(urls.begin(), urls.end(), *url) != urls.end()) {
      return bad(text, cat("names ", url->text(), " twice"));
    }
    urls.push_back(*std::move(url));
  }
  return urls;
}

Status check_bindable(const Url& url) {
  if (url.host == "localhost" || is_ip_address(url.host)) return absl::OkStatus();
  return bad(url.text(), "cannot be listened on: write an IP address or localhost as host (0.0.0.0 for every address)");
}

std::string join_urls(const std::vector<Url>& urls) {
  std::vector<std::string> texts;
  for (const Url& url : urls) texts.push_back(url.text());
  return join(texts, ",");
}

}  // namespace holdfast::cli
