// The guarantees of watches, against the true log: ordered, unique, reliable, resumable, bookmarkable, atomic.
//
// A session is one watcher on one stream from its creation to its end; a client that reconnects opens the next session
// where the last one ended.
#pragma once

#include <vector>

#include "holdfast/sim/check/true_log.h"

namespace holdfast::sim::check {

struct WatchSession {
  uint64_t client = 0;
  NodeId member;
  store::WatchCreateRequest request;
  struct Received {
    Time at;
    store::WatchResponse response;
  };
  std::vector<Received> received;  // in the order of arrival, on a connection that keeps order
  // The watch lived to the end of the run, long after the last fault: everything up to the end is due.
  bool complete = false;
};

Finding check_watch(const WatchSession& session, const TrueLog& log);

}  // namespace holdfast::sim::check
