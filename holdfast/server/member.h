// A member in the real world: the host of one service::Service. It owns the data directory, the log thread, the blob
// thread, the connections to the other members and the event loop, and gives the client-facing part a Backend.
//
//   auto member = Member::start(config, make_clients);   // recovers; sockets are bound; nothing is served yet
//   Status why = (*member)->run();                        // until stop(), or until it must not go on
//
// Threads: everything of the protocol, of the peers and of the clients happens on the thread that calls run(). Writing
// and syncing the log, and reading and writing blobs, have a thread each; the loop never waits for a disk.
//
// Logs through spdlog's default logger, one line per event, as key=value.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include "holdfast/base/status.h"
#include "holdfast/runtime/metrics.h"
#include "holdfast/server/backend.h"
#include "holdfast/server/member_config.h"

namespace holdfast::server {

// Makes the client-facing part: binds config.listen_client_urls, serves `backend` from `loop`, adds its counters to
// `metrics`. It is destroyed on the loop's thread, after on_stopped().
using MakeClients = std::function<StatusOr<std::unique_ptr<Clients>>(
    asio::io_context& loop, Backend& backend, const MemberConfig& config, runtime::Metrics& metrics)>;

class Member {
 public:
  // Opens or creates the data directory, recovers, binds the sockets. Errors say what to do:
  //   kInvalidArgument     a flag is wrong                     kFailedPrecondition  the directory or the cluster
  //   refuses kDataLoss            the log or a snapshot is damaged    kUnavailable         an address or a lock is
  //   taken kResourceExhausted   no space                            kInternal            the disk failed
  static StatusOr<std::unique_ptr<Member>> start(const MemberConfig& config, const MakeClients& make_clients);
  ~Member();

  // Serves until stopped. OK after stop(); otherwise what forced it to stop, for a message and a nonzero exit.
  Status run();

  // Stops gracefully: no new calls, leadership handed over, the log flushed, clients told. From any thread (not from a
  // signal handler itself); idempotent.
  void stop();

  Backend& backend();
  asio::io_context& loop();
  runtime::Metrics& metrics();

 private:
  struct Impl;
  explicit Member(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::server
