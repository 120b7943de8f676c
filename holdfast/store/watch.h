// Watchers over a store: who is told of which events, in which order (docs/guide/etcd-compatibility.md, "Watch").
//
// Guarantees, per watcher: ordered (revisions never go back), unique, reliable (no event is skipped unless the watcher
// is told that it was compacted away), resumable (from any revision that is not compacted), atomic (the events of one
// revision come in one response, or in fragments of one), bookmarkable (a progress notice at revision r means that
// every event up to r has been delivered).
//
// A stream that does not take its responses falls behind and is caught up from history later: the hub keeps a bounded
// number of responses per stream, never an unbounded queue. A client that goes on requesting without ever taking
// answers loses the stream: its watchers are removed and the last response (canceled, watch id -1) says so.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "holdfast/model/types.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

struct StreamIdTag {
  static constexpr const char* kPrefix = "w";
};
// One client's watch stream, named by the caller.
using StreamId = Strong<StreamIdTag, uint64_t>;

struct WatchConfig {
  size_t max_fragment_bytes = (size_t{3} << 19) + (size_t{512} << 10);  // max-request-bytes + 512 KiB
  Duration progress_interval = Duration::seconds(600);
  size_t max_watchers_per_stream = 100'000;
  size_t catch_up_events = 1000;      // read from history at once
  size_t max_queued_responses = 128;  // of a stream; with that many waiting, its watchers fall behind
  size_t max_queued_bytes = size_t{8} << 20;
};

class WatchHub {
 public:
  explicit WatchHub(const WatchConfig& config, uint64_t seed);
  ~WatchHub();

  void open(StreamId stream);
  void close(StreamId stream);
  // Handles one request of a stream; answers appear among its responses.
  void request(Time now, StreamId stream, const WatchRequest& request, const Store& store);
  // To be called after every Store::apply(): hands the new events to synced watchers.
  void applied(Time now, const Store& store);
  // To be called after the store was replaced by a snapshot: all watchers continue from history.
  void store_replaced(const Store& store);
  // Catches up lagging watchers by a bounded amount and sends progress notices that are due. True: more to do now. To
  // be called after request(), store_replaced(), take() and at the deadline, until it returns false.
  bool work(Time now, const Store& store);
  bool has_work(Time now) const;  // what work() would return before doing anything
  Time deadline() const;          // of the next progress notice

  // Streams with responses waiting, each once.
  std::vector<StreamId> ready() const;
  // The same, without those that were named before and have not been taken dry since. Costs nothing for these:
  // thousands of clients that do not read must not slow down everything else.
  std::vector<StreamId> newly_ready();
  // At most `max` responses of one stream, in order; fewer: it is dry.
  std::vector<WatchResponse> take(StreamId stream, size_t max);

  size_t watchers() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::store
