// Two-phase commit in the real world: sites over real sockets, log threads and disks (runtime/node_host.h), on one
// loop. The same core runs in the simulated world in commit_sim_test.cc.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <fmt/format.h>

#include "holdfast/commit/site.h"
#include "holdfast/runtime/node_host.h"
#include "holdfast/runtime/posix_disk.h"

namespace holdfast {
namespace {

using commit::Outcome;
using commit::TxnId;
using runtime::NodeHost;

constexpr uint64_t kCluster = 0x2bc;

class LiveSite : public NodeHost<commit::Site>::Owner {
 public:
  LiveSite(asio::io_context& loop, uint64_t id, std::string dir) : loop_(loop), id_(id), dir_(std::move(dir)) {}

  // Answers Prepare as `votes` says; holds its answer back when it says nothing.
  std::optional<bool> votes = true;
  std::map<TxnId, Outcome> outcomes;  // as participant
  std::map<TxnId, Outcome> decided;   // as coordinator
  std::set<TxnId> concluded;
  std::vector<TxnId> prepares;
  std::vector<TxnId> in_doubt;

  Status start(uint16_t port) {
    auto disk = runtime::PosixDisk::open_directory(dir_);
    if (!disk.ok()) return disk.status();
    disk_ = *std::move(disk);
    commit::Config config;
    config.self = NodeId(id_);
    config.resend_first = Duration::millis(20);
    config.decision_timeout = Duration::millis(50);
    site_ = std::make_unique<commit::Site>(config);
    host_ = std::make_unique<NodeHost<commit::Site>>(loop_, *site_, *this, metrics_);
    runtime::PeerConfig peer;
    peer.cluster_id = kCluster;
    peer.self = NodeId(id_);
    peer.incarnation = ++incarnation_;
    peer.listen = {{"127.0.0.1", port}};
    peer.backoff_min = Duration::millis(1);
    peer.backoff_max = Duration::millis(10);
    if (Status s = host_->listen(peer); !s.ok()) return s;
    runtime::NodeStorage storage{disk_.get(), nullptr, {}};
    storage.wal.identity = {kCluster, id_};
    storage.wal.segment_bytes = 1 << 16;
    storage.wal.writer = incarnation_;
    if (Status s = host_->recover(storage); !s.ok()) return s;
    host_->start();
    return absl::OkStatus();
  }
  Status stop() {
    const Status closed = host_->close();
    host_.reset();
    site_.reset();
    disk_.reset();
    return closed;
  }

  uint16_t port() const { return host_->peers().listening().at(0).port; }
  void meet(const std::vector<runtime::PeerMember>& all) { host_->peers().set_members(all); }
  runtime::PeerMember as_peer() const {
    return {NodeId(id_), "", {fmt::format("http://127.0.0.1:{}", port())}, {}, false};
  }
  TxnId begin(const std::vector<uint64_t>& participants) {
    std::vector<commit::Part> parts;
    for (const uint64_t p : participants) parts.push_back({NodeId(p), Slice::unowned("work")});
    TxnId txn;
    host_->step([&](commit::Site& site, Time now, commit::Site::Out& out) {
      auto begun = site.begin(now, parts, out);
      EXPECT_TRUE(begun.ok()) << begun.status();
      if (begun.ok()) txn = *begun;
    });
    return txn;
  }
  void vote(const TxnId& txn, bool yes) {
    host_->step([&](commit::Site& site, Time now, commit::Site::Out& out) {
      site.vote(now, txn, yes, Slice::unowned("undo and redo"), out);
    });
  }

 private:
  // Not from within the step that raises the event.
  template <class Step>
  void later(Step step) {
    asio::post(loop_, [this, step = std::move(step)] {
      if (host_ != nullptr) host_->step(step);
    });
  }
  void on_event(commit::SiteEvent event) override {
    std::visit([this](const auto& e) { on(e); }, event);
  }
  void on(const commit::Prepare& e) {
    prepares.push_back(e.txn);
    if (!votes) return;
    later([txn = e.txn, yes = *votes](commit::Site& site, Time now, commit::Site::Out& out) {
      site.vote(now, txn, yes, Slice::unowned("undo and redo"), out);
    });
  }
  void on(const commit::Commit& e) {
    EXPECT_EQ(e.workspace.view(), "undo and redo");
    outcomes[e.txn] = Outcome::kCommit;
    later([txn = e.txn](commit::Site& site, Time now, commit::Site::Out& out) { site.done(now, txn, out); });
  }
  void on(const commit::Abort& e) { outcomes[e.txn] = Outcome::kAbort; }
  void on(const commit::InDoubt& e) { in_doubt.push_back(e.txn); }
  void on(const commit::Decided& e) { decided[e.txn] = e.outcome; }
  void on(const commit::Concluded& e) { concluded.insert(e.txn); }
  void on_log_failed(const Status& why) override { ADD_FAILURE() << why; }

