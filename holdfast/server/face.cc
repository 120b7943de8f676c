#include "holdfast/server/face.h"

#include <algorithm>
#include <chrono>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "absl/container/flat_hash_set.h"
#include "holdfast/base/mark.h"
#include "holdfast/runtime/sockets.h"
#include "holdfast/server/connection.h"

namespace holdfast::server {
namespace {

using asio::ip::tcp;
constexpr auto kSweep = std::chrono::seconds(1);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // after running out of descriptors

struct Listener {
  Listener(asio::io_context& loop, tcp::acceptor listening) : acceptor(std::move(listening)), pause(loop) {}
  tcp::acceptor acceptor;
  asio::steady_timer pause;
};

std::chrono::steady_clock::time_point clock_of(Time t) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(t.nanos()));
}

}  // namespace

struct Face::Impl : Connection::Owner, Deadlines::Owner, std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& loop, Port& port, runtime::Metrics& metrics, const FaceConfig& config)
      : loop(loop), shared(port, metrics, config, [this] { schedule(); }), deadline_timer(loop), sweep_timer(loop) {
    leader_gauge = &metrics.gauge("etcd_server_has_leader", "Whether a leader is known: 1 or 0.");
    is_leader_gauge = &metrics.gauge("etcd_server_is_leader", "Whether this member leads: 1 or 0.");
    leader_changes = &metrics.counter("etcd_server_leader_changes_seen_total", "Leaders that came into office.");
    accepted = &metrics.counter("holdfast_client_connections_accepted_total", "Connections taken from clients.");
    refused = &metrics.counter("holdfast_client_connections_refused_total", "Connections closed at once: too many.");
  }

  void accept(const std::shared_ptr<Listener>& listener) {
    listener->acceptor.async_accept(
        [weak = weak_from_this(), listener](const asio::error_code& error, tcp::socket socket) {
          const auto self = weak.lock();
          if (!self || !listener->acceptor.is_open()) return;
          if (!error) {
            self->take(std::move(socket));
            self->accept(listener);
            return;
          }
          mark<"server.accept_failed">();
          listener->pause.expires_after(kAcceptPause);
          listener->pause.async_wait([weak, listener](const asio::error_code& cancelled) {
            const auto again = weak.lock();
            if (!cancelled && again && listener->acceptor.is_open()) again->accept(listener);
          });
        });
  }

  void take(tcp::socket socket) {
    if (connections.size() >= shared.config.max_connections) {
      mark<"server.too_many_connections">();
      refused->add();
      return;  // closes it
    }
    accepted->add();
    auto connection = std::make_shared<Connection>(shared, *this, std::move(socket));
    connections.insert(connection);
    connection->start();
  }

  void schedule() {
    if (round_posted) return;
    round_posted = true;
    asio::post(loop, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->round();
    });
  }

  // Runs behind all handlers that were ready: what they have read becomes one step.
  void round() {
    round_posted = false;
    if (!shared.stopping) shared.dispatcher.flush();
    std::vector<std::shared_ptr<Connection>> now_dirty;
    now_dirty.swap(dirty);
    for (const auto& connection : now_dirty) connection->flush();
    arm_deadlines();
  }

  void arm_deadlines() {
    const Time first = shared.deadlines.first();
    if (first >= armed) return;
    armed = first;
    deadline_timer.expires_at(clock_of(first));
    deadline_timer.async_wait([weak = weak_from_this()](const asio::error_code& cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self) return;
      self->armed = Time::never();
      self->shared.deadlines.expire(Shared::now());
      self->arm_deadlines();
    });
  }

  void sweep() {
    sweep_timer.expires_after(kSweep);
    sweep_timer.async_wait([weak = weak_from_this()](const asio::error_code& cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self) return;
      const Time now = Shared::now();
      for (const auto& connection : self->all_connections()) connection->check_time(now);
      self->sweep();
    });
  }

  void stop() {
    if (shared.stopping) return;
    shared.stopping = true;
    for (const auto& listener : listeners) {
      asio::error_code ignored;
      listener->acceptor.close(ignored);
      listener->pause.cancel();
    }
    for (const auto& connection : all_connections()) connection->stop();
    deadline_timer.cancel();
    sweep_timer.cancel();
  }

  std::vector<std::shared_ptr<Connection>> all_connections() const { return {connections.begin(), connections.end()}; }

  void on_dirty(const std::shared_ptr<Connection>& connection) override {
    dirty.push_back(connection);
    schedule();
  }
  void on_closed(const std::shared_ptr<Connection>& connection) override { connections.erase(connection); }

  // No leader for three election timeouts.
  void on_deadline() override {
    leaderless_until = Time::never();
    const std::vector<LeaderBound*> bound(shared.leader_bound.begin(), shared.leader_bound.end());
    for (LeaderBound* stream : bound) stream->on_leader_lost();
  }

  void role_changed(const service::RoleChanged& change) {
    const bool has_leader = static_cast<bool>(change.leader);
    if (has_leader && change.leader != last_leader) leader_changes->add();
    if (has_leader) last_leader = change.leader;
    shared.has_leader = has_leader;
    shared.is_leader = change.role == consensus::Role::kLeader;
    shared.raft_term = change.term.value();
    leader_gauge->set(has_leader);
    is_leader_gauge->set(shared.is_leader);
    if (has_leader && leaderless_until != Time::never()) {
      shared.deadlines.remove(this, leaderless_until);
      leaderless_until = Time::never();
    } else if (!has_leader && leaderless_until == Time::never()) {
      leaderless_until = Shared::now() + shared.config.election_timeout * 3;
      shared.deadlines.add(this, leaderless_until);
      arm_deadlines();
    }
  }

  asio::io_context& loop;
  Shared shared;
  std::vector<std::shared_ptr<Listener>> listeners;
  absl::flat_hash_set<std::shared_ptr<Connection>> connections;
  std::vector<std::shared_ptr<Connection>> dirty;
  bool round_posted = false;
  asio::steady_timer deadline_timer;
  asio::steady_timer sweep_timer;
  Time armed = Time::never();
  NodeId last_leader;
  Time leaderless_until = Time::never();
  runtime::Gauge* leader_gauge;
  runtime::Gauge* is_leader_gauge;
  runtime::Counter* leader_changes;
  runtime::Counter* accepted;
  runtime::Counter* refused;
};

