// What the parts of the peer transport share: its configuration and its counters.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "holdfast/model/types.h"
#include "holdfast/runtime/metrics.h"
#include "holdfast/runtime/url.h"

namespace holdfast::runtime {

struct PeerConfig {
  uint64_t cluster_id = 0;
  NodeId self;
  uint64_t incarnation = 0;  // of this process
  // What the members run above this transport. Those who run another engine are refused; empty stands for Raft, which
  // is what there was before members said it.
  std::string engine;
  std::vector<Url> listen;
  std::vector<std::string> advertise_urls;  // where peers reach this member
  size_t max_frame_bytes = size_t{64} << 20;
  size_t max_queue_bytes = size_t{32} << 20;        // per peer, waiting to be written; messages beyond are dropped
  size_t max_sessions = 256;                        // incoming connections at once
  size_t max_learned = 64;                          // senders that are no known members and are answered nevertheless
  Duration connect_timeout = Duration::seconds(2);  // for the connection and the handshake
  Duration ping_interval = Duration::millis(500);
  int silent_pings = 4;  // unanswered in a row: the connection is given up
  Duration backoff_min = Duration::millis(50);
  Duration backoff_max = Duration::seconds(1);
  Duration backoff_refused = Duration::seconds(5);
};

struct PeerCounters {
  explicit PeerCounters(Metrics& m)
      : sent_bytes(m.counter("holdfast_peer_sent_bytes_total", "Bytes written to other members.")),
        received_bytes(m.counter("holdfast_peer_received_bytes_total", "Bytes read from other members.")),
        sent(m.counter("holdfast_peer_sent_messages_total", "Messages handed to connections to other members.")),
        received(m.counter("holdfast_peer_received_messages_total", "Messages received from other members.")),
        dropped(m.counter("holdfast_peer_dropped_messages_total",
                          "Messages not sent: no connection, a full queue, or an unknown receiver.")),
        refused(m.counter("holdfast_peer_refused_connections_total", "Incoming connections that were refused.")),
        malformed(m.counter("holdfast_peer_malformed_total", "Connections closed because of malformed bytes.")),
        connected(m.gauge("holdfast_peer_connections", "Members to which this one has a connection.")),
        sessions(m.gauge("holdfast_peer_sessions", "Connections from other members.")) {}
  Counter& sent_bytes;
  Counter& received_bytes;
  Counter& sent;
  Counter& received;
  Counter& dropped;
  Counter& refused;
  Counter& malformed;
  Gauge& connected;
  Gauge& sessions;
};

}  // namespace holdfast::runtime
