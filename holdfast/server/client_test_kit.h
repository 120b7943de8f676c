// A server on a loopback port and clients that speak HTTP/2, or anything, to it; all on one thread, so that a test
// steps through what happens. Waiting is for events, within a generous bound.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "holdfast/server/face.h"
#include "holdfast/server/store_port_test_kit.h"
#include "holdfast/server/wire_messages.h"

namespace holdfast::server {

class TestServer {
 public:
  explicit TestServer(const FaceConfig& config = {}) : face(loop, port, metrics, config) {
    port.set_clients(&face);
    EXPECT_TRUE(face.listen("127.0.0.1", 0).ok());
    lead(NodeId(0x11));
  }
  void lead(NodeId leader) {
    face.on_role_changed({.role = leader == NodeId(0x11) ? consensus::Role::kLeader : consensus::Role::kFollower,
                          .term = consensus::Term(3),
                          .leader = leader});
  }
  uint16_t tcp_port() const { return face.ports()[0]; }
  // Runs the loop and `pump` until `done`.
  bool run_until(
      const std::function<bool()>& done, const std::function<void()>& pump = [] {}) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);  // under a sanitizer, too
    while (std::chrono::steady_clock::now() < end) {
      pump();
      if (done()) return true;
      if (loop.poll() == 0) loop.run_one_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  asio::io_context loop{1};
  StorePort port;
  runtime::Metrics metrics;
  Face face;
};

// A TCP connection, non-blocking.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int small = 64 << 10;  // so that a client that does not read is soon felt
    const int at_once = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~RawClient() { hang_up(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void hang_up() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void end() { ::shutdown(fd_, SHUT_WR); }
  void send(std::string_view bytes) { to_send.append(bytes); }
  void pump() {
    if (fd_ < 0) return;
    while (!to_send.empty()) {
      const ssize_t n = ::send(fd_, to_send.data(), to_send.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) break;
      to_send.erase(0, static_cast<size_t>(n));
    }
    char buffer[16384];
    while (reads) {
      const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n > 0) received.append(buffer, static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN)) closed = true;
      if (n <= 0) break;
    }
  }

  std::string to_send;
  std::string received;
  bool closed = false;  // by the server
  bool reads = true;

 private:
  int fd_;
};

