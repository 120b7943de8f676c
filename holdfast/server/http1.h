// As much of HTTP/1.1 (RFC 9112) as probes and scrapers need: GET and HEAD without a body, one answer per request,
// keep-alive. Everything is bounded; what is not understood is refused and the connection closed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::server {

// Answers of the endpoints, whatever the protocol that carries them.
struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// One request, its target split at '?'.
struct HttpRequest {
  std::string method;
  std::string path;
  std::string query;
  bool keep_alive = true;
};

// Collects the bytes of requests and cuts out their heads.
class HttpReader {
 public:
  static constexpr size_t kMaxHeadBytes = 16 << 10;

  enum class Result { kRequest, kMore, kBad };
  void add(std::string_view bytes) { buffer_.append(bytes); }
  // kBad: `refusal` says what to answer before closing.
  Result next(HttpRequest& request, HttpAnswer& refusal);
  size_t buffered() const { return buffer_.size(); }

 private:
  std::string buffer_;
};

// 404; below /v3 it says that there is no JSON gateway.
HttpAnswer not_found(std::string_view path);

// The bytes of an answer. `with_body`: not for HEAD.
std::string render_http(const HttpAnswer& answer, bool keep_alive, bool with_body);

// The value of a key in a query string; `found` tells an empty one from none. Percent-encoding is undone.
std::string query_value(std::string_view query, std::string_view key, bool* found = nullptr);

}  // namespace holdfast::server
