// The network between members: each reaches the others through this proxy, which can hold up what one sends to another.
//
// A connection says who made it in its first frame (docs/formats/peer-protocol.md). While a direction between two
// members is cut, nothing passes on the connections that belong to it, neither the bytes nor the answers; what was
// sent meanwhile arrives when the cut heals, unless the members have given the connection up.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio.hpp>

#include "holdfast/runtime/peer_frame.h"
#include "tests/nemesis/mouth.h"

namespace holdfast::nemesis {

class PeerProxy {
 public:
  // Listens on free ports, one per member, and connects to `peer_ports`.
  explicit PeerProxy(const std::vector<uint16_t>& peer_ports);
  // From now on this member speaks through that mouth. Before any member is started.
  void lend(std::unique_ptr<Mouth> mouth) { mouth_ = std::move(mouth); }
  ~PeerProxy();

  const std::vector<uint16_t>& ports() const { return ports_; }
  // Whether messages from one member to another are held up. From any thread; in force when it returns.
  void cut(size_t from, size_t to, bool on);
  void heal();

 private:
  struct Link;
  void accept(size_t to);
  void release();
  void say_on(size_t to, const Slice& message);

  asio::io_context context_;
  std::vector<asio::ip::tcp::acceptor> acceptors_;
  std::vector<uint16_t> ports_, peer_ports_;
  std::vector<std::vector<bool>> cut_;
  std::vector<std::weak_ptr<Link>> links_;
  std::unique_ptr<Mouth> mouth_;
  std::thread thread_;
};

}  // namespace holdfast::nemesis
