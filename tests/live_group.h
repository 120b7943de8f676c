// A group of nodes in the real world, within the test's process: real sockets on loopback, log threads, files; one
// loop. What sim/node.h is for a simulated group; any core of the contract fits.
//
//   LiveGroup<synod::Member> group(3, [](NodeId self) { return std::make_unique<synod::Member>(config_of(self)); });
//   group.input(1, [](auto& member, Time now, auto& out) { member.propose(now, value, out); });
//   EXPECT_TRUE(group.until([&] { return group.events(1).size() == 1; }));
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "holdfast/runtime/node_host.h"
#include "holdfast/runtime/posix_disk.h"

namespace holdfast {

template <class Core>
class LiveGroup {
 public:
  using Out = typename Core::Out;
  using Event = typename Out::Event;
  using Make = std::function<std::unique_ptr<Core>(NodeId self)>;

  LiveGroup(size_t members, Make make) : make_(std::move(make)) {
    for (uint64_t id = 1; id <= members; ++id) nodes_.push_back(std::make_unique<Node>(*this, id));
    for (auto& n : nodes_) start(n->id, 0);
    for (auto& n : nodes_) {
      n->port = n->host->peers().listening().at(0).port;
      all_.push_back({NodeId(n->id), "", {fmt::format("http://127.0.0.1:{}", n->port)}, {}, false});
    }
    for (auto& n : nodes_) n->host->peers().set_members(all_);
  }
  ~LiveGroup() {
    nodes_.clear();
    std::filesystem::remove_all(root_);
  }

  // Runs the loop until `done`, within a time that is never reached when all is well.
  testing::AssertionResult until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return testing::AssertionFailure() << "it did not come to pass";
      loop_.restart();
      loop_.run_one_until(deadline);
    }
    return testing::AssertionSuccess();
  }

  // An input of the core's own kind.
  template <class Step>
  void input(uint64_t id, Step&& step) {
    node(id).host->step(std::forward<Step>(step));
  }
  const Core& core(uint64_t id) { return *node(id).core; }
  bool up(uint64_t id) { return node(id).host != nullptr; }
  bool connected(uint64_t from, uint64_t to) { return node(from).host->peers().connected(NodeId(to)); }
  // Everything that the node's core has raised since the node was started last.
  const std::vector<Event>& events(uint64_t id) { return node(id).events; }

  // Ends the node; what it had written stays. It comes back under its address.
  void stop(uint64_t id) {
    Node& n = node(id);
    EXPECT_TRUE(n.host->close().ok());
    n.host.reset();
    n.core.reset();
    n.disk.reset();
    n.blobs.reset();
  }
  void restart(uint64_t id) {
    start(id, node(id).port);
    node(id).host->peers().set_members(all_);
  }

 private:
  static constexpr uint64_t kCluster = 0x11fe;

  struct Node : runtime::NodeHost<Core>::Owner {
    Node(LiveGroup& g, uint64_t n) : group(g), id(n) {}
    void on_event(Event event) override { events.push_back(std::move(event)); }
    void on_log_failed(const Status& why) override { ADD_FAILURE() << why; }

    LiveGroup& group;
    const uint64_t id;
    uint16_t port = 0;
    uint64_t starts = 0;
    runtime::Metrics metrics;
    std::unique_ptr<runtime::PosixDisk> disk, blobs;
    std::unique_ptr<Core> core;
    std::unique_ptr<runtime::NodeHost<Core>> host;
    std::vector<Event> events;
  };

  Node& node(uint64_t id) { return *nodes_.at(id - 1); }

  void start(uint64_t id, uint16_t port) {
    Node& n = node(id);
    n.events.clear();
    for (const auto& [name, disk] : {std::pair("log", &n.disk), std::pair("blobs", &n.blobs)}) {
      auto opened = runtime::PosixDisk::open_directory(fmt::format("{}/{}/{}", root_, id, name));
      ASSERT_TRUE(opened.ok()) << opened.status();
      *disk = *std::move(opened);
    }
    n.core = make_(NodeId(id));
    n.host = std::make_unique<runtime::NodeHost<Core>>(loop_, *n.core, n, n.metrics);
    runtime::PeerConfig peer;
    peer.cluster_id = kCluster;
    peer.self = NodeId(id);
    peer.incarnation = ++n.starts;
    peer.listen = {{"127.0.0.1", port}};
    peer.backoff_min = Duration::millis(1);
    peer.backoff_max = Duration::millis(10);
    const Status listening = n.host->listen(peer);
    ASSERT_TRUE(listening.ok()) << listening;
    runtime::NodeStorage storage{n.disk.get(), n.blobs.get(), {}};
    storage.wal.identity = {kCluster, id};
    storage.wal.segment_bytes = 1 << 16;
    storage.wal.writer = n.starts;
    const Status recovered = n.host->recover(storage);
    ASSERT_TRUE(recovered.ok()) << recovered;
    n.host->start();
  }

  const std::string root_ = fmt::format("{}/live_group_{}_{}", testing::TempDir(), getpid(), static_cast<void*>(this));
  const Make make_;
  asio::io_context loop_{1};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<runtime::PeerMember> all_;
};

}  // namespace holdfast
