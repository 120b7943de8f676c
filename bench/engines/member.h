// One member of the group, with its clients: a thread, an event loop, sockets, a log and snapshots on disk.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "bench/engines/group.h"
#include "bench/engines/key_values.h"
#include "holdfast/runtime/node_host.h"
#include "holdfast/runtime/posix_disk.h"

namespace holdfast::bench {

using Clock = std::chrono::steady_clock;
inline double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }
// Of this process so far, in user mode and in the kernel.
double process_cpu();
// Ends the program when it is not well.
void must(const Status& s);

// `counts` is switched by another thread; `requests`, `failures` and `latencies` are read after stop().
class Member : public runtime::NodeHost<replica::Machine>::Owner {
 public:
  Member(const Load& load, uint64_t id, const std::atomic<bool>& counts);
  uint16_t port() const { return host_->peers().listening().at(0).port; }
  // All members' ports, by id from 1.
  void start(const std::vector<uint16_t>& ports);
  void stop();

  uint64_t requests = 0, failures = 0;
  std::vector<float> latencies;  // in milliseconds

 private:
  replica::MachineConfig config() const;
  void submit();
  void wake();
  void on_event(replica::MachineEvent event) override;
  void on_log_failed(const Status& why) override { must(why); }
  std::vector<runtime::PeerMember> peer_members() const override { return peers_; }

  const Load& load_;
  const uint64_t id_, clients_;
  const std::atomic<bool>& counts_;
  KeyValues state_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  runtime::Metrics metrics_;
  std::unique_ptr<runtime::PosixDisk> log_disk_, blob_disk_;
  std::unique_ptr<replica::Machine> core_;
  std::unique_ptr<runtime::NodeHost<replica::Machine>> host_;
  std::vector<runtime::PeerMember> peers_;
  std::thread thread_;
  std::vector<uint64_t> due_;  // clients that have something to say
  std::vector<Clock::time_point> started_;
  std::vector<uint64_t> made_by_;
  uint64_t made_ = 0;
  bool posted_ = false;
};

}  // namespace holdfast::bench
