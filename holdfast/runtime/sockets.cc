#include "holdfast/runtime/sockets.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include <fmt/format.h>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>

namespace holdfast::runtime {

Status listen_error(const Url& url, const asio::error_code& error) {
  const std::string at = fmt::format("{}:{}", url.host, url.port);
  if (error == asio::error::address_in_use) {
    return absl::UnavailableError(
        fmt::format("cannot listen on {}: the address is in use; stop the other process or choose another port", at));
  }
  if (error == asio::error::access_denied) {
    return absl::PermissionDeniedError(
        fmt::format("cannot listen on {}: permission denied; ports below 1024 need privileges", at));
  }
  if (error.value() == EADDRNOTAVAIL) {
    return absl::FailedPreconditionError(
        fmt::format("cannot listen on {}: that is no address of this machine; give one that it has (`ip address` shows "
                    "them), or 0.0.0.0 for all",
                    at));
  }
  return absl::InvalidArgumentError(fmt::format("cannot listen on {}: {}", at, error.message()));
}

namespace {

StatusOr<Tcp::endpoint> local_endpoint(asio::io_context& loop, const Url& url) {
  asio::error_code error;
  const auto address = asio::ip::make_address(url.host, error);
  if (!error) return Tcp::endpoint(address, url.port);
  Tcp::resolver resolver(loop);
  const auto found = resolver.resolve(url.host, std::to_string(url.port), Tcp::resolver::passive, error);
  if (error || found.empty()) {
    return absl::InvalidArgumentError(fmt::format("cannot listen on {}:{}: the host has no address ({})", url.host,
                                                  url.port, error ? error.message() : "none found"));
  }
  // IPv4 first: "localhost" is given both ways, and most who connect try 127.0.0.1.
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

}  // namespace

StatusOr<Tcp::acceptor> listen_on(asio::io_context& loop, const Url& url) {
  const StatusOr<Tcp::endpoint> endpoint = local_endpoint(loop, url);
  if (!endpoint.ok()) return endpoint.status();
  asio::error_code error;
  Tcp::acceptor acceptor(loop);
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(1024, error);
  if (error) return listen_error(url, error);
  return acceptor;
}

void tune(Tcp::socket& socket, Duration timeout) {
  asio::error_code ignored;  // a socket without these options works, only less well
  socket.set_option(Tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const auto ms = static_cast<unsigned int>(timeout.millis());
  (void)setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

std::string address_of(const Tcp::socket& socket) {
  asio::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "?";
  const std::string host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                    : fmt::format("{}:{}", host, endpoint.port());
}

void resolve(Tcp::resolver& resolver, const Url& url, Resolved done) {
  asio::error_code error;
  const auto address = asio::ip::make_address(url.host, error);
  if (!error) {
    const Tcp::endpoint endpoint(address, url.port);
    asio::post(resolver.get_executor(), [endpoint, done = std::move(done)] { done("", {endpoint}); });
    return;
  }
  resolver.async_resolve(url.host, std::to_string(url.port),
                         [done = std::move(done), host = url.host](const asio::error_code& e, const auto& found) {
                           if (e) return done(fmt::format("{} has no address: {}", host, e.message()), {});
                           std::vector<Tcp::endpoint> endpoints;
                           for (const auto& entry : found) endpoints.push_back(entry.endpoint());
                           done(endpoints.empty() ? host + " has no address" : "", endpoints);
                         });
}

}  // namespace holdfast::runtime
