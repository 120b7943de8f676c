// The client-facing part of a member: listens on the client URLs and serves the etcd v3 API (gRPC over HTTP/2) and the
// HTTP endpoints (HTTP/1.1 and HTTP/2) on the same ports.
//
// One thread: the loop's. It never blocks, and what one round of the loop has read becomes one step of the member.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "holdfast/base/status.h"
#include "holdfast/runtime/metrics.h"
#include "holdfast/server/backend.h"
#include "holdfast/server/member_config.h"
#include "holdfast/server/port.h"
#include "holdfast/server/shared.h"

namespace holdfast::server {

class Face : public Clients {
 public:
  // `port` and `metrics` must outlive it.
  Face(asio::io_context& loop, Port& port, runtime::Metrics& metrics, const FaceConfig& config);
  ~Face() override;  // closes everything

  // Binds an address ("0.0.0.0", "::1", "localhost") and serves it. Port 0: any. kInvalidArgument: not an address of
  // this machine; kUnavailable: taken; kPermissionDenied: not ours to take.
  Status listen(const std::string& host, uint16_t port);
  // Of every listening socket, in the order of listen().
  std::vector<uint16_t> ports() const;

  void on_reply(service::CallId call, store::Response response) override;
  void on_watch_ready(store::StreamId stream) override;
  void on_role_changed(const service::RoleChanged& change) override;
  void on_stopped(const std::string& why) override;
  bool drained() const override { return connections() == 0; }

  size_t connections() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// As Member wants it: binds config.listen_client_urls and connects the face with the backend.
StatusOr<std::unique_ptr<Clients>> make_face(asio::io_context& loop, Backend& backend, const MemberConfig& config,
                                             runtime::Metrics& metrics);

}  // namespace holdfast::server
