#include "holdfast/runtime/connect.h"

#include <utility>

#include <asio/connect.hpp>

namespace holdfast::runtime {

void connect_to_any(asio::ip::tcp::socket& socket, const std::vector<asio::ip::tcp::endpoint>& endpoints,
                    Connected done) {
  asio::async_connect(socket, endpoints,
                      [done = std::move(done)](const asio::error_code& error, const asio::ip::tcp::endpoint&) {
                        done(error ? error.message() : "");
                      });
}

}  // namespace holdfast::runtime
