// The outgoing connection to one other member: kept up by itself, messages are only sent on it.
//
// Guarantees: messages that arrive do so in the order of send(), whole and unaltered; any may be lost (no connection, a
// full queue, a broken connection). At most max_queue_bytes wait, plus what the kernel holds. What is dropped because it
// is too large, or for a full queue, is said in the log, at most once a minute for each peer.
//
// Half-open connections are noticed by pings: `silent_pings` of them in a row without an answer end the connection. A
// process that was itself paused does not mistake that for silence, since it counts pings, not time.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/model/retry.h"
#include "holdfast/runtime/peer_config.h"
#include "holdfast/runtime/peer_frame.h"
#include "holdfast/runtime/sockets.h"

namespace holdfast::runtime {

class PeerLink : public std::enable_shared_from_this<PeerLink> {
 public:
  // `on_refused` is told, on the loop, when the peer refuses this member; the link tries again later in any case.
  using OnRefused = std::function<void(NodeId peer, const Refused& refused)>;
  PeerLink(asio::io_context& loop, const PeerConfig& config, PeerCounters& counters, NodeId to, OnRefused on_refused);

  // Where the peer is to be reached; URLs that cannot be read are passed over with a warning. Begins to connect.
  void set_urls(const std::vector<std::string>& urls);
  void send(Chain message);
  // Gives up the connection for good.
  void close();

  bool connected() const;
  size_t queued_bytes() const { return queued_bytes_; }

 private:
  // One try to connect and, when it succeeds, the connection. Handlers keep it alive and do nothing once it is no
  // longer the current one.
  struct Attempt {
    explicit Attempt(asio::io_context& loop)
        : resolver(loop), socket(loop), timer(loop), reader(kControlFrameBytes, false) {}
    Tcp::resolver resolver;
    Tcp::socket socket;
    asio::steady_timer timer;
    FrameReader reader;
    std::string address;
    bool welcomed = false;
    bool writing = false;
    bool flush_posted = false;
    int unanswered = 0;
    uint64_t pings = 0;
    std::vector<Chain> in_flight;
  };
  using AttemptPtr = std::shared_ptr<Attempt>;

  void connect();
  void connect_to(const AttemptPtr& a, std::vector<Tcp::endpoint> endpoints, size_t at);
  void greet(const AttemptPtr& a);
  void read(const AttemptPtr& a);
  bool handle(const AttemptPtr& a, const Frame& frame);  // false: the attempt has ended
  void welcomed(const AttemptPtr& a, const Welcome& welcome);
  void refused(const AttemptPtr& a, const Refused& refused);
  void tick(const AttemptPtr& a);
  void post_flush(const AttemptPtr& a);
  void flush(const AttemptPtr& a);
  void drop_attempt();
  void say_dropped(const char* why, size_t bytes);
  void fail(const AttemptPtr& a, const std::string& why, Duration at_least = {});
  void retry_after(Duration wait);
  bool current(const AttemptPtr& a) const { return a == attempt_; }

  asio::io_context& loop_;
  const PeerConfig& config_;
  PeerCounters& counters_;
  const NodeId to_;
  OnRefused on_refused_;
  std::vector<std::string> url_texts_;
  std::vector<Url> urls_;
  size_t next_url_ = 0;
  AttemptPtr attempt_;
  asio::steady_timer retry_;
  Retry backoff_;  // of connecting, which does no harm twice
  std::deque<Chain> queue_;
  size_t queued_bytes_ = 0;
  uint64_t dropped_unsaid_ = 0;  // messages, since it was last said that some are dropped
  std::optional<std::chrono::steady_clock::time_point> drops_said_;
  std::string last_trouble_;  // so that a peer that stays away is reported once
  bool closed_ = false;
};

}  // namespace holdfast::runtime
