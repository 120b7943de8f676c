// What the client-facing shell needs of a running member, so that neither knows how the other is built.
//
// Thread rule: everything here is called on the member's event loop.
#pragma once

#include <functional>
#include <string>

#include "holdfast/service/service.h"

namespace holdfast::server {

struct Identity {
  uint64_t cluster_id = 0;
  NodeId member_id;
  std::string name;
};

// Takes what the service tells its clients. Called from within Backend::step or from the loop; it may not call
// Backend::step itself but defers that to the loop.
class Clients {
 public:
  virtual ~Clients() = default;
  virtual void on_reply(service::CallId call, store::Response response) = 0;
  virtual void on_watch_ready(store::StreamId stream) = 0;
  virtual void on_role_changed(const service::RoleChanged& change) = 0;
  // The member stops: answer nothing more, close connections.
  virtual void on_stopped(const std::string& why) = 0;
  // Asked after on_stopped(), for a bounded time: whether nothing is left to be sent.
  virtual bool drained() const { return true; }
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const Identity& identity() const = 0;
  virtual void set_clients(Clients* clients) = 0;
  // Numbers for calls and streams, unique while the process runs.
  virtual service::CallId next_call() = 0;
  virtual store::StreamId next_stream() = 0;
  // Runs `what` as one step of the service; its effects are carried out afterwards, together. Put everything that one
  // batch of socket input holds into one step: its reads share one read index, its writes one append.
  using Step = std::function<void(service::Service&, Time now, service::Service::Out&)>;
  virtual void step(const Step& what) = 0;
  virtual const service::Service& service() const = 0;
};

}  // namespace holdfast::server
