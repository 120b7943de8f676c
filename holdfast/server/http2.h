// The server's side of one HTTP/2 connection (RFC 9113), by nghttp2: streams, flow control, limits.
//
// What a stream is for decides its exchange: a gRPC call, or a GET of an HTTP endpoint. The session never reads or
// writes a socket: bytes come in through receive() and go out through produce().
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "holdfast/server/http1.h"
#include "holdfast/server/output.h"
#include "holdfast/server/protocol.h"
#include "holdfast/server/shared.h"

namespace holdfast::server {

class Http2;
class Http2Stream;

// One request and its answer, on one stream.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Bytes of the request's body. The exchange calls Http2Stream::consumed() for them, at once or later.
  virtual void on_data(std::string_view bytes) = 0;
  virtual void on_end() = 0;  // the request is complete
  // The stream holds less than FaceConfig::stream_buffer of unsent body again.
  virtual void on_room() {}
};

// What the header of a request said.
struct RequestHead {
  const Method* method = nullptr;  // null: not one of ours
  bool is_post = false;
  bool is_grpc = false;  // by its content type
  bool has_leader = false;
  bool bad_timeout = false;
  bool bad_api_version = false;
  bool compressed = false;
  std::optional<Duration> timeout;
  std::string path;         // when method is null
  std::string http_method;  // when not POST
  size_t bytes = 0;
};

class Http2Stream {
 public:
  Http2Stream(Http2& session, int32_t id) : session_(session), id_(id) {}

  // --- For its exchange ---
  void send(const Chain& message);                         // sends the response's header first if need be
  void finish(const Outcome& outcome);                     // gRPC: ends with trailers. Once.
  void respond(const HttpAnswer& answer, bool with_body);  // HTTP: the whole answer
  void consumed(size_t bytes);
  size_t unsent() const { return body_.size(); }
  Http2& session() { return session_; }
  bool finished() const { return finished_; }

 private:
  friend class Http2;
  void submit_header();

  Http2& session_;
  const int32_t id_;
  RequestHead head_;
  std::unique_ptr<Exchange> exchange_;
  Body body_;
  bool header_sent_ = false;
  bool finished_ = false;  // nothing is added to the body any more
  bool has_trailer_ = false;
  bool deferred_ = false;  // nghttp2 waits for resume
  bool request_ended_ = false;
  Outcome outcome_;
};

class Http2 : public Protocol {
 public:
  // `wake`: there may be something to produce.
  Http2(Shared& shared, std::function<void()> wake);
  ~Http2() override;

  bool receive(std::string_view bytes) override;
  void produce(Output& out, size_t until) override;
  bool finished() const override;
  void go_away() override;
  bool drained() const override { return buffered_responses == 0; }
  bool on_end() override { return false; }
  bool check_time(Time now, Time last_received) override;
  bool settled() const override { return settled_; }

  Shared& shared() { return shared_; }
  // Bytes of incomplete requests, and of responses that were not taken yet, over all streams.
  size_t buffered_requests = 0;
  size_t buffered_responses = 0;

 private:
  friend class Http2Stream;
  static Http2& self(void* user) { return *static_cast<Http2*>(user); }
  Http2Stream* stream(int32_t id);
  void on_request(Http2Stream& s);
  void on_ping(Time now);
  int take_header(Http2Stream& s, std::string_view name, std::string_view value);
  void send_goaway(uint32_t code, std::string_view why);

  static nghttp2_session_callbacks* callbacks();
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t flags, void* user);
  static int on_data_chunk(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t size, void* user);
  static int on_frame_recv(nghttp2_session*, const nghttp2_frame*, void* user);
  static int on_frame_send(nghttp2_session*, const nghttp2_frame*, void* user);
  static int on_stream_close(nghttp2_session*, int32_t id, uint32_t code, void* user);
  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t*, size_t length, uint32_t* flags, nghttp2_data_source*,
                           void* user);
  static int send_body(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header, size_t length,
                       nghttp2_data_source*, void* user);

  Shared& shared_;
  std::function<void()> wake_;
  nghttp2_session* session_ = nullptr;
  absl::flat_hash_set<Http2Stream*> streams_;
  Output* out_ = nullptr;  // while producing,
  size_t until_ = 0;       // up to this many bytes
  bool settled_ = false;   // a first frame has come
  bool going_away_ = false;
  Time last_ping_;  // the client's
  int ping_strikes_ = 0;
  Time asked_ = Time::never();  // when we sent a ping that is not answered
};

}  // namespace holdfast::server
