// The parts of a watch hub, shared by the files that implement it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "holdfast/base/random.h"
#include "holdfast/store/watch.h"
#include "holdfast/store/watch_index.h"

namespace holdfast::store {

inline constexpr int64_t kNoWatch = -1;
inline constexpr size_t kWatchersPerRead = 64;  // that share one read of the history
inline constexpr int kReadsPerWork = 8;
inline constexpr int kNoticesPerWork = 1000;
inline constexpr size_t kSpareResponses = 1024;  // answers to requests that fail, beside one for each watcher

struct Stream;

// Synced: it has been given every event of its interval up to the revision the hub has seen, and is in the index.
// Lagging: it is in its stream's lagging set and is caught up from history.
struct Watcher : Watched {
  Stream* stream = nullptr;
  int64_t id = 0;
  uint64_t number = 0;  // in the order of creation, over all streams
  Revision start;       // as requested
  Revision next;        // no event before it may be delivered; while lagging, every event from it on is due
  bool synced = false;
  bool no_put = false, no_delete = false, prev_kv = false, fragment = false;
  bool busy = false;  // it was given events since its last progress notice was due
  Time notice;        // never: it wants none
  std::vector<const Event*> batch;

  bool wants(const Event& e) const {
    return e.kv.mod_revision >= next && !(e.type == EventType::kPut ? no_put : no_delete);
  }
};

struct FurthestBehind {
  using Place = std::pair<Revision, Watcher*>;
  bool operator()(const Place& a, const Place& b) const {
    return std::pair(a.first, a.second->number) < std::pair(b.first, b.second->number);
  }
};

struct Stream {
  StreamId id;
  std::map<int64_t, std::unique_ptr<Watcher>> watchers;
  std::set<std::pair<Revision, Watcher*>, FurthestBehind> lagging;
  int64_t next_id = 0;
  std::deque<std::pair<WatchResponse, size_t>> queue;  // with their sizes
  size_t queued_bytes = 0;
  bool lost = false;
  bool named = false;  // by newly_ready(), or it will be, and not taken dry since
};

inline size_t bytes_of(const KeyValue& kv) { return kv.key.size() + kv.value.size() + 48; }
inline size_t bytes_of(const Event& e) { return bytes_of(e.kv) + (e.prev_kv ? bytes_of(*e.prev_kv) : 0) + 16; }
inline size_t bytes_of(const WatchResponse& r) {
  size_t n = sizeof(WatchResponse) + r.cancel_reason.size();
  for (const Event& e : r.events) n += bytes_of(e);
  return n;
}

struct WatchHub::Impl {
  Impl(const WatchConfig& c, uint64_t seed) : config(c), random(seed), index(random.next()) {}

  // --- Queues ---
  bool has_room(const Stream& s) const {
    return s.queue.size() < config.max_queued_responses && s.queued_bytes < config.max_queued_bytes;
  }
  void refresh(Stream& s) {
    if (s.queue.empty()) {
      ready.erase(s.id);
    } else {
      ready.insert(s.id);
      if (!std::exchange(s.named, true)) newly_ready.insert(s.id);
    }
    if (!s.lagging.empty() && has_room(s)) {
      runnable.insert(s.id);
    } else {
      runnable.erase(s.id);
    }
  }
  void push(Stream& s, WatchResponse r) {
    const size_t bytes = bytes_of(r);
    s.queued_bytes += bytes;
    s.queue.emplace_back(std::move(r), bytes);
    refresh(s);
  }
  void answer(Stream& s, WatchResponse r);
  void push_events(Watcher& w, std::vector<Event> events, Revision revision);

  // --- Watchers ---
  void create(Time now, Stream& s, const WatchCreateRequest& request, const Store& store);
  void cancel(Stream& s, int64_t id, const Store& store);
  void progress(Stream& s, const Store& store);
  void remove(Watcher& w);
  void make_synced(Watcher& w);
  void make_lagging(Watcher& w, Revision next);
  void lag_all(const Store& store);
  void arm(Time now, Watcher& w);

  // --- Events ---
  Event deliverable(const Watcher& w, const Event& e, const Store& store) const;
  void deliver(const Store& store);
  void catch_up(Stream& s, const Store& store);
  void send_notice(Time now, Watcher& w, const Store& store);
  void see(const Store& store) {
    if (seen != store.revision()) lag_all(store);
  }

  WatchConfig config;
  Random random;
  WatchIndex index;
  std::map<StreamId, std::unique_ptr<Stream>> streams;
  std::set<StreamId> ready;
  std::set<StreamId> newly_ready;
  std::set<StreamId> runnable;  // with lagging watchers and room for responses
  StreamId last_run;
  std::map<std::pair<Time, uint64_t>, Watcher*> notices;
  Revision seen;  // synced watchers have been given everything up to it
  uint64_t created = 0;
  size_t watchers = 0;
};

}  // namespace holdfast::store
