// The inside of a Member. Internal to the files member*.cc.
//
// Split by what is done: member.cc (start, run, stop), member_host.cc (what the pump, the threads, the peers and the
// clients ask of it).
//
// One turn of the loop: inputs of any kind (messages, calls, stable records, blobs) run as steps of the pump as they
// come; once all that were ready have been handled, settle() lets the service send what has gathered, hands the records
// of the whole turn to the log thread together, and arms the timer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/steady_timer.hpp>

#include "holdfast/host/pump.h"
#include "holdfast/runtime/blob_thread.h"
#include "holdfast/runtime/log_thread.h"
#include "holdfast/runtime/peer_transport.h"
#include "holdfast/runtime/posix_disk.h"
#include "holdfast/server/member.h"
#include "holdfast/server/member_identity.h"

namespace holdfast::server {

struct Member::Impl final : Backend, runtime::PeerTransport::Owner, runtime::LogThread::Owner {
  explicit Impl(const MemberConfig& c);
  ~Impl() override;

  // --- Start (member.cc) ---
  Status open_directories();
  Status find_identity();
  Status check_flags_against_identity();
  Status listen(const MakeClients& make_clients);
  Status recover();
  Status replay_log();
  void register_metrics();
  service::Config service_config() const;

  // --- Life (member.cc) ---
  Status run();
  void begin_stop();
  void finish(Status why);  // serves no longer; the loop ends once the clients have been told
  void drain_clients(int rounds_left);
  void close_all();

  // --- Platform of the pump (member_host.cc) ---
  void append(StableSeq seq, Chain record);
  void release(StableSeq first_needed);
  void transmit(NodeId to, Chain message);
  void raise(service::Event event);
  void blob(BlobRequest request);

  // --- Turns of the loop (member_host.cc) ---
  template <class Input>
  void input(Input&& run) {
    if (finished_) return;
    ensure(!inside_, "a step of a member does not begin inside another");
    inside_ = true;
    run();
    inside_ = false;
    settle_soon();
  }
  void settle_soon();
  void settle();
  void arm(Time now);
  void note_members();
  void save_members();

  // --- What is asked of a member (member_host.cc) ---
  const Identity& identity() const override { return identity_; }
  void set_clients(Clients* clients) override { told_ = clients; }
  service::CallId next_call() override { return service::CallId(++last_call_); }
  store::StreamId next_stream() override { return store::StreamId(++last_stream_); }
  void step(const Step& what) override;
  const service::Service& service() const override { return *service_; }
  bool on_peer_message(NodeId from, Slice message) override;
  void on_peer_refused(NodeId peer, runtime::Refusal reason) override;
  bool was_removed(NodeId id) const override;
  std::vector<runtime::PeerMember> peer_members() const override;
  void on_log_stable(StableSeq upto) override;
  void on_log_failed(const Status& why) override;
  void on_role_changed(const service::RoleChanged& change);

  using Pump = host::Pump<service::Service, Impl>;

  const MemberConfig config_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  runtime::Metrics metrics_;
  Identity identity_;
  MemberIdentity file_;
  bool fresh_ = false;  // there was no IDENTITY file
  uint64_t incarnation_ = 0;

  std::unique_ptr<runtime::PosixDisk> data_disk_;
  std::unique_ptr<runtime::PosixDisk> wal_disk_;
  std::unique_ptr<runtime::PosixDisk> blob_disk_;

  std::unique_ptr<service::Service> service_;
  std::unique_ptr<Pump> pump_;
  std::unique_ptr<runtime::LogThread> log_;
  std::unique_ptr<runtime::BlobThread> blobs_;
  std::unique_ptr<runtime::PeerTransport> peers_;
  std::unique_ptr<Clients> clients_;
  Clients* told_ = nullptr;  // who is told what happens: clients_, or whom they set

  asio::steady_timer timer_{loop_};
  Time armed_ = Time::never();
  bool inside_ = false;  // a step of the pump is under way
  bool settle_posted_ = false;
  bool stopping_ = false;
  Time stop_deadline_;
  bool finished_ = false;
  Status result_;
  std::vector<store::Member> members_;  // as given to the transport
  NodeId leader_;
  uint64_t last_call_ = 0;
  uint64_t last_stream_ = 0;

  runtime::Counter& leader_changes_;
  runtime::Gauge& is_leader_;
  runtime::Gauge& has_leader_;
  runtime::Gauge& term_;
  runtime::Histogram& lag_seconds_;
};

}  // namespace holdfast::server
