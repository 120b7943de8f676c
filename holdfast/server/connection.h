// One client's socket: reads what comes, finds out which protocol it speaks, writes what is ready. Never blocks.
//
// Back-pressure: a connection that does not take what it was sent (more than FaceConfig::max_unsent waits for its
// socket) is not read until it does.
#pragma once

#include <functional>
#include <memory>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "holdfast/server/output.h"
#include "holdfast/server/protocol.h"
#include "holdfast/server/shared.h"

namespace holdfast::server {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `dirty`: the connection wants flush() to be called soon; `closed`: it is over and may be forgotten.
  struct Owner {
    virtual ~Owner() = default;
    virtual void on_dirty(const std::shared_ptr<Connection>& connection) = 0;
    virtual void on_closed(const std::shared_ptr<Connection>& connection) = 0;
  };

  Connection(Shared& shared, Owner& owner, asio::ip::tcp::socket socket);
  void start();
  // Writes what is ready. Called by the owner once after on_dirty.
  void flush();
  void check_time(Time now);
  // Tells the client that no more requests are taken, and closes once it has the answers that were made.
  void stop();
  void close();

 private:
  bool is_full() const { return out_.unsent() >= shared_.config.max_unsent; }
  void wait_readable();
  void wait_writable();
  void read();
  void receive(std::string_view bytes);
  bool detect(std::string_view& bytes);
  void make_dirty();

  Shared& shared_;
  Owner& owner_;
  asio::ip::tcp::socket socket_;
  std::unique_ptr<Protocol> protocol_;
  std::string first_bytes_;  // until the protocol is known
  Output out_;
  Time opened_;
  Time last_received_;
  Time last_sent_;  // or had nothing to send
  bool dirty_ = false;
  bool reading_ = false;  // a wait is pending
  bool writing_ = false;
  bool closing_ = false;  // when everything is sent
  bool ended_ = false;    // by the client, which still listens
  bool stopping_ = false;
  bool closed_ = false;
};

}  // namespace holdfast::server
