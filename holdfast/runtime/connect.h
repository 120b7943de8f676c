// Connecting to a host that has several addresses.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <asio/ip/tcp.hpp>

namespace holdfast::runtime {

// Connects to the first of `endpoints` that answers: a name such as localhost has addresses of both kinds, and a member
// may listen on one of them only. The callback gets an empty text, or why the last one did not answer; closing the
// socket counts as an error. `socket` must live until then.
using Connected = std::function<void(const std::string& error)>;
void connect_to_any(asio::ip::tcp::socket& socket, const std::vector<asio::ip::tcp::endpoint>& endpoints,
                    Connected done);

}  // namespace holdfast::runtime
