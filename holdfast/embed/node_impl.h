// The inside of a Node. Internal to embed/.
//
// Split by what is done: node_start.cc (what is opened and checked before it runs), node.cc (run, stop, the face).
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include "holdfast/embed/node.h"
#include "holdfast/replica/machine.h"
#include "holdfast/runtime/node_host.h"
#include "holdfast/runtime/posix_disk.h"

namespace holdfast {

struct Node::Impl final : runtime::NodeHost<replica::Machine>::Owner {
  using Machine = replica::Machine;
  using Host = runtime::NodeHost<Machine>;

  enum class Kind { kSubmit, kQuery, kAdd, kRemove };
  struct Request {
    Kind kind = Kind::kSubmit;
    std::string bytes;
    GroupMember member;
    Done done;
  };

  Impl(NodeOptions o, std::unique_ptr<StateMachine> m) : options(std::move(o)), machine(std::move(m)) {}
  ~Impl() override {
    if (thread.joinable()) {
      begin_stop();
      thread.join();
    }
  }

  // --- Start (node_start.cc) ---
  Status open();
  Status open_directories();
  Status make_core();
  Status listen();

  // --- Life; the node's thread (node.cc) ---
  void run();
  void put(Request request);
  void take_requests();
  void finish(Status why);
  void publish();
  void show_members();
  void begin_stop() {
    asio::post(loop, [this] {
      if (stopping || host->halted()) return;
      stopping = true;
      host->hurry();
      host->step([](Machine& m, Time now, Machine::Out& out) { m.stop(now, out); });
    });
  }
  void on_event(replica::MachineEvent event) override;
  void on_log_failed(const Status& why) override { finish(why); }
  Time on_turn(Time now) override;
  bool was_removed(NodeId id) const override { return core->replica().was_removed(id); }
  void on_peer_refused(NodeId peer, runtime::Refusal reason) override;
  std::vector<runtime::PeerMember> peer_members() const override;
  void on_stranger(NodeId peer, runtime::Refusal reason);
  // How many others must say the same before it is believed.
  size_t believed() const;
  size_t others() const;
  Status gone() const;

  const NodeOptions options;
  std::unique_ptr<StateMachine> machine;
  asio::io_context loop{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{loop.get_executor()};
  runtime::Metrics metrics;
  std::unique_ptr<runtime::PosixDisk> data_disk, log_disk, blob_disk;
  std::unique_ptr<Machine> core;
  std::unique_ptr<Host> host;
  std::thread thread;

  // The node's thread's own.
  std::map<uint64_t, Done> waiting;
  uint64_t last_call = 0;
  bool stopping = false;
  Status result;
  std::vector<replica::MachineMember> met;  // as given to the transport
  bool starting = true;
  Status must_stop;              // what the core said while it was started
  std::set<NodeId> say_removed;  // who refuses this member because it was removed
  std::set<NodeId> strangers;    // who refuses it because it is of another group or engine

  // Shared.
  mutable std::mutex mutex;
  std::condition_variable ended_wake;
  std::vector<Request> requests;
  bool taking = false;  // take_requests() is on its way
  bool ended = false;
  std::vector<GroupMember> members_now;
  bool leads_now = false;
  uint64_t leader_now = 0;
};

}  // namespace holdfast
