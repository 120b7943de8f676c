#include "bench/load/closed_loop.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

namespace holdfast::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Totals {
  std::vector<uint32_t> latencies_ns;
  bool measuring = false;
};

struct Call {
  Clock::time_point start;
  std::string body;
  size_t sent = 0;
  size_t received = 0;
  std::string status, message;
};

class Connection {
 public:
  Connection(const Load& load, Totals& totals, const std::string& endpoint) : load_(load), totals_(totals) {
    connect_to(endpoint);
    start_session();
    for (const auto& [name, value] :
         std::initializer_list<std::pair<const char*, const char*>>{{":method", "POST"},
                                                                    {":scheme", "http"},
                                                                    {":path", load.method.c_str()},
                                                                    {":authority", endpoint.c_str()},
                                                                    {"content-type", "application/grpc"},
                                                                    {"user-agent", "holdfast-bench"},
                                                                    {"te", "trailers"}}) {
      texts_.push_back({name, value});
    }
    for (const auto& [name, value] : texts_) headers_.push_back(header(name, value));
  }
  ~Connection() {
    nghttp2_session_del(session_);
    ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  bool wants_write() const { return !out_.empty(); }
  void add(Call* call) { idle_.push_back(call); }

  void flush() {
    for (Call* call : idle_) submit(call);
    idle_.clear();
    while (true) {
      const uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_, &data);
      if (n < 0) fail("cannot encode a request");
      if (n == 0) break;
      out_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
    }
    while (!out_.empty()) {
      const ssize_t n = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) fail(std::string("cannot send: ") + std::strerror(errno));
      out_.erase(0, static_cast<size_t>(n));
    }
  }

  void receive() {
    static std::vector<uint8_t> buffer(256 << 10);
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) fail("the server closed a connection");
    if (n > 0 && nghttp2_session_mem_recv(session_, buffer.data(), static_cast<size_t>(n)) < 0) {
      fail("the server does not speak HTTP/2");
    }
  }

 private:
  static nghttp2_nv header(const std::string& name, const std::string& value) {
    return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
            reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
  }

  void connect_to(const std::string& endpoint) {
    const size_t colon = endpoint.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (colon == std::string::npos || ::inet_pton(AF_INET, endpoint.substr(0, colon).c_str(), &address.sin_addr) != 1) {
      fail("an endpoint is an IPv4 address and a port, not \"" + endpoint + "\"");
    }
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(endpoint.c_str() + colon + 1)));
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      fail("cannot connect to " + endpoint + ": " + std::strerror(errno));
    }
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  }

  void start_session() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, 0, nullptr, 0);
    nghttp2_session_set_local_window_size(session_, 0, 0, 1 << 24);
  }

  void submit(Call* call) {
    const std::string message = load_.request();
    const uint32_t size = htonl(static_cast<uint32_t>(message.size()));
    call->body.assign(1, '\0');
    call->body.append(reinterpret_cast<const char*>(&size), sizeof(size));
    call->body += message;
    call->start = Clock::now();
    call->sent = call->received = 0;
    call->status.clear();
    call->message.clear();
    nghttp2_data_provider provider{{.ptr = call}, read_body};
    if (nghttp2_submit_request(session_, nullptr, headers_.data(), headers_.size(), &provider, call) < 0) {
      fail("cannot submit a request");
    }
  }

  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t* buffer, size_t room, uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    Call* call = static_cast<Call*>(source->ptr);
    const size_t n = std::min(room, call->body.size() - call->sent);
    std::memcpy(buffer, call->body.data() + call->sent, n);
    call->sent += n;
    if (call->sent == call->body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }
  static Call* call_of(nghttp2_session* session, int32_t stream) {
    return static_cast<Call*>(nghttp2_session_get_stream_user_data(session, stream));
  }
  static int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t*, size_t size, void*) {
    call_of(session, id)->received += size;
    return 0;
  }
  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void*) {
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    Call* call = call_of(session, frame->hd.stream_id);
    if (call == nullptr) return 0;
    if (key == "grpc-status") call->status.assign(reinterpret_cast<const char*>(value), value_size);
    if (key == "grpc-message") call->message.assign(reinterpret_cast<const char*>(value), value_size);
    return 0;
  }
  static int on_close(nghttp2_session* session, int32_t id, uint32_t, void* user) {
    Connection& self = *static_cast<Connection*>(user);
    Call* call = call_of(session, id);
    if (call->status != "0") fail("a call failed with status " + call->status + ": " + call->message);
    if (call->received < self.load_.shortest_answer) fail("an answer is too short to be right");
    if (self.totals_.measuring) {
      self.totals_.latencies_ns.push_back(static_cast<uint32_t>((Clock::now() - call->start).count()));
    }
    self.idle_.push_back(call);
    return 0;
  }

  const Load& load_;
  Totals& totals_;
  int fd_ = -1;
  nghttp2_session* session_ = nullptr;
  std::vector<std::pair<std::string, std::string>> texts_;
  std::vector<nghttp2_nv> headers_;
  std::vector<Call*> idle_;
  std::string out_;
};

