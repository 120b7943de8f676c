// The host keeps the contract of model/outbox.h in the real world: nothing that waits for a record leaves before the
// record is stable, a restart replays what was, and a log that fails ends it all.
#include "holdfast/runtime/node_host.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/runtime/gated_disk_testing.h"
#include "holdfast/sim/sim_disk.h"

namespace holdfast::runtime {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Text {
  Slice text;
};

// Remembers and tells; what it does otherwise is up to the test, by steps.
struct Teller {
  using Out = Outbox<Text, Text, Text>;

  void replay(StableSeq, const Text& record) { replayed.push_back(record.text.str()); }
  void start(Time, Out&) {}
  void on_message(Time, NodeId, const Text& message, Out&) { heard.push_back(message.text.str()); }
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time, Out&) {}
  Time deadline() const { return Time::never(); }
  void check_invariants() const {}

  std::vector<std::string> replayed, heard;
};
using Out = Teller::Out;
using Host = NodeHost<Teller>;

Slice text(std::string s) { return Slice::take(std::move(s)); }

struct End : Host::Owner {
  End(asio::io_context& loop, uint64_t n)
      : id(n), medium(n, "the-disk"), host(std::make_unique<Host>(loop, core, *this, metrics)) {}
  void on_event(Text event) override { events.push_back(event.text.str()); }
  void on_log_failed(const Status& why) override { failures.emplace_back(why.message()); }
  Time on_turn(Time) override { return wake; }

  Status recover() {
    NodeStorage storage{&disk, nullptr, {}};
    storage.wal.identity = {1, id};
    storage.wal.segment_bytes = 8 << 20;
    return host->recover(storage);
  }

  const uint64_t id;
  sim::SimDisk medium;
  Gate gate;
  GatedDisk disk{medium, gate};
  Metrics metrics;
  Teller core;
  std::vector<std::string> events, failures;
  Time wake = Time::never();
  std::unique_ptr<Host> host;
};

// Two nodes on one loop.
class NodeHostTest : public testing::Test {
 protected:
  NodeHostTest() {
    std::vector<PeerMember> all;
    for (End* end : {&a, &b}) {
      PeerConfig config;
      config.cluster_id = 1;
      config.self = NodeId(end->id);
      config.listen = {{"127.0.0.1", 0}};
      config.backoff_min = Duration::millis(1);
      EXPECT_TRUE(end->host->listen(config).ok());
      EXPECT_TRUE(end->recover().ok());
      const uint16_t port = end->host->peers().listening().at(0).port;
      all.push_back({NodeId(end->id), "", {absl::StrCat("http://127.0.0.1:", port)}, {}, false});
    }
    for (End* end : {&a, &b}) end->host->peers().set_members(all), end->host->start();
    EXPECT_TRUE(until([&] { return a.host->peers().connected(NodeId(2)) && b.host->peers().connected(NodeId(1)); }));
  }
  ~NodeHostTest() override {
    for (End* end : {&a, &b}) end->gate.set(true);
  }
  testing::AssertionResult until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return testing::AssertionFailure() << "it did not come to pass";
      loop.restart();
      loop.run_one_until(deadline);
    }
    return testing::AssertionSuccess();
  }
  // A message that waits for nothing. Messages between two nodes keep their order, so whatever was sent before it has
  // come when it has.
  testing::AssertionResult reaches(End& from, End& to, const std::string& words) {
    from.host->step([&](Teller&, Time, Out& out) { out.send(NodeId(to.id), Text{text(words)}); });
    return until([&] { return !to.core.heard.empty() && to.core.heard.back() == words; });
  }

  asio::io_context loop{1};
  End a{loop, 1}, b{loop, 2};
};

TEST_F(NodeHostTest, WhatWaitsForARecordLeavesWhenItIsStable) {
  a.gate.set(false);
  a.host->step([&](Teller&, Time, Out& out) {
    const StableSeq promised = out.persist({text("promise")});
    out.send(NodeId(2), {text("promised")}, promised);
    out.raise({text("raised")}, promised);
    out.send(NodeId(2), {text("free")});
  });
  ASSERT_TRUE(reaches(a, b, "one"));
  a.gate.await_waiting();  // the record is written, not synced
  ASSERT_TRUE(reaches(a, b, "two"));
  EXPECT_THAT(b.core.heard, ElementsAre("free", "one", "two"));
  EXPECT_THAT(a.events, IsEmpty());
  EXPECT_EQ(a.host->stable(), StableSeq{});
  a.gate.set(true);
  ASSERT_TRUE(until([&] { return b.core.heard.size() == 4; }));
  EXPECT_EQ(b.core.heard.back(), "promised");
  EXPECT_THAT(a.events, ElementsAre("raised"));
  EXPECT_EQ(a.host->stable(), StableSeq(1));
}

