#include "holdfast/server/shared.h"

#include <chrono>

namespace holdfast::server {
namespace {

runtime::Labels labels_of(const Method& m) {
  return {{"grpc_method", std::string(m.name)},
          {"grpc_service", std::string(m.service)},
          {"grpc_type", std::string(to_string(m.shape))}};
}

}  // namespace

void Deadlines::expire(Time now) {
  while (!owners_.empty() && owners_.begin()->first <= now) {
    Owner* owner = owners_.begin()->second;
    owners_.erase(owners_.begin());
    owner->on_deadline();
  }
}

CallMetrics::CallMetrics(runtime::Metrics& metrics)
    : metrics_(metrics),
      per_method_(methods().size()),
      received_bytes_(&metrics.counter("etcd_network_client_grpc_received_bytes_total",
                                       "Bytes of messages received from clients.")),
      sent_bytes_(&metrics.counter("etcd_network_client_grpc_sent_bytes_total", "Bytes of messages sent to clients.")) {
  for (const Method& m : methods()) {
    PerMethod& p = at(m);
    p.started = &metrics.counter("grpc_server_started_total", "Calls begun.", labels_of(m));
    p.received = &metrics.counter("grpc_server_msg_received_total", "Messages received in calls.", labels_of(m));
    p.sent = &metrics.counter("grpc_server_msg_sent_total", "Messages sent in calls.", labels_of(m));
    if (m.handler == Handler::kCall) {
      p.seconds = &metrics.histogram("holdfast_call_seconds", "Time from the request's arrival to its response.",
                                     runtime::exponential_bounds(0.0001, 2, 16),
                                     {{"method", std::string(m.name)}, {"service", std::string(m.service)}});
    }
  }
}

void CallMetrics::handled(const Method& m, Code code, Duration took) {
  PerMethod& p = at(m);
  runtime::Counter*& counter = p.handled[static_cast<size_t>(code)];
  if (counter == nullptr) {
    runtime::Labels labels = labels_of(m);
    labels.insert(labels.begin(), {"grpc_code", std::string(code_name(code))});
    counter = &metrics_.counter("grpc_server_handled_total", "Calls ended, by how they ended.", labels);
  }
  counter->add();
  if (p.seconds != nullptr) p.seconds->observe(static_cast<double>(took.nanos()) * 1e-9);
}

Time Shared::now() {
  return Time::at_nanos(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

}  // namespace holdfast::server
