#include "holdfast/server/connection.h"

#include <sys/socket.h>

#include <cerrno>

#include "holdfast/base/mark.h"
#include "holdfast/server/http1_session.h"
#include "holdfast/server/http2.h"

namespace holdfast::server {
namespace {

constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kReceiveBytes = 256 << 10;

}  // namespace

Connection::Connection(Shared& shared, Owner& owner, asio::ip::tcp::socket socket)
    : shared_(shared),
      owner_(owner),
      socket_(std::move(socket)),
      opened_(Shared::now()),
      last_received_(opened_),
      last_sent_(opened_) {}

void Connection::start() {
  asio::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  wait_readable();
}

void Connection::wait_readable() {
  if (reading_ || closed_ || closing_ || ended_) return;
  if (is_full()) return mark<"server.connection_not_read">();
  reading_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this()](const asio::error_code& error) {
    self->reading_ = false;
    if (!error && !self->closed_) self->read();
  });
}

void Connection::wait_writable() {
  if (writing_ || closed_) return;
  writing_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_write, [self = shared_from_this()](const asio::error_code& error) {
    self->writing_ = false;
    if (!error && !self->closed_) self->flush();
  });
}

void Connection::read() {
  static thread_local std::vector<char> buffer(kReceiveBytes);
  const ssize_t n = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return wait_readable();
  if (n <= 0) {
    ended_ = n == 0 && protocol_ != nullptr && (protocol_->on_end() || !out_.empty());
    if (!ended_) return close();
    return make_dirty();
  }
  last_received_ = Shared::now();
  receive({buffer.data(), static_cast<size_t>(n)});
  wait_readable();
}

// HTTP/2 begins with its preface; anything else is taken for HTTP/1.1. True when `bytes` are for the protocol.
bool Connection::detect(std::string_view& bytes) {
  first_bytes_.append(bytes);
  const size_t known = std::min(first_bytes_.size(), kHttp2Preface.size());
  if (first_bytes_.compare(0, known, kHttp2Preface.substr(0, known)) != 0) {
    protocol_ = std::make_unique<Http1>(shared_, [this] { make_dirty(); });
  } else if (known == kHttp2Preface.size()) {
    protocol_ = std::make_unique<Http2>(shared_, [this] { make_dirty(); });
  } else {
    return false;
  }
  bytes = first_bytes_;
  return true;
}

void Connection::receive(std::string_view bytes) {
  std::string first;
  if (protocol_ == nullptr) {
    if (!detect(bytes)) return;
    first.swap(first_bytes_);
    bytes = first;
  }
  if (!protocol_->receive(bytes)) closing_ = true;
  make_dirty();
}

void Connection::make_dirty() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  owner_.on_dirty(shared_from_this());
}

void Connection::flush() {
  dirty_ = false;
  if (closed_ || protocol_ == nullptr) return;
  // More than one turn only while the socket takes everything.
  for (int turn = 0; turn < 16; ++turn) {
    protocol_->produce(out_, shared_.config.max_unsent);
    if (out_.empty()) break;
    const size_t before = out_.unsent();
    const Output::Result result = out_.write_to(socket_.native_handle());
    if (result == Output::Result::kFailed) return close();
    if (out_.unsent() < before) last_sent_ = Shared::now();
    if (result == Output::Result::kBlocked) {
      wait_writable();
      break;
    }
  }
  if (out_.empty()) {
    last_sent_ = Shared::now();
    protocol_->produce(out_, 1);
    if (!out_.empty()) return make_dirty();  // others first
    if (stopping_ && protocol_->drained()) return close();
    if (closing_ || protocol_->finished() || (ended_ && !protocol_->on_end())) return close();
  }
  wait_readable();
}

void Connection::check_time(Time now) {
  const FaceConfig& config = shared_.config;
  const bool settled = protocol_ != nullptr && protocol_->settled();
  const bool is_late = !settled && now - opened_ > config.first_request_timeout;
  const bool is_stalled = !out_.empty() && now - last_sent_ > config.stall_timeout;
  if (is_late) mark<"server.slow_first_request">();
  if (is_stalled) mark<"server.stalled_reader">();
  if (is_late || is_stalled || (protocol_ != nullptr && !protocol_->check_time(now, last_received_))) close();
}

void Connection::stop() {
  if (closed_) return;
  if (protocol_ == nullptr) return close();
  stopping_ = true;
  protocol_->go_away();
  flush();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  protocol_.reset();
  asio::error_code ignored;
  socket_.close(ignored);
  owner_.on_closed(shared_from_this());
}

}  // namespace holdfast::server