Face::Face(asio::io_context& loop, Port& port, runtime::Metrics& metrics, const FaceConfig& config)
    : impl_(std::make_shared<Impl>(loop, port, metrics, config)) {
  impl_->sweep();
}

Face::~Face() {
  impl_->stop();
  for (const auto& connection : impl_->all_connections()) connection->close();
}

Status Face::listen(const std::string& host, uint16_t port) {
  StatusOr<tcp::acceptor> acceptor = runtime::listen_on(impl_->loop, {host.empty() ? "0.0.0.0" : host, port});
  if (!acceptor.ok()) return acceptor.status();
  const auto listener = std::make_shared<Listener>(impl_->loop, *std::move(acceptor));
  impl_->listeners.push_back(listener);
  impl_->accept(listener);
  return absl::OkStatus();
}

std::vector<uint16_t> Face::ports() const {
  std::vector<uint16_t> ports;
  for (const auto& listener : impl_->listeners) {
    asio::error_code error;
    ports.push_back(listener->acceptor.local_endpoint(error).port());
  }
  return ports;
}

void Face::on_reply(service::CallId call, store::Response response) {
  impl_->shared.dispatcher.on_reply(call, std::move(response));
}
void Face::on_watch_ready(store::StreamId stream) { impl_->shared.dispatcher.on_watch_ready(stream); }
void Face::on_role_changed(const service::RoleChanged& change) { impl_->role_changed(change); }
void Face::on_stopped(const std::string&) { impl_->stop(); }
size_t Face::connections() const { return impl_->connections.size(); }

}  // namespace holdfast::server
