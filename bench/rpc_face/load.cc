// A closed-loop load of KV.Range calls, and what they cost the server.
// Usage: rpc_face_load PORT SERVER_PID OUTSTANDING CONNECTIONS SECONDS
// Prints one line: calls per second, server CPU microseconds per call (all its threads), client CPU microseconds per
// call, latency percentiles in microseconds.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "rpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
std::string body;
std::vector<uint32_t> latencies_ns;
uint64_t completed = 0;
bool measuring = false;

void fail(const char* what) {
  std::fprintf(stderr, "rpc_face_load: %s\n", what);
  std::exit(1);
}

nghttp2_nv nv(const char* name, const char* value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name)), reinterpret_cast<uint8_t*>(const_cast<char*>(value)),
          std::strlen(name), std::strlen(value), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

struct Call {
  Clock::time_point start;
  size_t sent = 0;
  size_t received = 0;
  bool ok = false;
};

struct Connection {
  int fd = -1;
  nghttp2_session* session = nullptr;
  std::vector<Call*> idle;
  std::string out;

  void submit(Call* call) {
    static const nghttp2_nv headers[] = {nv(":method", "POST"),
                                         nv(":scheme", "http"),
                                         nv(":path", "/etcdserverpb.KV/Range"),
                                         nv(":authority", "127.0.0.1:2379"),
                                         nv("content-type", "application/grpc"),
                                         nv("user-agent", "rpc_face_load"),
                                         nv("te", "trailers")};
    call->start = Clock::now();
    call->sent = call->received = 0;
    call->ok = false;
    nghttp2_data_provider provider{{.ptr = call}, read_body};
    if (nghttp2_submit_request(session, nullptr, headers, std::size(headers), &provider, call) < 0) fail("submit");
  }
  void flush() {
    for (Call* call : idle) submit(call);
    idle.clear();
    while (true) {
      const uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session, &data);
      if (n < 0) fail("mem_send");
      if (n == 0) break;
      out.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
    }
    size_t sent = 0;
    while (sent < out.size()) {
      const ssize_t n = ::send(fd, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<size_t>(n);
      if (n < 0 && errno != EAGAIN) fail("send");
    }
    out.clear();
  }
  void receive() {
    static std::vector<uint8_t> buffer(256 << 10);
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) fail("the server closed a connection");
    if (n > 0 && nghttp2_session_mem_recv(session, buffer.data(), static_cast<size_t>(n)) < 0) fail("mem_recv");
  }

  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t* buffer, size_t, uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    (void)source;
    std::memcpy(buffer, body.data(), body.size());
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(body.size());
  }
  static int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t*, size_t size, void*) {
    static_cast<Call*>(nghttp2_session_get_stream_user_data(session, id))->received += size;
    return 0;
  }
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void*) {
    if (name_size == 11 && std::memcmp(name, "grpc-status", 11) == 0 && value_size == 1 && *value == '0')
      static_cast<Call*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id))->ok = true;
    return 0;
  }
  static int on_close(nghttp2_session* session, int32_t id, uint32_t, void* user) {
    Call* call = static_cast<Call*>(nghttp2_session_get_stream_user_data(session, id));
    if (!call->ok || call->received < 60) fail("a call failed");
    if (measuring) {
      ++completed;
      latencies_ns.push_back(static_cast<uint32_t>((Clock::now() - call->start).count()));
    }
    static_cast<Connection*>(user)->idle.push_back(call);
    return 0;
  }
};

void connect_to(Connection& c, int port) {
  c.fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) fail("cannot connect");
  const int one = 1;
  ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Connection::on_data);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Connection::on_header);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Connection::on_close);
  nghttp2_session_client_new(&c.session, callbacks, &c);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(c.session, 0, nullptr, 0);
  nghttp2_session_set_local_window_size(c.session, 0, 0, 1 << 24);
}

// User and system seconds of all threads of a process.
double cpu_seconds_of(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  unsigned long user = 0, system = 0;
  const size_t after_name = line.rfind(')');
  if (after_name == std::string::npos ||
      std::sscanf(line.c_str() + after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                  &system) != 2)
    fail("cannot read the server's processor time");
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}
double own_cpu_seconds() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void run(std::vector<Connection>& connections, Clock::duration length) {
  std::vector<pollfd> fds;
  for (Connection& c : connections) fds.push_back({c.fd, POLLIN, 0});
  const auto end = Clock::now() + length;
  while (Clock::now() < end) {
    if (::poll(fds.data(), fds.size(), 1000) <= 0) fail("the server does not answer");
    for (size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      connections[i].receive();
      connections[i].flush();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) fail("usage: rpc_face_load PORT SERVER_PID OUTSTANDING CONNECTIONS SECONDS");
  const int pid = std::atoi(argv[2]), outstanding = std::atoi(argv[3]), seconds = std::atoi(argv[5]);
  etcdserverpb::RangeRequest request;
  request.set_key("key-00000042");
  const std::string message = request.SerializeAsString();
  body = std::string("\0\0\0\0", 4) + static_cast<char>(message.size()) + message;

  std::vector<Connection> connections(static_cast<size_t>(std::atoi(argv[4])));
  std::vector<Call> calls(static_cast<size_t>(outstanding));
  latencies_ns.reserve(10'000'000);
  for (Connection& c : connections) connect_to(c, std::atoi(argv[1]));
  for (size_t i = 0; i < calls.size(); ++i) connections[i % connections.size()].idle.push_back(&calls[i]);
  for (Connection& c : connections) c.flush();

  run(connections, std::chrono::seconds(1));  // warm up
  measuring = true;
  const double server_before = cpu_seconds_of(pid), own_before = own_cpu_seconds();
  const auto start = Clock::now();
  run(connections, std::chrono::seconds(seconds));
  const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  const double server = cpu_seconds_of(pid) - server_before, own = own_cpu_seconds() - own_before;
  std::sort(latencies_ns.begin(), latencies_ns.end());
  const auto percentile = [&](double p) {
    return latencies_ns[static_cast<size_t>(p * (latencies_ns.size() - 1))] / 1000;
  };
  const double n = static_cast<double>(completed);
  std::printf("%9.0f calls/s  server %6.2f us/call  client %5.2f us/call  p50 %5u us  p99 %6u us\n", n / elapsed,
              1e6 * server / n, 1e6 * own / n, percentile(0.5), percentile(0.99));
}
