// What all connections of one face share. One thread: the member's event loop.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "holdfast/runtime/metrics.h"
#include "holdfast/server/dispatch.h"
#include "holdfast/server/errors.h"
#include "holdfast/server/methods.h"
#include "holdfast/server/port.h"
#include "holdfast/server/wire.h"

namespace holdfast::server {

struct FaceConfig {
  size_t max_request_bytes = size_t{3} << 19;  // of the store; messages may have 512 KiB more
  Duration election_timeout = Duration::millis(1000);
  std::string version = "unknown";  // our own, for /version
  std::string consensus = "raft";   // the engine's name, for Maintenance/Status and /version

  // Limits on what one client and all of them can hold.
  size_t max_connections = 10'000;
  uint32_t max_concurrent_streams = 16'384;          // per connection
  size_t max_header_bytes = 16 << 10;                // of one request, counted as HTTP/2 does
  size_t max_buffered_requests = size_t{64} << 20;   // bytes of incomplete requests per connection
  size_t max_buffered_responses = size_t{64} << 20;  // bytes of responses that a client does not take, per connection
  size_t max_unsent = 256 << 10;                     // bytes for the socket; from there on, the connection is not read
  size_t max_pending_keep_alives = 1024;             // renewals under way per stream; beyond, it is not read
  size_t stream_buffer = 256 << 10;                  // watch responses are taken while a stream holds less than this
  uint64_t reset_burst = 20'000;                     // streams a client may reset at once,
  uint64_t reset_rate = 2'000;                       // and per second

  Duration first_request_timeout = Duration::seconds(10);  // to say something complete after connecting
  Duration idle_timeout = Duration::seconds(60);           // of HTTP/1.1 connections
  Duration stall_timeout = Duration::seconds(60);          // nothing could be written
  Duration keepalive_interval = Duration::seconds(7200);   // of silence, before we ask
  Duration keepalive_timeout = Duration::seconds(20);
  Duration min_ping_interval = Duration::seconds(5);  // clients that ping faster are sent away
};

// Calls owners back when their time has come.
class Deadlines {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_deadline() = 0;
  };
  void add(Owner* owner, Time at) { owners_.insert({at, owner}); }
  void remove(Owner* owner, Time at) { owners_.erase({at, owner}); }
  Time first() const { return owners_.empty() ? Time::never() : owners_.begin()->first; }
  void expire(Time now);

 private:
  absl::btree_set<std::pair<Time, Owner*>> owners_;
};

// Counts calls the way etcd does, so that its dashboards work.
class CallMetrics {
 public:
  explicit CallMetrics(runtime::Metrics& metrics);
  void started(const Method& m) { at(m).started->add(); }
  void received(const Method& m, size_t bytes) {
    at(m).received->add();
    received_bytes_->add(bytes);
  }
  void sent(const Method& m, size_t bytes) {
    at(m).sent->add();
    sent_bytes_->add(bytes);
  }
  void handled(const Method& m, Code code, Duration took);

 private:
  struct PerMethod {
    runtime::Counter* started = nullptr;
    runtime::Counter* received = nullptr;
    runtime::Counter* sent = nullptr;
    runtime::Histogram* seconds = nullptr;  // unary calls only
    std::array<runtime::Counter*, kCodes> handled{};
  };
  PerMethod& at(const Method& m) { return per_method_[static_cast<size_t>(&m - methods().data())]; }

  runtime::Metrics& metrics_;
  std::vector<PerMethod> per_method_;
  runtime::Counter* received_bytes_;
  runtime::Counter* sent_bytes_;
};

// A stream that ends when the member has been without a leader for too long (its client sent hasleader).
class LeaderBound {
 public:
  virtual ~LeaderBound() = default;
  virtual void on_leader_lost() = 0;
};

struct Shared {
  Shared(Port& port, runtime::Metrics& metrics, FaceConfig config, std::function<void()> schedule)
      : port(port),
        metrics(metrics),
        config(std::move(config)),
        dispatcher(port, std::move(schedule)),
        calls(metrics) {}

  static Time now();
  // The header of every response; the revision is the response's own.
  wire::Header header() const {
    const Identity& id = port.identity();
    return {.cluster_id = id.cluster_id, .member_id = id.member_id.value(), .revision = {}, .raft_term = raft_term};
  }

  Port& port;
  runtime::Metrics& metrics;
  const FaceConfig config;
  Dispatcher dispatcher;
  Deadlines deadlines;
  CallMetrics calls;
  wire::Writer writer;
  bool has_leader = false;
  bool is_leader = false;
  uint64_t raft_term = 0;
  bool stopping = false;
  absl::btree_set<LeaderBound*> leader_bound;
};

}  // namespace holdfast::server
