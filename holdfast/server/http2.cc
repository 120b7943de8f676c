#include "holdfast/server/http2.h"

#include <algorithm>
#include <cstring>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/server/grpc.h"
#include "holdfast/server/grpc_call.h"
#include "holdfast/server/http2_get.h"

namespace holdfast::server {
namespace {

constexpr int32_t kConnectionWindow = 8 << 20;
constexpr uint32_t kStreamWindow = 1 << 20;
constexpr int kMaxPingStrikes = 2;

nghttp2_nv nv(std::string_view name, std::string_view value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}
// Of literals: never copied.
nghttp2_nv fixed(std::string_view name, std::string_view value) {
  nghttp2_nv v = nv(name, value);
  v.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  return v;
}

}  // namespace

nghttp2_session_callbacks* Http2::callbacks() {
  static nghttp2_session_callbacks* const all = [] {
    nghttp2_session_callbacks* c = nullptr;
    ensure(nghttp2_session_callbacks_new(&c) == 0, "there is memory for nghttp2's callbacks");
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(c, send_body);
    return c;
  }();
  return all;
}

Http2::Http2(Shared& shared, std::function<void()> wake) : shared_(shared), wake_(std::move(wake)) {
  nghttp2_option* option = nullptr;
  ensure(nghttp2_option_new(&option) == 0, "there is memory for nghttp2's options");
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, shared.config.reset_burst, shared.config.reset_rate);
  ensure(nghttp2_session_server_new2(&session_, callbacks(), this, option) == 0, "there is memory for a session");
  nghttp2_option_del(option);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, shared.config.max_concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(shared.config.max_header_bytes)}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Http2::~Http2() {
  nghttp2_session_del(session_);
  for (Http2Stream* s : streams_) delete s;
}

Http2Stream* Http2::stream(int32_t id) {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

bool Http2::receive(std::string_view bytes) {
  const ssize_t n = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  asked_ = Time::never();
  if (n < 0) mark<"server.http2_broken">();
  return n >= 0;
}

void Http2::produce(Output& out, size_t until) {
  out_ = &out;
  until_ = until;
  while (out.unsent() < until) {
    const uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n <= 0) break;  // 0: nothing more; negative: out of memory, which ends in finished()
    out.append(std::string_view(reinterpret_cast<const char*>(data), static_cast<size_t>(n)));
  }
  out_ = nullptr;
}

bool Http2::finished() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

void Http2::send_goaway(uint32_t code, std::string_view why) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), code,
                        reinterpret_cast<const uint8_t*>(why.data()), why.size());
  wake_();
}

void Http2::go_away() {
  if (going_away_) return;
  going_away_ = true;
  send_goaway(NGHTTP2_NO_ERROR, "");
}

bool Http2::check_time(Time now, Time last_received) {
  const FaceConfig& config = shared_.config;
  if (asked_ != Time::never()) return now - asked_ < config.keepalive_timeout;
  if (now - last_received >= config.keepalive_interval) {
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    asked_ = now;
    wake_();
  }
  return true;
}

// A client may ping as often as min_ping_interval, and without limit right after we sent it something (gRPC clients
// measure the path that way). As in gRPC: one ping too many is forgiven twice.
void Http2::on_ping(Time now) {
  if (now - last_ping_ < shared_.config.min_ping_interval && ++ping_strikes_ > kMaxPingStrikes) {
    mark<"server.too_many_pings">();
    send_goaway(NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");  // the text tells gRPC clients to ping less
    nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
  }
  last_ping_ = now;
}

int Http2::on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  auto* s = new Http2Stream(self(user), frame->hd.stream_id);
  self(user).streams_.insert(s);
  nghttp2_session_set_stream_user_data(session, s->id_, s);
  return 0;
}

