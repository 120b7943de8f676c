// The empty handler on nghttp2 with our own gRPC framing, one event loop.
// Usage: rpc_face_lean PORT [protobuf|wire]
//   protobuf: requests and responses are protobuf objects on an arena
//   wire:     the handler reads and writes wire bytes directly, without objects in between
#include <google/protobuf/arena.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <asio.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "rpc.pb.h"

namespace {

bool use_protobuf = true;

struct Stream {
  int32_t id = 0;
  bool is_range = false;
  std::string in;
  std::string out;
  size_t sent = 0;
};

nghttp2_nv nv(const char* name, const char* value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name)), reinterpret_cast<uint8_t*>(const_cast<char*>(value)),
          std::strlen(name), std::strlen(value), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

void put_varint(std::string& out, uint64_t v) {
  while (v >= 128) {
    out.push_back(static_cast<char>(v | 128));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}
void put_field(std::string& out, int number, uint64_t v) {
  out.push_back(static_cast<char>(number << 3));
  put_varint(out, v);
}
void put_bytes(std::string& out, int number, std::string_view bytes) {
  out.push_back(static_cast<char>(number << 3 | 2));
  put_varint(out, bytes.size());
  out.append(bytes);
}

constexpr std::string_view kValue = "a value of some thirty-two bytes";

bool handle_wire(std::string_view request, std::string& out) {
  std::string_view key;
  const char* p = request.data();
  const char* end = p + request.size();
  auto varint = [&](uint64_t& v) {
    v = 0;
    for (int shift = 0; shift < 64 && p < end; shift += 7) {
      const uint8_t b = static_cast<uint8_t>(*p++);
      v |= static_cast<uint64_t>(b & 127) << shift;
      if (b < 128) return true;
    }
    return false;
  };
  while (p < end) {
    uint64_t tag = 0, v = 0;
    if (!varint(tag) || !varint(v)) return false;
    if ((tag & 7) == 2) {
      if (v > static_cast<uint64_t>(end - p)) return false;
      if (tag >> 3 == 1) key = {p, static_cast<size_t>(v)};
      p += v;
    } else if ((tag & 7) != 0) {
      return false;
    }
  }
  std::string header, kv;
  put_field(header, 1, 0xcdf818194e3a8c32);
  put_field(header, 2, 0x8e9e05c52164694d);
  put_field(header, 3, 123456);
  put_field(header, 4, 7);
  put_bytes(kv, 1, key);
  put_field(kv, 2, 1000);
  put_field(kv, 3, 2000);
  put_field(kv, 4, 3);
  put_bytes(kv, 5, kValue);
  out.resize(5);
  put_bytes(out, 1, header);
  put_bytes(out, 2, kv);
  put_field(out, 4, 1);
  return true;
}

bool handle_protobuf(std::string_view in, std::string& out) {
  alignas(8) char first[2048];
  google::protobuf::ArenaOptions options;
  options.initial_block = first;
  options.initial_block_size = sizeof(first);
  google::protobuf::Arena arena(options);
  auto* request = google::protobuf::Arena::CreateMessage<etcdserverpb::RangeRequest>(&arena);
  auto* response = google::protobuf::Arena::CreateMessage<etcdserverpb::RangeResponse>(&arena);
  if (!request->ParseFromArray(in.data(), static_cast<int>(in.size()))) return false;
  auto* header = response->mutable_header();
  header->set_cluster_id(0xcdf818194e3a8c32);
  header->set_member_id(0x8e9e05c52164694d);
  header->set_revision(123456);
  header->set_raft_term(7);
  auto* kv = response->add_kvs();
  kv->set_key(request->key());
  kv->set_create_revision(1000);
  kv->set_mod_revision(2000);
  kv->set_version(3);
  kv->set_value(kValue.data(), kValue.size());
  response->set_count(1);
  const size_t size = response->ByteSizeLong();
  out.resize(5 + size);
  response->SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out.data() + 5));
  return true;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(asio::ip::tcp::socket socket) : socket_(std::move(socket)) {
    socket_.set_option(asio::ip::tcp::no_delay(true));
    socket_.non_blocking(true);
    socket_.native_non_blocking(true);
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_session_server_new2(&session_, c, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(c);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100000},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
    nghttp2_submit_settings(session_, 0, settings, 2);
    nghttp2_session_set_local_window_size(session_, 0, 0, 1 << 24);
  }
  ~Connection() { nghttp2_session_del(session_); }

  void start() {
    flush();
    wait();
  }

 private:
  void wait() {
    socket_.async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this()](const asio::error_code& e) {
      if (!e) self->readable();
    });
  }
  void readable() {
    static std::vector<uint8_t> buffer(256 << 10);
    const ssize_t n = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return;
    if (n > 0 && nghttp2_session_mem_recv(session_, buffer.data(), static_cast<size_t>(n)) < 0) return;
    if (flush()) wait();
  }
  bool flush() {
    while (true) {
      const uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_, &data);
      if (n < 0) return false;
      if (n == 0) break;
      out_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
    }
    size_t sent = 0;
    while (sent < out_.size()) {  // the load client always reads; a full socket is not part of this measurement
      const ssize_t n = ::send(socket_.native_handle(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<size_t>(n);
      if (n < 0 && errno != EAGAIN) return false;
    }
    out_.clear();
    return true;
  }
  Stream* take() {
    if (free_.empty()) return new Stream;
    Stream* s = free_.back();
    free_.pop_back();
    return s;
  }
  static Connection* self(void* user) { return static_cast<Connection*>(user); }
  static Stream* stream(nghttp2_session* session, int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Stream* s = self(user)->take();
    s->id = frame->hd.stream_id;
    s->is_range = false;
    s->in.clear();
    s->sent = 0;
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
  }
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void*) {
    if (name_size == 5 && std::memcmp(name, ":path", 5) == 0) {
      const std::string_view path(reinterpret_cast<const char*>(value), value_size);
      stream(session, frame->hd.stream_id)->is_range = path == "/etcdserverpb.KV/Range";
    }
    return 0;
  }
  static int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size, void*) {
    stream(session, id)->in.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void*) {
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
      return 0;
    Stream* s = stream(session, frame->hd.stream_id);
    if (s == nullptr || !s->is_range || s->in.size() < 5) return NGHTTP2_ERR_CALLBACK_FAILURE;
    const std::string_view message = std::string_view(s->in).substr(5);
    if (!(use_protobuf ? handle_protobuf(message, s->out) : handle_wire(message, s->out)))
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    const uint32_t size = static_cast<uint32_t>(s->out.size() - 5);
    s->out[0] = 0;
    for (int i = 0; i < 4; ++i) s->out[1 + i] = static_cast<char>(size >> (24 - 8 * i));
    static const nghttp2_nv headers[] = {nv(":status", "200"), nv("content-type", "application/grpc")};
    nghttp2_data_provider provider{{.ptr = s}, read_body};
    nghttp2_submit_response(session, s->id, headers, 2, &provider);
    return 0;
  }
  static ssize_t read_body(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t length, uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    Stream* s = static_cast<Stream*>(source->ptr);
    const size_t n = std::min(length, s->out.size() - s->sent);
    std::memcpy(buffer, s->out.data() + s->sent, n);
    s->sent += n;
    if (s->sent == s->out.size()) {
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      static const nghttp2_nv trailer[] = {nv("grpc-status", "0"), nv("grpc-message", "")};
      nghttp2_submit_trailer(session, id, trailer, 2);
    }
    return static_cast<ssize_t>(n);
  }
  static int on_close(nghttp2_session* session, int32_t id, uint32_t, void* user) {
    if (Stream* s = stream(session, id)) self(user)->free_.push_back(s);
    return 0;
  }

  asio::ip::tcp::socket socket_;
  nghttp2_session* session_ = nullptr;
  std::string out_;
  std::vector<Stream*> free_;
};

void accept(asio::ip::tcp::acceptor& acceptor) {
  acceptor.async_accept([&](const asio::error_code& e, asio::ip::tcp::socket socket) {
    if (!e) std::make_shared<Connection>(std::move(socket))->start();
    accept(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  use_protobuf = argc < 3 || std::strcmp(argv[2], "wire") != 0;
  asio::io_context loop(1);
  asio::ip::tcp::acceptor acceptor(
      loop, {asio::ip::make_address("127.0.0.1"), static_cast<uint16_t>(std::atoi(argc > 1 ? argv[1] : "7602"))});
  accept(acceptor);
  loop.run();
}
