#include "holdfast/store/watch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "holdfast/base/assert.h"
#include "holdfast/base/mark.h"
#include "holdfast/base/planted.h"
#include "holdfast/store/watch_impl.h"

namespace holdfast::store {

// An answer to a request is never dropped: the client is waiting for it.
void WatchHub::Impl::answer(Stream& s, WatchResponse r) {
  if (s.queue.size() < config.max_watchers_per_stream + kSpareResponses) return push(s, std::move(r));
  mark<"store.watch_stream_lost">();
  while (!s.watchers.empty()) remove(*s.watchers.begin()->second);
  s.lost = true;
  r = {};
  r.revision = seen;
  r.watch_id = kNoWatch;
  r.canceled = true;
  r.cancel_reason = "watch stream closed: the client does not read its responses";
  push(s, std::move(r));
}

void WatchHub::Impl::create(Time now, Stream& s, const WatchCreateRequest& request, const Store& store) {
  const auto refuse = [&](const char* why) {
    WatchResponse r;
    r.revision = store.revision();
    r.watch_id = kNoWatch;
    r.created = r.canceled = true;
    r.cancel_reason = why;
    answer(s, std::move(r));
  };
  if (request.start_revision < Revision{}) return refuse("etcdserver: mvcc: required revision has been compacted");
  auto w = std::make_unique<Watcher>();
  // An empty key stands for the smallest one.
  w->key = Slice::copy_of(request.key.empty() ? std::string_view("\0", 1) : request.key.view());
  w->range_end = Slice::copy_of(request.range_end.view());
  if (w->interval().is_empty()) return refuse("mvcc: watcher range is empty");
  if (s.watchers.size() >= config.max_watchers_per_stream) return refuse("too many watchers on one watch stream");
  if (request.watch_id == 0) {
    while (s.watchers.contains(s.next_id)) ++s.next_id;
    w->id = s.next_id++;
  } else {
    if (s.watchers.contains(request.watch_id)) return refuse("mvcc: duplicate watch ID provided on the WatchStream");
    w->id = request.watch_id;
  }
  w->stream = &s;
  w->number = ++created;
  w->start = request.start_revision;
  w->no_put = request.no_put;
  w->no_delete = request.no_delete;
  w->prev_kv = request.prev_kv;
  w->fragment = request.fragment;
  w->notice = Time::never();

  Watcher& watcher = *w;
  s.watchers.emplace(w->id, std::move(w));
  ++watchers;
  WatchResponse r;
  r.revision = store.revision();
  r.watch_id = watcher.id;
  r.created = true;
  answer(s, std::move(r));
  if (s.lost) return;
  if (request.progress_notify) arm(now, watcher);
  const bool from_now = request.start_revision == Revision{};
  watcher.next = from_now ? store.revision() + 1 : request.start_revision;
  if (watcher.next > store.revision()) {
    make_synced(watcher);
  } else {
    make_lagging(watcher, watcher.next);
  }
}

void WatchHub::Impl::cancel(Stream& s, int64_t id, const Store& store) {
  const auto it = s.watchers.find(id);
  if (it == s.watchers.end()) return;
  remove(*it->second);
  WatchResponse r;
  r.revision = store.revision();
  r.watch_id = id;
  r.canceled = true;
  answer(s, std::move(r));
}

// One notice for the whole stream, and only if it is true for each of its watchers.
void WatchHub::Impl::progress(Stream& s, const Store& store) {
  if (s.watchers.empty()) return;
  if (!s.lagging.empty() && !planted<"K2">()) return mark<"store.progress_while_lagging">();
  for (const auto& [id, w] : s.watchers) {
    if (w->start > store.revision()) return;
  }
  // A second notice of the same revision, still unread, would say nothing.
  if (!s.queue.empty()) {
    const WatchResponse& last = s.queue.back().first;
    if (last.watch_id == kNoWatch && !last.created && !last.canceled && last.revision == store.revision()) return;
  }
  WatchResponse r;
  r.revision = store.revision();
  r.watch_id = kNoWatch;
  answer(s, std::move(r));
}

void WatchHub::Impl::remove(Watcher& w) {
  Stream& s = *w.stream;
  if (w.synced) {
    index.remove(&w);
  } else {
    s.lagging.erase({w.next, &w});
  }
  notices.erase({w.notice, w.number});
  s.watchers.erase(w.id);
  --watchers;
  refresh(s);
}

void WatchHub::Impl::make_synced(Watcher& w) {
  w.synced = true;
  index.add(&w);
}

void WatchHub::Impl::make_lagging(Watcher& w, Revision next) {
  if (w.synced) index.remove(&w);
  w.synced = false;
  w.next = std::max(w.next, next);
  w.stream->lagging.emplace(w.next, &w);
  refresh(*w.stream);
}

void WatchHub::Impl::arm(Time now, Watcher& w) {
  notices.erase({w.notice, w.number});
  const int64_t interval = std::max<int64_t>(config.progress_interval.nanos(), 1);
  // Up to a tenth more, so that watchers made together do not stay together.
  w.notice = now + Duration::nanos(interval + random.between(0, interval / 10));
  notices.emplace(std::pair(w.notice, w.number), &w);
}

WatchHub::WatchHub(const WatchConfig& config, uint64_t seed) : impl_(std::make_unique<Impl>(config, seed)) {}
WatchHub::~WatchHub() = default;

void WatchHub::open(StreamId stream) {
  auto s = std::make_unique<Stream>();
  s->id = stream;
  const bool fresh = impl_->streams.emplace(stream, std::move(s)).second;
  ensure(fresh, "a watch stream is opened once");
}

void WatchHub::close(StreamId stream) {
  const auto it = impl_->streams.find(stream);
  if (it == impl_->streams.end()) return;
  Stream& s = *it->second;
  while (!s.watchers.empty()) impl_->remove(*s.watchers.begin()->second);
  impl_->ready.erase(stream);
  impl_->newly_ready.erase(stream);
  impl_->runnable.erase(stream);
  impl_->streams.erase(it);
}

void WatchHub::request(Time now, StreamId stream, const WatchRequest& request, const Store& store) {
  const auto it = impl_->streams.find(stream);
  if (it == impl_->streams.end() || it->second->lost) return;
  impl_->see(store);
  Stream& s = *it->second;
  if (const auto* create = std::get_if<WatchCreateRequest>(&request)) {
    impl_->create(now, s, *create, store);
  } else if (const auto* cancel = std::get_if<WatchCancelRequest>(&request)) {
    impl_->cancel(s, cancel->watch_id, store);
  } else {
    impl_->progress(s, store);
  }
}

void WatchHub::applied(Time, const Store& store) {
  const std::vector<Event>& events = store.last_events();
  if (events.empty() || events.front().kv.mod_revision != impl_->seen + 1) return impl_->see(store);
  if (impl_->watchers > 0) impl_->deliver(store);
  impl_->seen = store.revision();
}

void WatchHub::store_replaced(const Store& store) { impl_->lag_all(store); }

bool WatchHub::work(Time now, const Store& store) {
  impl_->see(store);
  for (int n = 0; n < kNoticesPerWork && !impl_->notices.empty(); ++n) {
    const auto first = impl_->notices.begin();
    if (first->first.first > now) break;
    impl_->send_notice(now, *first->second, store);
  }
  for (int n = 0; n < kReadsPerWork && !impl_->runnable.empty(); ++n) {
    auto it = impl_->runnable.upper_bound(impl_->last_run);
    if (it == impl_->runnable.end()) it = impl_->runnable.begin();
    impl_->last_run = *it;
    Stream& s = *impl_->streams.at(*it);
    impl_->catch_up(s, store);
    impl_->refresh(s);
  }
  return has_work(now);
}

bool WatchHub::has_work(Time now) const { return !impl_->runnable.empty() || deadline() <= now; }

Time WatchHub::deadline() const { return impl_->notices.empty() ? Time::never() : impl_->notices.begin()->first.first; }

std::vector<StreamId> WatchHub::ready() const { return {impl_->ready.begin(), impl_->ready.end()}; }

std::vector<StreamId> WatchHub::newly_ready() {
  const std::set<StreamId> streams = std::exchange(impl_->newly_ready, {});
  return {streams.begin(), streams.end()};
}

std::vector<WatchResponse> WatchHub::take(StreamId stream, size_t max) {
  std::vector<WatchResponse> out;
  const auto it = impl_->streams.find(stream);
  if (it == impl_->streams.end()) return out;
  Stream& s = *it->second;
  while (!s.queue.empty() && out.size() < max) {
    s.queued_bytes -= s.queue.front().second;
    out.push_back(std::move(s.queue.front().first));
    s.queue.pop_front();
  }
  if (out.size() < max) {
    s.named = false;
    impl_->newly_ready.erase(stream);
  }
  impl_->refresh(s);
  return out;
}

size_t WatchHub::watchers() const { return impl_->watchers; }

}  // namespace holdfast::store
