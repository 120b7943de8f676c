// The inside of a Member. Internal to the files member*.cc.
//
// Split by what is done: member.cc (start, run, stop), member_host.cc (what the node's host and the clients ask of it).
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/steady_timer.hpp>

#include "holdfast/runtime/node_host.h"
#include "holdfast/runtime/posix_disk.h"
#include "holdfast/server/member.h"
#include "holdfast/server/member_identity.h"

namespace holdfast::server {

struct Member::Impl final : Backend, runtime::NodeHost<service::Service>::Owner {
  explicit Impl(const MemberConfig& c);
  ~Impl() override;

  // --- Start (member.cc) ---
  Status open_directories();
  Status find_identity();
  Status check_flags_against_identity();
  Status listen(const MakeClients& make_clients);
  Status recover();
  void register_metrics();
  service::Config service_config() const;

  // --- Life (member.cc) ---
  Status run();
  void begin_stop();
  void finish(Status why);  // serves no longer; the loop ends once the clients have been told
  void drain_clients(int rounds_left);
  void close_all();

  // --- What the host of the node asks (member_host.cc) ---
  void on_event(service::Event event) override;
  void on_log_failed(const Status& why) override { finish(why); }
  Time on_turn(Time now) override;
  void on_peer_refused(NodeId peer, runtime::Refusal reason) override;
  bool was_removed(NodeId id) const override;
  std::vector<runtime::PeerMember> peer_members() const override;
  void on_role_changed(const service::RoleChanged& change);
  void on_engine_refused(NodeId peer);
  void note_members();
  void save_members();

  // --- What the clients ask (member_host.cc) ---
  const Identity& identity() const override { return identity_; }
  void set_clients(Clients* clients) override { told_ = clients; }
  service::CallId next_call() override { return service::CallId(++last_call_); }
  store::StreamId next_stream() override { return store::StreamId(++last_stream_); }
  void step(const Step& what) override;
  const service::Service& service() const override { return *service_; }

  const MemberConfig config_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  runtime::Metrics metrics_;
  Identity identity_;
  MemberIdentity file_;
  bool fresh_ = false;  // there was no IDENTITY file
  std::optional<replica::ByzantineConfig> byzantine_;
  uint64_t incarnation_ = 0;

  std::unique_ptr<runtime::PosixDisk> data_disk_;
  std::unique_ptr<runtime::PosixDisk> wal_disk_;
  std::unique_ptr<runtime::PosixDisk> blob_disk_;

  std::unique_ptr<service::Service> service_;
  std::unique_ptr<runtime::NodeHost<service::Service>> host_;
  std::unique_ptr<Clients> clients_;
  Clients* told_ = nullptr;  // who is told what happens: clients_, or whom they set

  asio::steady_timer drain_timer_{loop_};
  bool stopping_ = false;
  Time stop_deadline_;
  bool finished_ = false;
  Status result_;
  std::vector<store::Member> members_;  // as given to the transport
  std::vector<store::Member> noted_;    // the store's table when they were
  bool some_leave_ = false;             // among members_ are some who only decide until their epoch ends
  NodeId leader_;
  // How many others must say the same before it is believed: one, or more than may lie.
  size_t believed() const;
  std::set<NodeId> say_removed_;   // who says that this member was removed
  std::set<NodeId> other_engine_;  // who refuses this member because it runs another engine
  uint64_t last_call_ = 0;
  uint64_t last_stream_ = 0;

  runtime::Counter& leader_changes_;
  runtime::Gauge& is_leader_;
  runtime::Gauge& has_leader_;
  runtime::Gauge& term_;
};

}  // namespace holdfast::server