TEST_F(NodeHostTest, ALogThatFailsIsReportedAndNothingThatWaitsLeaves) {
  a.gate.failing_syncs = 1000;  // whatever the log is tidying up meanwhile takes some of them
  a.host->step([&](Teller&, Time, Out& out) {
    const StableSeq promised = out.persist({text("promise")});
    out.send(NodeId(2), {text("promised")}, promised);
    out.raise({text("raised")}, promised);
  });
  ASSERT_TRUE(until([&] { return !a.failures.empty(); }));
  EXPECT_THAT(a.failures, ElementsAre(HasSubstr("input/output error")));
  ASSERT_TRUE(reaches(a, b, "still here"));
  EXPECT_THAT(b.core.heard, ElementsAre("still here"));
  EXPECT_THAT(a.events, IsEmpty());
  EXPECT_THAT(std::string(a.host->close().message()), HasSubstr("input/output error"));
}

TEST_F(NodeHostTest, ARestartReplaysWhatWasStableInOrder) {
  for (const char* words : {"one", "two", "three"}) {
    a.host->step([&](Teller&, Time, Out& out) { out.persist({text(words)}); });
  }
  ASSERT_TRUE(a.host->close().ok()) << "what was appended is made stable";
  a.host = std::make_unique<Host>(loop, a.core, a, a.metrics);
  ASSERT_TRUE(a.recover().ok());
  EXPECT_THAT(a.core.replayed, ElementsAre("one", "two", "three"));
  EXPECT_EQ(a.host->stable(), StableSeq(3));
}

TEST_F(NodeHostTest, ARecordThatCannotBeReadStopsTheStart) {
  ASSERT_TRUE(a.host->close().ok());
  a.host.reset();
  {
    stable::WalOptions options;
    options.identity = {1, a.id};
    options.segment_bytes = 8 << 20;
    auto wal = stable::Wal::open(a.disk, options, [](StableSeq, Slice) { return absl::OkStatus(); });
    ASSERT_TRUE(wal.ok()) << wal.status();
    const std::vector<stable::PendingRecord> records = {{StableSeq(1), Chain(text("\xff\xff no record of this node"))}};
    ASSERT_TRUE((*wal)->write(records).ok());
    ASSERT_TRUE((*wal)->sync().ok());
    ASSERT_TRUE((*wal)->close().ok());
  }
  a.host = std::make_unique<Host>(loop, a.core, a, a.metrics);
  const Status recovered = a.recover();
  EXPECT_TRUE(absl::IsDataLoss(recovered)) << recovered;
  EXPECT_THAT(std::string(recovered.message()), HasSubstr("record 1 of the log in the-disk"));
}

TEST_F(NodeHostTest, AHaltedNodeTakesNoInputAndSaysNothing) {
  a.host->halt();
  bool stepped = false;
  a.host->step([&](Teller&, Time, Out&) { stepped = true; });
  EXPECT_FALSE(stepped);
  b.host->step([&](Teller&, Time, Out& out) { out.send(NodeId(1), {text("anybody?")}); });
  ASSERT_TRUE(until([&] { return !b.host->peers().connected(NodeId(1)); }));
  EXPECT_THAT(a.core.heard, IsEmpty());
}

// Who feeds a node whose disk does not keep up has to wait.
// Cancelling a timer does not take back a handler that is due.
TEST_F(NodeHostTest, ATimerThatHasRunOutDoesNothingAfterTheEnd) {
  a.wake = now() + Duration::millis(3);
  a.host->step([](Teller&, Time, Out&) {});
  loop.restart();
  loop.poll();
  const Histogram& ran_out = a.metrics.histogram("holdfast_loop_lag_seconds", "", {});
  const uint64_t often = ran_out.count();
  asio::steady_timer before(loop, std::chrono::milliseconds(0));
  before.async_wait([&](const asio::error_code&) { a.host.reset(); });
  while (now() <= a.wake + Duration::millis(1)) {
  }
  loop.restart();
  loop.poll();
  EXPECT_EQ(a.host, nullptr);
  EXPECT_EQ(ran_out.count(), often);
}

TEST_F(NodeHostTest, MessagesWaitWhileTheLogIsFarBehind) {
  ASSERT_TRUE(reaches(b, a, "before"));
  a.gate.set(false);
  for (int i = 0; i < 65; ++i) {
    a.host->step([&](Teller&, Time, Out& out) { out.persist({text(std::string(1 << 20, 'r'))}); });
  }
  const auto says = [&](const char* words) {
    b.host->step([&](Teller&, Time, Out& out) { out.send(NodeId(1), {text(words)}); });
    ASSERT_TRUE(reaches(a, b, "a speaks"));
    ASSERT_TRUE(reaches(a, b, "and again, turns later"));
  };
  says("perhaps");  // it was listening already
  says("behind");
  EXPECT_THAT(a.core.heard, Not(Contains("behind")));
  a.gate.set(true);
  EXPECT_TRUE(until([&] { return a.host->stable() == StableSeq(65); }));
  // What waited for too long may have gone with its connection; what is said now is heard.
  EXPECT_TRUE(until([&] {
    b.host->step([&](Teller&, Time, Out& out) { out.send(NodeId(1), {text("after")}); });
    return a.core.heard.back() == "after";
  }));
}

}  // namespace
}  // namespace holdfast::runtime