// What came back on one stream.
struct Answer {
  std::multimap<std::string, std::string> headers;  // trailers as well
  std::string body;
  bool closed = false;
  uint32_t reset = 0;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  int grpc_status() const { return header("grpc-status").empty() ? -1 : std::stoi(header("grpc-status")); }
  // The complete messages so far.
  std::vector<std::string> messages() const {
    std::vector<std::string> all;
    for (size_t at = 0; at + 5 <= body.size();) {
      size_t size = 0;
      for (int i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(body[at + static_cast<size_t>(i)]);
      if (at + 5 + size > body.size()) break;
      all.push_back(body.substr(at + 5, size));
      at += 5 + size;
    }
    return all;
  }
};

inline std::string grpc_frame(std::string_view message, char flag = 0) {
  std::string frame(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(message.size() >> shift));
  return frame.append(message);
}
template <class T>
std::string grpc_message(const T& value) {
  wire::Writer w;
  if constexpr (wire::Message<T>) {
    wire::write_fields(w, value);
  } else {
    write_message(w, value);
  }
  return w.finish_grpc().flatten().str();
}

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// An HTTP/2 client.
class Http2Client {
 public:
  explicit Http2Client(TestServer& server) : server_(server), raw(server.tcp_port()) {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, 100'000);
    nghttp2_session_client_new2(&session, c, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(c);
    nghttp2_submit_settings(session, 0, nullptr, 0);
  }
  ~Http2Client() { nghttp2_session_del(session); }

  // Begins a request whose body is `bodies[id]`, sent as far as it is there; `end` closes it.
  int32_t begin(const std::string& path, const std::string& body, bool end, const HeaderList& extra = {},
                const std::string& method = "POST", const std::string& content_type = "application/grpc") {
    HeaderList headers = {{":method", method}, {":scheme", "http"}, {":path", path}, {":authority", "localhost"}};
    if (!content_type.empty()) headers.push_back({"content-type", content_type});
    headers.push_back({"te", "trailers"});
    for (const auto& h : extra) headers.push_back(h);
    std::vector<nghttp2_nv> nvs;
    for (auto& [name, value] : headers) {
      nvs.push_back({reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(value.data()), name.size(),
                     value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    nghttp2_data_provider provider{{.ptr = this}, read_body};
    const bool has_body = !body.empty() || !end;
    const int32_t id =
        nghttp2_submit_request(session, nullptr, nvs.data(), nvs.size(), has_body ? &provider : nullptr, this);
    EXPECT_GT(id, 0);
    bodies[id] = body;
    ended[id] = end;
    return id;
  }
  void more(int32_t id, const std::string& bytes, bool end = false) {
    bodies[id] += bytes;
    ended[id] = end;
    nghttp2_session_resume_data(session, id);
  }
  void reset(int32_t id) { nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_CANCEL); }

  void pump() {
    while (true) {
      const uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session, &data);
      if (n <= 0) break;
      raw.send({reinterpret_cast<const char*>(data), static_cast<size_t>(n)});
    }
    raw.pump();
    if (!raw.received.empty()) {
      nghttp2_session_mem_recv(session, reinterpret_cast<const uint8_t*>(raw.received.data()), raw.received.size());
      raw.received.clear();
    }
  }
  bool run_until(const std::function<bool()>& done) {
    return server_.run_until(done, [this] { pump(); });
  }
  // A whole unary exchange.
  Answer call(const std::string& path, const std::string& framed, const HeaderList& extra = {}) {
    const int32_t id = begin(path, framed, true, extra);
    EXPECT_TRUE(run_until([&] { return answers[id].closed || raw.closed; })) << path;
    return answers[id];
  }
  template <class Response, class Request>
  Response call_ok(const std::string& path, const Request& request) {
    const Answer answer = call(path, grpc_message(request));
    EXPECT_EQ(answer.grpc_status(), 0) << path << ": " << answer.header("grpc-message");
    Response response{};
    EXPECT_EQ(answer.messages().size(), 1u);
    if (!answer.messages().empty()) {
      EXPECT_EQ(wire::parse(Slice::copy_of(answer.messages()[0]), response), wire::Problem::kNone);
    }
    return response;
  }

 private:
  TestServer& server_;

 public:
  RawClient raw;
  nghttp2_session* session = nullptr;
  std::map<int32_t, Answer> answers;
  std::map<int32_t, std::string> bodies;
  std::map<int32_t, bool> ended;
  bool grants_window = true;  // gives back what it has received
  uint32_t goaway = ~0u;
  std::string goaway_text;

 private:
  static Http2Client& self(void* user) { return *static_cast<Http2Client*>(user); }
  static ssize_t read_body(nghttp2_session*, int32_t id, uint8_t* to, size_t room, uint32_t* flags,
                           nghttp2_data_source*, void* user) {
    std::string& body = self(user).bodies[id];
    const size_t n = std::min(room, body.size());
    body.copy(reinterpret_cast<char*>(to), n);
    body.erase(0, n);
    if (body.empty() && self(user).ended[id]) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (n == 0 && !self(user).ended[id]) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(n);
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void* user) {
    self(user).answers[frame->hd.stream_id].headers.emplace(
        std::string(reinterpret_cast<const char*>(name), name_size),
        std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
    self(user).answers[id].body.append(reinterpret_cast<const char*>(data), size);
    nghttp2_session_consume_connection(session, size);
    if (self(user).grants_window) nghttp2_session_consume_stream(session, id, size);
    return 0;
  }
  static int on_close(nghttp2_session*, int32_t id, uint32_t code, void* user) {
    self(user).answers[id].closed = true;
    self(user).answers[id].reset = code;
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self(user).goaway = frame->goaway.error_code;
      self(user).goaway_text.append(reinterpret_cast<const char*>(frame->goaway.opaque_data),
                                    frame->goaway.opaque_data_len);
    }
    return 0;
  }
};

}  // namespace holdfast::server
