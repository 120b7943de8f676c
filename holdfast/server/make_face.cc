// Connects the face with a real member: Backend, configuration, the store's metrics.
#include <spdlog/spdlog.h>

#include "holdfast/replica/engine_name.h"
#include "holdfast/runtime/url.h"
#include "holdfast/server/descriptors.h"
#include "holdfast/server/face.h"
#include "holdfast/server/process_metrics.h"

namespace holdfast::server {
namespace {

class BackendFace : public Clients {
 public:
  BackendFace(asio::io_context& loop, Backend& backend, runtime::Metrics& metrics, const FaceConfig& config)
      : port_(backend), face_(loop, port_, metrics, config) {}

  void on_reply(service::CallId call, store::Response response) override { face_.on_reply(call, std::move(response)); }
  void on_watch_ready(store::StreamId stream) override { face_.on_watch_ready(stream); }
  void on_role_changed(const service::RoleChanged& change) override { face_.on_role_changed(change); }
  void on_stopped(const std::string& why) override { face_.on_stopped(why); }
  bool drained() const override { return face_.drained(); }
  Face& face() { return face_; }

 private:
  BackendPort port_;
  Face face_;
};

void add_store_metrics(Backend& backend, runtime::Metrics& metrics) {
  using Kind = runtime::Metrics::Kind;
  const auto gauge = [&](const char* name, const char* help, auto value) {
    metrics.computed(Kind::kGauge, name, help,
                     [&backend, value] { return static_cast<double>(value(backend.service().store())); });
  };
  using store::Store;
  gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes that the store holds, garbage included.",
        [](const Store& s) { return s.bytes_held(); });
  gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of live versions.",
        [](const Store& s) { return s.bytes_in_use(); });
  gauge("etcd_server_quota_backend_bytes", "Bytes that the store may hold.",
        [](const Store& s) { return s.limits().quota_bytes; });
  gauge("etcd_debugging_mvcc_current_revision", "The store's revision.",
        [](const Store& s) { return s.revision().value(); });
  gauge("etcd_debugging_mvcc_compact_revision", "The revision up to which history was given up.",
        [](const Store& s) { return s.compact_revision().value(); });
}

}  // namespace

StatusOr<std::unique_ptr<Clients>> make_face(asio::io_context& loop, Backend& backend, const MemberConfig& config,
                                             runtime::Metrics& metrics) {
  FaceConfig face;
  face.max_request_bytes = config.max_request_bytes;
  face.election_timeout = config.election_timeout;
  face.version = HOLDFAST_VERSION;
  face.consensus = replica::name_of(config.engine);
  const size_t connections = connections_within(raise_descriptor_limit());
  if (connections < face.max_connections) {
    spdlog::warn("clients.few_descriptors connections={} usual={} what=\"raise the limit of open files\"", connections,
                 face.max_connections);
    face.max_connections = connections;
  }
  auto clients = std::make_unique<BackendFace>(loop, backend, metrics, face);
  for (const std::string& text : config.listen_client_urls) {
    const StatusOr<runtime::Url> url = runtime::parse_url(text);
    if (!url.ok()) return url.status();
    if (const Status s = clients->face().listen(url->host, url->port); !s.ok()) {
      return Status(s.code(), "--listen-client-urls: " + std::string(s.message()));
    }
  }
  add_store_metrics(backend, metrics);
  add_process_metrics(metrics);
  metrics
      .gauge("etcd_server_version", "The version of the API that is served.",
             {{"server_version", std::string(kApiVersion)}})
      .set(1);
  metrics.gauge("etcd_cluster_version", "The version of the API of the cluster.", {{"cluster_version", "3.6"}}).set(1);
  metrics.gauge("holdfast_build_info", "This program's version.", {{"version", HOLDFAST_VERSION}}).set(1);
  return clients;
}

}  // namespace holdfast::server
