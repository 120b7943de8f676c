// GET of an HTTP endpoint on an HTTP/2 stream.
#pragma once

#include "holdfast/base/mark.h"
#include "holdfast/server/endpoints.h"
#include "holdfast/server/http2.h"

namespace holdfast::server {

class Http2Get : public Exchange {
 public:
  Http2Get(Http2Stream& stream, const RequestHead& head) : stream_(stream) {
    const size_t question = head.path.find('?');
    request_ = {.method = head.http_method,
                .path = head.method != nullptr ? std::string(head.method->path) : head.path.substr(0, question),
                .query = question == std::string::npos ? "" : head.path.substr(question + 1)};
  }
  void on_data(std::string_view bytes) override { stream_.consumed(bytes.size()); }
  void on_end() override {
    // A request of a few bytes can ask for a large answer, and hundreds of requests arrive in one read.
    if (stream_.session().buffered_responses > kMaxBufferedAnswers) {
      mark<"server.http2_answers_not_taken">();
      return stream_.respond({.status = 503, .body = "too many answers wait to be read on this connection\n"}, true);
    }
    pending_ = answer_get(stream_.session().shared(), request_,
                          [this](const HttpAnswer& answer) { stream_.respond(answer, request_.method != "HEAD"); });
  }

 private:
  static constexpr size_t kMaxBufferedAnswers = size_t{1} << 20;
  Http2Stream& stream_;
  HttpRequest request_;
  std::unique_ptr<PendingAnswer> pending_;
};

}  // namespace holdfast::server
