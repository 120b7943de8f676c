// An incoming connection: the handshake, then messages from one member, or the answer to a process that joins.
//
// Hostile input: until the handshake is done, frames are short and the time is bounded; afterwards frames are bounded
// by max_frame_bytes. Whatever is malformed closes the connection.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/runtime/peer_config.h"
#include "holdfast/runtime/peer_frame.h"
#include "holdfast/runtime/sockets.h"

namespace holdfast::runtime {

class PeerSession : public std::enable_shared_from_this<PeerSession> {
 public:
  // What the transport decides for its sessions.
  class Host {
   public:
    virtual ~Host() = default;
    // Whether this sender may send; nullopt: yes, and the session is its only one from now on.
    virtual std::optional<Refused> admit(const Hello& hello, const std::shared_ptr<PeerSession>& session) = 0;
    // False: the message was malformed.
    virtual bool deliver(NodeId from, Slice message) = 0;
    virtual MembersReply members() = 0;
    // The session has ended; `sender` is none before the handshake.
    virtual void ended(const std::shared_ptr<PeerSession>& session) = 0;
    // Nothing is to be read for now.
    virtual bool paused() const = 0;
  };

  PeerSession(asio::io_context& loop, Tcp::socket socket, const PeerConfig& config, PeerCounters& counters, Host& host);

  void start();
  // Reading goes on after a pause.
  void resume();
  // Ends the session without telling the host.
  void close();

  NodeId sender() const { return sender_; }
  uint64_t incarnation() const { return incarnation_; }
  const std::string& address() const { return address_; }

 private:
  void read();
  void on_bytes(size_t n);
  bool handle(const Frame& frame);
  bool handle_control(const Control& control);
  bool greet(const Hello& hello);
  bool answer_members(const MembersRequest& request);
  void refuse(const Refused& refused);
  void reply(const Control& control, bool then_end = false);
  void write();
  void tick();
  void end(const std::string& why);

  Tcp::socket socket_;
  asio::steady_timer timer_;
  const PeerConfig& config_;
  PeerCounters& counters_;
  Host& host_;
  FrameReader reader_;
  std::string address_;
  NodeId sender_;
  uint64_t incarnation_ = 0;
  int silent_ticks_ = 0;
  bool reading_ = false;
  bool ending_ = false;  // after what is queued has been written
  bool closed_ = false;
  std::deque<Chain> replies_;
  bool writing_ = false;
};

}  // namespace holdfast::runtime
