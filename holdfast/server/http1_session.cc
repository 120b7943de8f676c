#include "holdfast/server/http1_session.h"

#include "holdfast/base/mark.h"

namespace holdfast::server {
namespace {

// Answers that are made before the client takes those that came before. A request of a few bytes can ask for a large
// one, and hundreds of requests arrive in one read.
constexpr size_t kReadyBytes = 64 << 10;
constexpr size_t kMaxPipelinedBytes = 512 << 10;

}  // namespace

bool Http1::receive(std::string_view bytes) {
  if (last_) return true;  // nothing more is heard
  // Pipelined requests wait for the present answer, and for earlier ones to be taken.
  const size_t room = answering_ ? HttpReader::kMaxHeadBytes : kMaxPipelinedBytes;
  if (reader_.buffered() + bytes.size() > room) return false;
  reader_.add(bytes);
  if (!answering_) serve_next();
  return true;
}

void Http1::serve_next() {
  while (!last_ && !answering_) {
    if (ready_.size() >= kReadyBytes) return mark<"server.http1_answers_wait">();
    HttpRequest request;
    HttpAnswer refusal;
    switch (reader_.next(request, refusal)) {
      case HttpReader::Result::kMore:
        return;
      case HttpReader::Result::kBad:
        last_ = true;
        ready_ += render_http(refusal, false, true);
        return;
      case HttpReader::Result::kRequest:
        break;
    }
    settled_ = true;
    answering_ = true;
    pending_.reset();
    pending_ = answer_get(shared_, request, [this, request](const HttpAnswer& a) { answer(a, request); });
  }
}

void Http1::answer(const HttpAnswer& answer, const HttpRequest& request) {
  answering_ = false;
  last_ = last_ || !request.keep_alive;
  ready_ += render_http(answer, !last_, request.method != "HEAD");
  wake_();
}

void Http1::produce(Output& out, size_t until) {
  while (out.unsent() < until) {
    out.append(ready_);
    ready_.clear();
    if (!answering_) serve_next();
    if (ready_.empty()) return;
  }
}

bool Http1::check_time(Time now, Time last_received) {
  return answering_ || now - last_received < shared_.config.idle_timeout;
}

}  // namespace holdfast::server