int Http2::on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                     const uint8_t* value, size_t value_size, uint8_t, void* user) {
  Http2Stream* s = self(user).stream(frame->hd.stream_id);
  if (s == nullptr || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers of a request mean nothing here
  return self(user).take_header(*s, {reinterpret_cast<const char*>(name), name_size},
                                {reinterpret_cast<const char*>(value), value_size});
}

int Http2::take_header(Http2Stream& s, std::string_view name, std::string_view value) {
  RequestHead& head = s.head_;
  head.bytes += name.size() + value.size() + 32;
  if (head.bytes > shared_.config.max_header_bytes) return 0;
  if (name == ":path") {
    head.method = find_method(value);
    if (head.method == nullptr) head.path = std::string(value);
  } else if (name == ":method") {
    head.is_post = value == "POST";
    if (!head.is_post) head.http_method = std::string(value);
  } else if (name == "content-type") {
    constexpr std::string_view kGrpc = "application/grpc";
    head.is_grpc = value.starts_with(kGrpc) &&
                   (value.size() == kGrpc.size() || value[kGrpc.size()] == '+' || value[kGrpc.size()] == ';');
  } else if (name == "grpc-timeout") {
    head.timeout = parse_grpc_timeout(value);
    head.bad_timeout = !head.timeout;
  } else if (name == "grpc-encoding") {
    head.compressed = value != "identity";
  } else if (name == "hasleader") {
    head.has_leader = value == "true";
  } else if (name == "client-api-version") {
    head.bad_api_version = !wire::is_utf8(value);
  }
  return 0;
}

void Http2::on_request(Http2Stream& s) {
  const RequestHead& head = s.head_;
  if (!head.is_grpc && !head.is_post) {
    s.exchange_ = std::make_unique<Http2Get>(s, head);
    return;
  }
  if (!head.is_grpc) {
    s.respond({.status = 415, .body = "gRPC requests have the content-type application/grpc\n"}, true);
    return;
  }
  if (!head.is_post) {
    s.respond({.status = 405, .body = "gRPC requests are POST\n"}, true);
    return;
  }
  std::optional<Outcome> refusal;
  if (head.bytes > shared_.config.max_header_bytes) {
    refusal = {Code::kResourceExhausted, "grpc: the request's metadata is larger than " +
                                             std::to_string(shared_.config.max_header_bytes) + " bytes"};
  } else if (head.method == nullptr) {
    refusal = unknown_method(head.path);
  } else if (head.bad_timeout) {
    refusal = {Code::kInternal, "malformed grpc-timeout"};
  } else if (head.compressed) {
    refusal = {Code::kUnimplemented, "grpc: compressed messages are not supported; send them uncompressed"};
  } else if (head.bad_api_version) {
    refusal = outcome_of(api_error("InvalidClientAPIVersion"));
  } else if (shared_.stopping) {
    refusal = outcome_of(store::Error::kStopped);
  }
  if (refusal) {
    s.finish(*refusal);
  } else {
    s.exchange_ = make_grpc_call(s, *head.method, head.has_leader, head.timeout);
  }
}

int Http2::on_data_chunk(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
  Http2& me = self(user);
  nghttp2_session_consume_connection(me.session_, size);
  Http2Stream* s = me.stream(id);
  if (s == nullptr || s->exchange_ == nullptr || s->finished_) {
    nghttp2_session_consume_stream(me.session_, id, size);
  } else {
    s->exchange_->on_data({reinterpret_cast<const char*>(data), size});
  }
  return 0;
}

int Http2::on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Http2& me = self(user);
  me.settled_ = true;
  if (frame->hd.type == NGHTTP2_PING && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) me.on_ping(Shared::now());
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  Http2Stream* s = me.stream(frame->hd.stream_id);
  if (s == nullptr) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    s->request_ended_ = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    me.on_request(*s);
  }
  if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
    s->request_ended_ = true;
    if (s->exchange_ != nullptr && !s->finished_) s->exchange_->on_end();
  }
  return 0;
}

// An answer that comes before the request is complete ends the stream: the client need not send the rest.
int Http2::on_frame_send(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  self(user).ping_strikes_ = 0;
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  Http2Stream* s = self(user).stream(frame->hd.stream_id);
  if (s != nullptr && !s->request_ended_) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id_, NGHTTP2_NO_ERROR);
  }
  return 0;
}

int Http2::on_stream_close(nghttp2_session*, int32_t id, uint32_t, void* user) {
  Http2& me = self(user);
  if (Http2Stream* s = me.stream(id)) {
    me.buffered_responses -= s->body_.size();
    me.streams_.erase(s);
    delete s;
  }
  return 0;
}

