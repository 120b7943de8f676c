// Brings what clients want to the member, many at once, and the answers back to those who wait for them.
//
// Everything that one round of the event loop has read becomes one step of the member: its reads share one read index,
// its writes one append. Nothing is carried out before flush(); `schedule` is called when there is something to flush.
#pragma once

#include <functional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "holdfast/server/port.h"

namespace holdfast::server {

class CallOwner {
 public:
  virtual ~CallOwner() = default;
  // The one answer to a call. The call is over.
  virtual void on_answer(service::CallId call, store::Response response) = 0;
};

class WatchOwner {
 public:
  virtual ~WatchOwner() = default;
  // There are responses: take_watch() when they can be used.
  virtual void on_watch_ready() = 0;
  // `all`: the rest will be announced by on_watch_ready; otherwise there is more to take.
  virtual void on_watch_taken(std::vector<store::WatchResponse> responses, bool all) = 0;
};

class Dispatcher {
 public:
  Dispatcher(Port& port, std::function<void()> schedule) : port_(port), schedule_(std::move(schedule)) {}

  // Owners cancel or close what they began before they go.
  service::CallId call(CallOwner* owner, store::Request request, bool has_leader);
  void cancel(service::CallId call);
  store::StreamId open_watch(WatchOwner* owner);
  void ask_watch(store::StreamId stream, store::WatchRequest request);
  void take_watch(store::StreamId stream, size_t max);
  void close_watch(store::StreamId stream);

  void flush();

  // From the member.
  void on_reply(service::CallId call, store::Response response);
  void on_watch_ready(store::StreamId stream);

  size_t calls() const { return calls_.size(); }
  size_t watch_streams() const { return watches_.size(); }

 private:
  void add(Action action);

  Port& port_;
  std::function<void()> schedule_;
  std::vector<Action> actions_;
  std::vector<Action> in_step_;
  absl::flat_hash_map<uint64_t, CallOwner*> calls_;
  absl::flat_hash_map<uint64_t, WatchOwner*> watches_;
};

}  // namespace holdfast::server
