// How events reach watchers: at once when they are synced, from history when they lag.

#include <algorithm>
#include <utility>

#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/store/watch_impl.h"

namespace holdfast::store {

// The events of one response, in fragments when they are too many and the client asked for that.
void WatchHub::Impl::push_events(Watcher& w, std::vector<Event> events, Revision revision) {
  WatchResponse r;
  r.revision = revision;
  r.watch_id = w.id;
  size_t bytes = 0;
  if (!w.fragment) {
    r.events = std::move(events);
  } else {
    for (Event& e : events) {
      const size_t n = bytes_of(e);
      if (!r.events.empty() && bytes + n > config.max_fragment_bytes) {
        WatchResponse part = r;
        part.fragment = true;
        push(*w.stream, std::move(part));
        r.events.clear();
        bytes = 0;
      }
      bytes += n;
      r.events.push_back(std::move(e));
    }
  }
  push(*w.stream, std::move(r));
  w.busy = true;
}

// The store is elsewhere than where its last command left it: everybody continues from history. Who waits for a
// revision that is still to come goes on waiting for it.
void WatchHub::Impl::lag_all(const Store& store) {
  const Revision next = planted<"K1">() ? store.compact_revision() + 1 : seen + 1;
  seen = store.revision();
  for (auto& [id, stream] : streams) {
    for (auto& [watch_id, w] : stream->watchers) {
      if (!w->synced) continue;
      if (planted<"K1">()) w->next = next;
      w->next = std::max(w->next, next);
      if (w->next <= seen) make_lagging(*w, w->next);
    }
  }
}

Event WatchHub::Impl::deliverable(const Watcher& w, const Event& e, const Store& store) const {
  Event out = e;
  const bool creates = e.type == EventType::kPut && e.kv.create_revision == e.kv.mod_revision;
  if (w.prev_kv && !creates) out.prev_kv = store.at(e.kv.key, e.kv.mod_revision - 1);
  return out;
}

// Hands the events of the last command to the synced watchers that want them.
void WatchHub::Impl::deliver(const Store& store) {
  std::vector<Watcher*> touched;
  for (const Event& e : store.last_events()) {
    index.match(e.kv.key.view(), [&](Watched* watched) {
      auto* w = static_cast<Watcher*>(watched);
      if (!w->wants(e)) return;
      if (w->batch.empty()) touched.push_back(w);
      w->batch.push_back(&e);
    });
  }
  for (Watcher* w : touched) {
    const std::vector<const Event*> batch = std::exchange(w->batch, {});
    if (!has_room(*w->stream)) {
      mark<"store.watcher_falls_behind">();
      make_lagging(*w, seen + 1);
      continue;
    }
    std::vector<Event> events;
    events.reserve(batch.size());
    for (const Event* e : batch) events.push_back(deliverable(*w, *e, store));
    push_events(*w, std::move(events), store.revision());
    w->next = store.revision() + 1;
  }
}

// Reads one stretch of history for the watchers of a stream that are furthest behind.
void WatchHub::Impl::catch_up(Stream& s, const Store& store) {
  const Revision compacted = store.compact_revision();
  while (!s.lagging.empty() && s.lagging.begin()->first < compacted) {
    if (!has_room(s)) return;
    Watcher& w = *s.lagging.begin()->second;
    if (planted<"K3">()) {
      s.lagging.erase({w.next, &w});
      make_lagging(w, compacted);
      continue;
    }
    mark<"store.watcher_compacted">();
    WatchResponse r;
    r.revision = store.revision();
    r.watch_id = w.id;
    r.canceled = true;
    r.compact_revision = compacted;
    remove(w);
    push(s, std::move(r));
  }
  if (s.lagging.empty()) return;
  const Store::History history = store.history(s.lagging.begin()->first - 1, store.revision(), config.catch_up_events);
  for (size_t n = 0; n < kWatchersPerRead && !s.lagging.empty() && has_room(s); ++n) {
    Watcher& w = *s.lagging.begin()->second;
    if (w.next > history.upto && w.next <= store.revision()) break;
    const Interval interval = w.interval();
    std::vector<Event> events;
    for (const Event& e : history.events) {
      if (interval.contains(e.kv.key.view()) && w.wants(e)) events.push_back(deliverable(w, e, store));
    }
    if (!events.empty()) push_events(w, std::move(events), store.revision());
    s.lagging.erase({w.next, &w});
    w.next = std::max(w.next, history.upto + 1);
    if (history.upto == store.revision()) {
      make_synced(w);
    } else {
      make_lagging(w, w.next);
    }
  }
}

void WatchHub::Impl::send_notice(Time now, Watcher& w, const Store& store) {
  arm(now, w);
  if (std::exchange(w.busy, false) || !w.synced || w.start > store.revision() || !has_room(*w.stream)) return;
  WatchResponse r;
  r.revision = store.revision();
  r.watch_id = w.id;
  push(*w.stream, std::move(r));
}

}  // namespace holdfast::store