ssize_t Http2::read_body(nghttp2_session* session, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                         nghttp2_data_source* source, void*) {
  auto* s = static_cast<Http2Stream*>(source->ptr);
  const size_t n = std::min(length, s->body_.size());
  if (n == 0 && !s->finished_) {
    s->deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (n == s->body_.size() && s->finished_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (s->has_trailer_) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      if (s->outcome_.ok()) {
        const nghttp2_nv trailer[] = {fixed("grpc-status", "0")};
        nghttp2_submit_trailer(session, id, trailer, 1);
      } else {
        const std::string code = std::to_string(static_cast<int>(s->outcome_.code));
        const std::string text = percent_encode(s->outcome_.text);
        const nghttp2_nv trailer[] = {nv("grpc-status", code), nv("grpc-message", text)};
        nghttp2_submit_trailer(session, id, trailer, 2);
      }
    }
  }
  return static_cast<ssize_t>(n);
}

int Http2::send_body(nghttp2_session*, nghttp2_frame* frame, const uint8_t* frame_header, size_t length,
                     nghttp2_data_source* source, void* user) {
  Http2& me = self(user);
  auto* s = static_cast<Http2Stream*>(source->ptr);
  if (me.out_->unsent() >= me.until_) return NGHTTP2_ERR_WOULDBLOCK;  // asked again when there is room
  // Frames are never padded: no callback asks for it.
  ensure(frame->data.padlen == 0, "data frames are not padded");
  constexpr size_t kFrameHeader = 9;
  me.out_->append(std::string_view(reinterpret_cast<const char*>(frame_header), kFrameHeader));
  const bool was_full = s->body_.size() >= me.shared_.config.stream_buffer;
  s->body_.move_to(*me.out_, length);
  me.buffered_responses -= length;
  if (was_full && s->body_.size() < me.shared_.config.stream_buffer && !s->finished_ && s->exchange_ != nullptr) {
    s->exchange_->on_room();
  }
  return 0;
}

void Http2Stream::submit_header() {
  header_sent_ = true;
  static const nghttp2_nv kHeader[] = {fixed(":status", "200"), fixed("content-type", "application/grpc")};
  nghttp2_data_provider provider{{.ptr = this}, Http2::read_body};
  nghttp2_submit_response(session_.session_, id_, kHeader, std::size(kHeader), &provider);
}

void Http2Stream::send(const Chain& message) {
  if (finished_) return;
  body_.push(message);
  session_.buffered_responses += message.size();
  if (!header_sent_) submit_header();
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.session_, id_);
  }
  session_.wake_();
}

void Http2Stream::finish(const Outcome& outcome) {
  if (finished_) return;
  finished_ = true;
  if (!header_sent_) {  // a response of nothing but trailers
    header_sent_ = true;
    const std::string code = std::to_string(static_cast<int>(outcome.code));
    const std::string text = percent_encode(outcome.text);
    const nghttp2_nv header[] = {fixed(":status", "200"), fixed("content-type", "application/grpc"),
                                 nv("grpc-status", code), nv("grpc-message", text)};
    nghttp2_submit_response(session_.session_, id_, header, outcome.text.empty() ? 3 : 4, nullptr);
  } else {
    has_trailer_ = true;
    outcome_ = outcome;
    if (deferred_) {
      deferred_ = false;
      nghttp2_session_resume_data(session_.session_, id_);
    }
  }
  session_.wake_();
}

void Http2Stream::respond(const HttpAnswer& answer, bool with_body) {
  if (finished_) return;
  finished_ = header_sent_ = true;
  const std::string status = std::to_string(answer.status), size = std::to_string(answer.body.size());
  const nghttp2_nv header[] = {nv(":status", status), nv("content-type", answer.content_type),
                               nv("content-length", size)};
  nghttp2_data_provider provider{{.ptr = this}, Http2::read_body};
  if (with_body) {
    body_.push(Chain(Slice::copy_of(answer.body)));
    session_.buffered_responses += answer.body.size();
  }
  nghttp2_submit_response(session_.session_, id_, header, std::size(header), with_body ? &provider : nullptr);
  session_.wake_();
}

void Http2Stream::consumed(size_t bytes) { nghttp2_session_consume_stream(session_.session_, id_, bytes); }

}  // namespace holdfast::server
