#include "holdfast/server/http1.h"

#include <algorithm>
#include <optional>

namespace holdfast::server {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

bool is_token(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string_view next_line(std::string_view& head) {
  const size_t end = head.find('\n');
  std::string_view line = head.substr(0, end);
  head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

// "GET /health?x HTTP/1.1". Absent when malformed.
std::optional<HttpRequest> parse_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const std::string_view method = line.substr(0, first), version = line.substr(last + 1);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const bool is_clean = std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!is_token(method) || target.empty() || target[0] != '/' || !is_clean) return std::nullopt;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
  const size_t mark = target.find('?');
  return HttpRequest{.method = std::string(method),
                     .path = std::string(target.substr(0, mark)),
                     .query = mark == std::string_view::npos ? "" : std::string(target.substr(mark + 1)),
                     .keep_alive = version == "HTTP/1.1"};
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

// etcd's JSON gateway, under all the names that it has had.
bool is_of_gateway(std::string_view path) {
  return path.starts_with("/v3/") || path.starts_with("/v3beta/") || path.starts_with("/v3alpha/");
}

}  // namespace

HttpAnswer not_found(std::string_view path) {
  if (!is_of_gateway(path)) return {.status = 404, .body = "404 page not found\n"};
  return {.status = 404, .body = "404 page not found: the JSON gateway is not supported; clients must speak gRPC\n"};
}

HttpReader::Result HttpReader::next(HttpRequest& request, HttpAnswer& refusal) {
  // Not the beginning of a method: a TLS handshake, most likely. It would never end, so its sender is told at once.
  if (!buffer_.empty() && !is_token(std::string_view(buffer_).substr(0, 1))) {
    const bool tls = buffer_[0] == '\x16';
    refusal = {.status = 400,
               .body = tls ? "this port does not speak TLS; use http://\n" : "this is not an HTTP/1.1 request line\n"};
    return Result::kBad;
  }
  const size_t crlf = buffer_.find("\r\n\r\n");
  if (crlf == std::string::npos || crlf + 4 > kMaxHeadBytes) {
    if (buffer_.size() <= kMaxHeadBytes && crlf == std::string::npos) return Result::kMore;
    refusal = {.status = 431, .body = "the request's header is larger than 16 KiB\n"};
    return Result::kBad;
  }
  std::string_view head = std::string_view(buffer_).substr(0, crlf + 2);
  const auto refuse = [&](int status, std::string why) {
    refusal = {.status = status, .body = std::move(why)};
    return Result::kBad;
  };
  std::optional<HttpRequest> parsed = parse_request_line(next_line(head));
  if (!parsed) return refuse(400, "this is not an HTTP/1.1 request line\n");
  while (!head.empty()) {
    const std::string_view line = next_line(head);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return refuse(400, "malformed header line\n");
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (equal_ignoring_case(name, "connection")) {
      if (equal_ignoring_case(value, "close")) parsed->keep_alive = false;
      if (equal_ignoring_case(value, "keep-alive")) parsed->keep_alive = true;
    } else if (equal_ignoring_case(name, "transfer-encoding") ||
               (equal_ignoring_case(name, "content-length") && value != "0")) {
      // Somebody who talks to the gateway should learn that there is none, not that it takes no body.
      if (is_of_gateway(parsed->path)) {
        refusal = not_found(parsed->path);
        return Result::kBad;
      }
      return refuse(413, "requests over HTTP/1.1 have no body here; to read and write keys, speak gRPC\n");
    }
  }
  request = std::move(*parsed);
  buffer_.erase(0, crlf + 4);
  return Result::kRequest;
}

std::string render_http(const HttpAnswer& answer, bool keep_alive, bool with_body) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + ' ';
  out += reason_of(answer.status);
  out += "\r\nContent-Type: " + answer.content_type + "\r\nContent-Length: " + std::to_string(answer.body.size());
  if (answer.status == 405) out += "\r\nAllow: GET, HEAD";
  out += "\r\nX-Content-Type-Options: nosniff";
  out += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  if (with_body) out += answer.body;
  return out;
}

std::string query_value(std::string_view query, std::string_view key, bool* found) {
  if (found != nullptr) *found = false;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) != key) continue;
    if (found != nullptr) *found = true;
    if (equals == std::string_view::npos) return "";
    std::string value;
    for (size_t i = equals + 1; i < pair.size(); ++i) {
      const auto hex = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
      };
      if (pair[i] == '%' && i + 2 < pair.size() && hex(pair[i + 1]) >= 0 && hex(pair[i + 2]) >= 0) {
        value.push_back(static_cast<char>(hex(pair[i + 1]) * 16 + hex(pair[i + 2])));
        i += 2;
      } else {
        value.push_back(pair[i] == '+' ? ' ' : pair[i]);
      }
    }
    return value;
  }
  return "";
}

}  // namespace holdfast::server