// User and system seconds of all threads of a process.
double cpu_seconds_of(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  unsigned long user = 0, system = 0;
  const size_t after_name = line.rfind(')');
  if (after_name == std::string::npos ||
      std::sscanf(line.c_str() + after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                  &system) != 2) {
    fail("cannot read the processor time of process " + std::to_string(pid));
  }
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double cpu_seconds_of(const std::vector<int>& pids) {
  double sum = 0;
  for (int pid : pids) sum += cpu_seconds_of(pid);
  return sum;
}

double own_cpu_seconds() {
  rusage u{};
  ::getrusage(RUSAGE_SELF, &u);
  return static_cast<double>(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void turn(std::vector<std::unique_ptr<Connection>>& connections, Clock::duration length) {
  std::vector<pollfd> fds;
  for (auto& c : connections) fds.push_back({c->fd(), POLLIN, 0});
  const auto end = Clock::now() + length;
  while (Clock::now() < end) {
    for (size_t i = 0; i < fds.size(); ++i) {
      fds[i].events = static_cast<short>(POLLIN | (connections[i]->wants_write() ? POLLOUT : 0));
    }
    if (::poll(fds.data(), fds.size(), 10'000) <= 0) fail("no answer for ten seconds");
    for (size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      connections[i]->receive();
      connections[i]->flush();
    }
  }
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(1);
}

Measured run(const Load& load, std::chrono::seconds length, const std::vector<int>& servers) {
  Totals totals;
  totals.latencies_ns.reserve(10'000'000);
  std::vector<Call> calls(static_cast<size_t>(load.outstanding));
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < load.connections; ++i) {
    const std::string& endpoint = load.endpoints[static_cast<size_t>(i) % load.endpoints.size()];
    connections.push_back(std::make_unique<Connection>(load, totals, endpoint));
  }
  for (size_t i = 0; i < calls.size(); ++i) connections[i % connections.size()]->add(&calls[i]);
  for (auto& c : connections) c->flush();

  turn(connections, std::chrono::seconds(1));
  totals.measuring = true;
  const double servers_before = cpu_seconds_of(servers), own_before = own_cpu_seconds();
  const auto start = Clock::now();
  turn(connections, length);
  const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  const double servers_used = cpu_seconds_of(servers) - servers_before, own_used = own_cpu_seconds() - own_before;

  std::vector<uint32_t>& sorted = totals.latencies_ns;
  if (sorted.empty()) fail("no call was answered in the time measured");
  std::sort(sorted.begin(), sorted.end());
  const double n = static_cast<double>(sorted.size());
  const auto percentile = [&](double p) { return sorted[static_cast<size_t>(p * (n - 1))] / 1000; };
  return {n / elapsed, 1e6 * servers_used / n, 1e6 * own_used / n, percentile(0.5), percentile(0.99)};
}

void print(const Measured& m) {
  std::printf("%9.0f calls/s  servers %7.2f us/call  client %5.2f us/call  p50 %6u us  p99 %7u us\n",
              m.calls_per_second, m.servers_us_per_call, m.client_us_per_call, m.p50_us, m.p99_us);
}

}  // namespace holdfast::bench
