// Small helpers over Asio's sockets.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include "holdfast/base/status.h"
#include "holdfast/model/types.h"
#include "holdfast/runtime/url.h"

namespace holdfast::runtime {

using Tcp = asio::ip::tcp;

inline std::chrono::nanoseconds to_chrono(Duration d) { return std::chrono::nanoseconds(d.nanos()); }

// Listens on `url`, on its first address. Errors name the address: kUnavailable when it is taken, kPermissionDenied,
// kFailedPrecondition when it is not of this machine, kInvalidArgument when the name has no address.
StatusOr<Tcp::acceptor> listen_on(asio::io_context& loop, const Url& url);

// Why nothing can listen on `url`, TCP or UDP, and what to do; the codes are those of listen_on.
Status listen_error(const Url& url, const asio::error_code& error);

// Prepares a connection between members: no delay, and the kernel gives up on unacknowledged data after `timeout`.
void tune(Tcp::socket& socket, Duration timeout);

// "10.0.0.1:2380", or "?" when the socket is not connected.
std::string address_of(const Tcp::socket& socket);

// The addresses of `url`. A numeric host is answered without asking anybody (still from the loop, never from within
// the call). The callback gets an error text or at least one endpoint.
using Resolved = std::function<void(const std::string& error, const std::vector<Tcp::endpoint>& endpoints)>;
void resolve(Tcp::resolver& resolver, const Url& url, Resolved done);

}  // namespace holdfast::runtime