  asio::io_context& loop_;
  uint64_t id_;
  std::string dir_;
  uint64_t incarnation_ = 0;
  runtime::Metrics metrics_;
  std::unique_ptr<runtime::PosixDisk> disk_;
  std::unique_ptr<commit::Site> site_;
  std::unique_ptr<NodeHost<commit::Site>> host_;
};

class CommitLive : public testing::Test {
 protected:
  CommitLive() {
    for (uint64_t id = 1; id <= 3; ++id) {
      sites_.push_back(std::make_unique<LiveSite>(loop_, id, fmt::format("{}/{}", root_, id)));
      EXPECT_TRUE(sites_.back()->start(0).ok());
    }
    for (const auto& s : sites_) all_.push_back(s->as_peer());
    for (const auto& s : sites_) s->meet(all_);
  }
  ~CommitLive() override {
    sites_.clear();
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
  bool all_have(const TxnId& txn, Outcome outcome) {
    for (const auto& s : sites_) {
      const auto found = s->outcomes.find(txn);
      if (found == s->outcomes.end() || found->second != outcome) return false;
    }
    return true;
  }
  LiveSite& site(uint64_t id) { return *sites_[id - 1]; }

  const std::string root_ = fmt::format("{}/commit_live_{}", testing::TempDir(), getpid());
  asio::io_context loop_{1};
  std::vector<std::unique_ptr<LiveSite>> sites_;
  std::vector<runtime::PeerMember> all_;
};

TEST_F(CommitLive, AllYesCommitsEverywhere) {
  const TxnId txn = site(1).begin({1, 2, 3});
  EXPECT_TRUE(until([&] { return all_have(txn, Outcome::kCommit) && site(1).concluded.contains(txn); }));
}

TEST_F(CommitLive, OneNoAbortsEverywhere) {
  site(3).votes = false;
  const TxnId txn = site(1).begin({1, 2, 3});
  EXPECT_TRUE(until([&] { return site(1).decided.contains(txn) && site(2).outcomes.contains(txn); }));
  EXPECT_EQ(site(1).decided[txn], Outcome::kAbort);
  EXPECT_EQ(site(2).outcomes[txn], Outcome::kAbort);
}

// A participant that stops in doubt finds its promise on the disk, and the decision by asking.
TEST_F(CommitLive, AParticipantThatRestartsInDoubtLearnsTheDecision) {
  site(2).votes = std::nullopt;
  const uint16_t port = site(2).port();
  const TxnId txn = site(1).begin({1, 2, 3});
  ASSERT_TRUE(until([&] { return !site(2).prepares.empty(); }));
  site(2).vote(txn, true);
  ASSERT_TRUE(site(2).stop().ok());  // the vote is on the disk; whether it was sent does not matter
  site(2).votes = true;
  ASSERT_TRUE(site(2).start(port).ok());
  site(2).meet(all_);
  EXPECT_EQ(site(2).in_doubt, std::vector<TxnId>{txn});
  EXPECT_TRUE(until([&] { return all_have(txn, Outcome::kCommit) && site(1).concluded.contains(txn); }));
}

// A coordinator that restarts uses no name twice, and goes on with what it had decided.
TEST_F(CommitLive, ACoordinatorThatRestartsBeginsANewEpoch) {
  const uint16_t port = site(1).port();
  const TxnId first = site(1).begin({2, 3});
  ASSERT_TRUE(until([&] { return site(1).decided.contains(first); }));
  ASSERT_TRUE(site(1).stop().ok());
  ASSERT_TRUE(site(1).start(port).ok());
  site(1).meet(all_);
  const TxnId second = site(1).begin({2, 3});
  EXPECT_LT(first, second);
  EXPECT_TRUE(until([&] { return site(1).concluded.contains(second) && site(2).outcomes.contains(first); }));
  EXPECT_EQ(site(2).outcomes[first], site(1).decided[first]);
}

}  // namespace
}  // namespace holdfast
