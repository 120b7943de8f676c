// Clients of a real cluster: closed loops of calls, and watches that break off and resume, each in a thread of its own.
//
// A client talks to one member at a time and never sends a call twice. What it asks for is drawn from the seed, as in
// the simulator (sim/workload.h).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "holdfast/sim/workload.h"
#include "tests/nemesis/record.h"

namespace holdfast::nemesis {

// One range, watched for as long as the run lasts: every session ends after a few seconds, when the member goes away,
// or when it is silent, and the next one, at any member, goes on where it ended.
class Watcher {
 public:
  Watcher(const std::vector<std::string>& endpoints, uint64_t number, store::WatchCreateRequest request, Random random,
          Record& record);
  ~Watcher();

  // The last revision up to which nothing is missing.
  store::Revision position() const { return store::Revision(position_.load()); }
  // Ends when everything up to `last` has arrived, or at `deadline`.
  void finish(store::Revision last, Time deadline);
  void join();

 private:
  void run(const std::vector<std::string>& endpoints);
  void session(Endpoint& endpoint, size_t member);
  void take(const store::WatchResponse& response);
  bool over() const;

  const uint64_t number_;
  store::WatchCreateRequest request_;
  Random random_;
  Record& record_;
  std::atomic<int64_t> position_{0};
  std::atomic<int64_t> last_{INT64_MAX};
  std::atomic<int64_t> deadline_{Time::never().nanos()};
  std::thread thread_;
};

class Load {
 public:
  Load(const std::vector<std::string>& endpoints, uint64_t seed, int seconds, Record& record);
  ~Load();

  // Watches everything from the beginning.
  const Watcher& collector() const { return *watchers_[0]; }
  void stop_calls();
  // Waits until every watcher has everything up to `last`; false when one has not by `deadline`.
  bool stop_watches(store::Revision last, Time deadline);

 private:
  void loop(uint64_t client, const std::vector<std::string>& endpoints, sim::WorkloadConfig config, Random random);

  Record& record_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> clients_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

// Every key there is.
store::WatchCreateRequest everything(store::Revision from);

}  // namespace holdfast::nemesis
