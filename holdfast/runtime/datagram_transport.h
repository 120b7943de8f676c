// A UDP socket on the event loop, for cores that live with loss: members name each other by identity, this knows their
// addresses, and seals, opens and filters datagrams (datagram.h).
//
// Addresses come from the owner (set_address). Until it has named one, the address from which a member's first datagram
// came is used to answer it. A datagram that cannot be sent at once is dropped, as the network might have.
//
// Thread rule: the loop's thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

#include "holdfast/runtime/datagram.h"
#include "holdfast/runtime/url.h"

namespace holdfast::runtime {

using Udp = asio::ip::udp;

// "10.0.0.1:7946", an IPv6 address in brackets.
std::string text_of(const Udp::endpoint& endpoint);

// The address of HOST:PORT for datagrams; asks the resolver, and waits for it. kNotFound: it has none.
StatusOr<Udp::endpoint> datagram_address(asio::io_context& loop, const Url& url);

struct DatagramConfig {
  Url listen;
  std::string group;  // its name
  NodeId self;
  uint64_t session = 1;  // a reading of the wall clock
  GroupKeys keys;
};

struct DatagramCounters {
  uint64_t sent = 0, sent_bytes = 0, received = 0, received_bytes = 0;
  uint64_t unsent = 0;    // no address, or the socket was full
  uint64_t refused = 0;   // not opened, of another group or for another member
  uint64_t repeated = 0;  // replays and duplicates
};

class DatagramTransport {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_datagram(NodeId from, Slice payload) = 0;
    // Somebody at `from` sends what is not accepted: why. Not called for mere damage.
    virtual void on_datagram_refused(const Udp::endpoint& from, const Status& why) = 0;
    // Another process uses this very identity: again and again somebody has a later session of it, or it speaks to this
    // one. Called each time.
    virtual void on_contested() {}
  };

  // Binds the socket. Errors name the address, and what to do.
  static StatusOr<std::unique_ptr<DatagramTransport>> open(asio::io_context& loop, DatagramConfig config, Owner& owner);
  ~DatagramTransport() { close(); }
  DatagramTransport(const DatagramTransport&) = delete;
  DatagramTransport& operator=(const DatagramTransport&) = delete;

  void set_address(NodeId node, const Udp::endpoint& endpoint) { addresses_[node] = {endpoint, true}; }
  // An address whose member is not known yet, under an identity that only this process uses. Answers come from the
  // member's own.
  void set_seed(NodeId alias, const Udp::endpoint& endpoint) { seeds_[alias] = endpoint; }
  void set_keys(GroupKeys keys) { config_.keys = std::move(keys); }
  void send(NodeId to, const Chain& message);
  void close();

  Udp::endpoint listening() const;
  const DatagramCounters& counters() const { return counters_; }

 private:
  struct Address {
    Udp::endpoint endpoint;
    bool named = false;  // by the owner
  };
  // Larger ones are not ours; a datagram has at most 64 KiB.
  static constexpr size_t kBuffer = size_t{1} << 16;
  static constexpr size_t kMaxAddresses = 20'000;

  DatagramTransport(asio::io_context& loop, DatagramConfig config, Owner& owner);
  void receive();
  void received(std::string_view bytes);
  void heard_of_self(const Datagram& datagram);
  void transmit(const Udp::endpoint& to, uint64_t receiver, std::variant<Payload, Stale> content);

  DatagramConfig config_;
  const uint64_t group_;
  Owner& owner_;
  Udp::socket socket_;
  Udp::endpoint from_;
  std::array<char, kBuffer> buffer_;
  std::map<NodeId, Address> addresses_;
  std::map<NodeId, Udp::endpoint> seeds_;
  ReplayFilter filter_;
  uint64_t number_ = 0;
  int topped_ = 0;     // how often this process found its session outdated: once after a clock went back
  int namesakes_ = 0;  // datagrams of this identity that are not this process's; one may be left of a former life
  DatagramCounters counters_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for handlers that may outlive this
};

}  // namespace holdfast::runtime
