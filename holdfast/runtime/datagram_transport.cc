#include "holdfast/runtime/datagram_transport.h"

#include <sys/random.h>

#include <utility>

#include <fmt/format.h>
#include <asio/buffer.hpp>
#include <asio/ip/address.hpp>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"
#include "holdfast/runtime/sockets.h"

namespace holdfast::runtime {
namespace {

// How many datagrams are taken in one turn of the loop, before others get theirs.
constexpr int kPerTurn = 64;

crypto::Nonce random_nonce() {
  crypto::Nonce nonce;
  ensure(getrandom(nonce.data(), nonce.view().size(), 0) == static_cast<ssize_t>(nonce.view().size()),
         "the kernel gives random bytes");
  return nonce;
}

}  // namespace

std::string text_of(const Udp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                    : fmt::format("{}:{}", host, endpoint.port());
}

StatusOr<Udp::endpoint> datagram_address(asio::io_context& loop, const Url& url) {
  asio::error_code error;
  const auto address = asio::ip::make_address(url.host, error);
  if (!error) return Udp::endpoint(address, url.port);
  Udp::resolver resolver(loop);
  const auto found = resolver.resolve(url.host, std::to_string(url.port), error);
  if (error || found.empty()) {
    return absl::NotFoundError(fmt::format("{} has no address ({})", url.host, error ? error.message() : "none found"));
  }
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

StatusOr<std::unique_ptr<DatagramTransport>> DatagramTransport::open(asio::io_context& loop, DatagramConfig config,
                                                                     Owner& owner) {
  const StatusOr<Udp::endpoint> endpoint = datagram_address(loop, config.listen);
  if (!endpoint.ok()) return endpoint.status();
  const Url listen = config.listen;
  std::unique_ptr<DatagramTransport> transport(new DatagramTransport(loop, std::move(config), owner));
  asio::error_code error, ignored;
  transport->socket_.open(endpoint->protocol(), error);
  if (!error) transport->socket_.bind(*endpoint, error);
  if (!error) transport->socket_.non_blocking(true, error);
  if (error) return listen_error(listen, error);
  transport->socket_.set_option(asio::socket_base::receive_buffer_size(1 << 20), ignored);
  transport->receive();
  return transport;
}

DatagramTransport::DatagramTransport(asio::io_context& loop, DatagramConfig config, Owner& owner)
    : config_(std::move(config)), group_(hash64(config_.group)), owner_(owner), socket_(loop) {}

void DatagramTransport::close() {
  *alive_ = false;
  asio::error_code ignored;
  socket_.close(ignored);
}

Udp::endpoint DatagramTransport::listening() const {
  asio::error_code ignored;
  return socket_.local_endpoint(ignored);
}

void DatagramTransport::receive() {
  socket_.async_wait(Udp::socket::wait_read, [this, alive = alive_](const asio::error_code& error) {
    if (error || !*alive) return;
    for (int i = 0; i < kPerTurn && *alive; ++i) {
      asio::error_code failed;
      const size_t n = socket_.receive_from(asio::buffer(buffer_), from_, 0, failed);
      if (failed == asio::error::would_block || failed == asio::error::try_again) break;
      // An earlier datagram to somebody met a closed port: says nothing about this socket.
      if (failed) continue;
      received({buffer_.data(), n});
    }
    if (*alive) receive();
  });
}

void DatagramTransport::received(std::string_view bytes) {
  ++counters_.received;
  counters_.received_bytes += bytes.size();
  const StatusOr<Datagram> datagram = decode_datagram(config_.keys, bytes);
  if (!datagram.ok()) {
    ++counters_.refused;
    if (!absl::IsDataLoss(datagram.status())) owner_.on_datagram_refused(from_, datagram.status());
    return;
  }
  const NodeId from(datagram->from.value);
  if (datagram->group.value != group_) {
    ++counters_.refused;
    return owner_.on_datagram_refused(from_, absl::FailedPreconditionError("it belongs to another group"));
  }
  const bool for_us = datagram->to.value == 0 || datagram->to.value == config_.self.value();
  if (!for_us || !from || from == config_.self) {
    ++counters_.refused;
    if (for_us && from == config_.self) heard_of_self(*datagram);
    return;
  }
  const ReplayFilter::News news = filter_.on_datagram(from.value(), datagram->session, datagram->number);
  if (news == ReplayFilter::News::kStale) return transmit(from_, from.value(), Stale{filter_.session_of(from.value())});
  if (news == ReplayFilter::News::kRepeated) {
    ++counters_.repeated;
    return;
  }
  if (const auto* stale = std::get_if<Stale>(&datagram->content)) {
    if (stale->session < config_.session || stale->session >= kMaxSession - 1) return;
    config_.session = stale->session + 1;
    if (++topped_ >= 3) owner_.on_contested();
    return;
  }
  Address& address = addresses_[from];
  if (!address.named) address.endpoint = from_;
  if (addresses_.size() > kMaxAddresses) addresses_.erase(addresses_.begin());
  owner_.on_datagram(from, std::get<Payload>(datagram->content).bytes);
}

// This process's own datagrams come back where it is told to join itself; they bear its session.
void DatagramTransport::heard_of_self(const Datagram& datagram) {
  if (datagram.session == config_.session || from_ == listening()) return;
  // The other one is told, too; but not in answer to being told, which would never end.
  if (std::holds_alternative<Payload>(datagram.content)) transmit(from_, 0, Stale{config_.session});
  if (++namesakes_ >= 2) owner_.on_contested();
}

void DatagramTransport::send(NodeId to, const Chain& message) {
  const Payload payload{message.flatten()};
  if (const auto seed = seeds_.find(to); seed != seeds_.end()) return transmit(seed->second, 0, payload);
  const auto address = addresses_.find(to);
  if (address == addresses_.end()) {
    ++counters_.unsent;
    return;
  }
  transmit(address->second.endpoint, to.value(), payload);
}

void DatagramTransport::transmit(const Udp::endpoint& to, uint64_t receiver, std::variant<Payload, Stale> content) {
  const Datagram datagram{{group_}, {config_.self.value()}, {receiver}, config_.session, ++number_, std::move(content)};
  const std::string bytes = encode_datagram(config_.keys, random_nonce(), datagram);
  asio::error_code error;
  socket_.send_to(asio::buffer(bytes), to, 0, error);
  if (error) {
    ++counters_.unsent;
    return;
  }
  ++counters_.sent;
  counters_.sent_bytes += bytes.size();
}

}  // namespace holdfast::runtime
