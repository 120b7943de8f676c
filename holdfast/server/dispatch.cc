#include "holdfast/server/dispatch.h"

namespace holdfast::server {

void Dispatcher::add(Action action) {
  if (actions_.empty()) schedule_();
  actions_.push_back(std::move(action));
}

service::CallId Dispatcher::call(CallOwner* owner, store::Request request, bool has_leader) {
  const service::CallId id = port_.next_call();
  calls_.emplace(id.value(), owner);
  add(MakeCall{id, std::move(request), has_leader});
  return id;
}

void Dispatcher::cancel(service::CallId call) {
  if (calls_.erase(call.value()) > 0) add(CancelCall{call});
}

store::StreamId Dispatcher::open_watch(WatchOwner* owner) {
  const store::StreamId stream = port_.next_stream();
  watches_.emplace(stream.value(), owner);
  add(OpenWatch{stream});
  return stream;
}

void Dispatcher::ask_watch(store::StreamId stream, store::WatchRequest request) {
  add(AskWatch{stream, std::move(request)});
}

void Dispatcher::take_watch(store::StreamId stream, size_t max) { add(TakeWatch{stream, max}); }

void Dispatcher::close_watch(store::StreamId stream) {
  if (watches_.erase(stream.value()) > 0) add(CloseWatch{stream});
}

// What the answers themselves lead to waits for the next round, so that a round ends.
void Dispatcher::flush() {
  if (actions_.empty()) return;
  std::swap(actions_, in_step_);
  std::vector<Taken> taken;
  port_.step(in_step_, taken);
  in_step_.clear();
  for (Taken& t : taken) {
    const auto owner = watches_.find(t.stream.value());
    if (owner != watches_.end()) owner->second->on_watch_taken(std::move(t.responses), t.all);
  }
}

void Dispatcher::on_reply(service::CallId call, store::Response response) {
  const auto found = calls_.find(call.value());
  if (found == calls_.end()) return;  // cancelled in the meantime
  CallOwner* owner = found->second;
  calls_.erase(found);
  owner->on_answer(call, std::move(response));
}

void Dispatcher::on_watch_ready(store::StreamId stream) {
  const auto owner = watches_.find(stream.value());
  if (owner != watches_.end()) owner->second->on_watch_ready();
}

}  // namespace holdfast::server
