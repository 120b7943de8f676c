// What the clients of a run over real processes saw, in the form that the checkers read.
#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include "holdfast/sim/check/history.h"
#include "holdfast/sim/check/watch_check.h"
#include "tests/nemesis/calls.h"

namespace holdfast::nemesis {

namespace check = sim::check;
using std::chrono::milliseconds;

// True time of the run: one clock for all threads, from the first call on.
Time now();

// Members are numbered from 0; in a history they are called n1, n2, ...
inline NodeId name_of(size_t member) { return NodeId(member + 1); }

class Record {
 public:
  // Makes the call and writes down what became of it.
  StatusOr<store::Response> call(uint64_t client, size_t member, Endpoint& endpoint, const store::Request& request,
                                 milliseconds timeout);
  void add(check::WatchSession session);

  // To be used when nobody writes any more.
  const check::History& history() const { return history_; }
  const std::vector<check::WatchSession>& sessions() const { return sessions_; }

 private:
  std::mutex mutex_;
  check::History history_;
  std::vector<check::WatchSession> sessions_;
};

}  // namespace holdfast::nemesis
