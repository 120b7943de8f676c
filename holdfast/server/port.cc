#include "holdfast/server/port.h"

namespace holdfast::server {
namespace {

struct Carry {
  service::Service& service;
  Time now;
  service::Service::Out& out;
  std::vector<Taken>& taken;

  void operator()(MakeCall& a) const { service.call(now, a.call, std::move(a.request), a.has_leader, out); }
  void operator()(CancelCall& a) const { service.cancel(a.call); }
  void operator()(OpenWatch& a) const { service.watch_open(a.stream); }
  void operator()(AskWatch& a) const { service.watch_request(now, a.stream, a.request, out); }
  void operator()(CloseWatch& a) const { service.watch_close(a.stream); }
  void operator()(TakeWatch& a) const {
    std::vector<store::WatchResponse> responses = service.take_watch(a.stream, a.max);
    const bool all = responses.size() < a.max;
    taken.push_back({a.stream, std::move(responses), all});
  }
};

}  // namespace

void BackendPort::step(std::vector<Action>& actions, std::vector<Taken>& taken) {
  backend_.step([&](service::Service& service, Time now, service::Service::Out& out) {
    for (Action& action : actions) std::visit(Carry{service, now, out, taken}, action);
  });
}

Facts BackendPort::facts() const {
  const store::Store& store = backend_.service().store();
  Facts facts{.revision = store.revision()};
  const store::Member* self = store.member(identity().member_id);
  facts.is_learner = self != nullptr && self->is_learner;
  const store::Response alarms = store.alarms();
  if (const auto* response = std::get_if<store::AlarmResponse>(&alarms)) facts.alarms = response->alarms;
  return facts;
}

}  // namespace holdfast::server
