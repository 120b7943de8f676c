#include "holdfast/runtime/log_thread.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/mark.h"
#include "holdfast/runtime/gated_disk_testing.h"
#include "holdfast/sim/sim_disk.h"

namespace holdfast::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Chain record(uint64_t n, size_t size = 20) {
  std::string s = std::to_string(n) + ":";
  s.resize(std::max(size, s.size()), '.');
  return Chain(Slice::take(std::move(s)));
}

class LogThreadTest : public testing::Test, public LogThread::Owner {
 protected:
  void on_log_stable(StableSeq upto) override { stable.push_back(upto); }
  void on_log_failed(const Status& why) override { failures.push_back(why); }

  void open() {
    auto wal = stable::Wal::open(disk, options, [this](StableSeq seq, Slice bytes) {
      replayed.emplace_back(seq.value(), bytes.str());
      return absl::OkStatus();
    });
    ASSERT_TRUE(wal.ok()) << wal.status();
    gate.syncs = 0;
    gate.full = full;
    log = std::make_unique<LogThread>(loop, *std::move(wal), thread_options, *this, metrics);
  }
  void append(uint64_t from, uint64_t to, size_t size = 20) {
    for (uint64_t n = from; n <= to; ++n) log->append(StableSeq(n), record(n, size));
    log->flush();
  }
  template <class Done>
  testing::AssertionResult until(Done&& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return testing::AssertionFailure() << "it did not come to pass";
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(10));
    }
    return testing::AssertionSuccess();
  }

  asio::io_context loop{1};
  sim::SimDisk medium{5, "the-disk"};
  Gate gate;
  GatedDisk disk{medium, gate};
  stable::WalOptions options{{1, 1}, 1 << 16, 512, 1, 0};
  // Not tidied up in idle moments, unless a test asks for it.
  LogThread::Options thread_options{size_t{64} << 20, Duration::millis(100), Duration::seconds(3600)};
  bool full = false;  // there is no room for more files once it is open
  Metrics metrics;
  std::vector<StableSeq> stable;
  std::vector<Status> failures;
  std::vector<std::pair<uint64_t, std::string>> replayed;
  std::unique_ptr<LogThread> log;
};

TEST_F(LogThreadTest, OneSyncServesEverythingThatGatheredMeanwhile) {
  open();
  gate.set(false);
  append(1, 1);
  gate.await_waiting();  // the sync of the first record is under way
  for (uint64_t n = 2; n <= 1000; ++n) append(n, n);
  gate.set(true);
  ASSERT_TRUE(until([&] { return !stable.empty() && stable.back() == StableSeq(1000); }));
  EXPECT_EQ(metrics.counter("holdfast_log_written_records_total", "").value(), 1000u);
  EXPECT_EQ(metrics.histogram("holdfast_log_sync_seconds", "", {}).count(), 2u);
  EXPECT_EQ(log->pending_bytes(), 0u);
}

// Bug R3 of the catalogue: nothing may be called stable before the sync has returned.
TEST_F(LogThreadTest, ReportsNothingBeforeTheSyncHasReturned) {
  open();
  gate.set(false);
  append(1, 3);
  gate.await_waiting();
  loop.restart();
  loop.poll();
  EXPECT_TRUE(stable.empty());
  EXPECT_EQ(log->pending_bytes(), 60u);
  gate.set(true);
  ASSERT_TRUE(until([&] { return !stable.empty(); }));
  EXPECT_THAT(stable, ElementsAre(StableSeq(3)));
}

TEST_F(LogThreadTest, IsCongestedWhileTheDiskIsSlow) {
  thread_options.max_pending_bytes = 1000;
  open();
  gate.set(false);
  append(1, 50, 20);
  EXPECT_FALSE(log->congested());
  append(51, 51, 20);
  EXPECT_TRUE(log->congested());
  gate.set(true);
  ASSERT_TRUE(until([&] { return !stable.empty() && stable.back() == StableSeq(51); }));
  EXPECT_FALSE(log->congested());
}

// Bug S4 of the catalogue (fsyncgate): after a failed sync nothing is tried again and nothing reported, although the
// disk would now say that all is well.
TEST_F(LogThreadTest, AFailedSyncIsTheEnd) {
  open();
  append(1, 1);
  ASSERT_TRUE(until([&] { return stable.size() == 1; }));
  gate.failing_syncs = 1;
  append(2, 2);
  ASSERT_TRUE(until([&] { return !failures.empty(); }));
  const int syncs = gate.syncs;
  append(3, 3);
  const Status closed = log->close();
  EXPECT_EQ(closed, failures[0]);
  loop.restart();
  loop.poll();
  EXPECT_EQ(gate.syncs, syncs);
  EXPECT_THAT(stable, ElementsAre(StableSeq(1)));
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_THAT(std::string(failures[0].message()), HasSubstr("input/output error"));
  EXPECT_THAT(std::string(failures[0].message()), HasSubstr("start this member again"));
}

TEST_F(LogThreadTest, AFullDiskIsTheEndAndLosesNothing) {
  open();
  append(1, 2);
  ASSERT_TRUE(until([&] { return !stable.empty(); }));
  gate.failing_writes = 1;
  append(3, 4);
  ASSERT_TRUE(until([&] { return !failures.empty(); }));
  EXPECT_EQ(failures[0].code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(failures[0].message()), HasSubstr("no space left"));
  log.reset();
  open();
  EXPECT_EQ(replayed.size(), 2u);
}

uint64_t hits(std::string_view mark) {
  for (const Mark* m : all_marks()) {
    if (m->name == mark) return m->hits;
  }
  return 0;
}

// No room for the next segment is a warning while this one lasts, and an end only when it is needed.
TEST_F(LogThreadTest, WarnsBeforeTheDiskIsFull) {
  thread_options.idle = Duration::millis(1);
  full = true;
  open();
  append(1, 1);
  ASSERT_TRUE(until([&] { return hits("log.no_room_ahead") > 0; }));
  append(2, 2);
  ASSERT_TRUE(until([&] { return !stable.empty() && stable.back() == StableSeq(2); }));
  EXPECT_TRUE(failures.empty());
  for (uint64_t n = 3; n <= 100; ++n) append(n, n, 1000);
  ASSERT_TRUE(until([&] { return !failures.empty(); }));
  EXPECT_EQ(failures[0].code(), StatusCode::kResourceExhausted);
}

TEST_F(LogThreadTest, ClosingMakesEverythingStableAndReportsNothingMore) {
  open();
  for (uint64_t n = 1; n <= 300; ++n) append(n, n);
  ASSERT_TRUE(log->close().ok());
  const size_t reports = stable.size();
  append(301, 301);
  EXPECT_TRUE(log->close().ok());
  loop.restart();
  loop.poll();
  EXPECT_EQ(stable.size(), reports);
  log.reset();
  medium.crash();
  Random random(1);
  medium.restart(random);
  open();
  ASSERT_EQ(replayed.size(), 300u);
  EXPECT_EQ(replayed[299].first, 300u);
}

TEST_F(LogThreadTest, GivesUpReleasedSegments) {
  open();
  for (uint64_t n = 1; n <= 400; ++n) append(n, n, 1000);
  ASSERT_TRUE(until([&] { return !stable.empty() && stable.back() == StableSeq(400); }));
  log->release(StableSeq(400));
  log->flush();
  ASSERT_TRUE(log->close().ok());
  log.reset();
  open();
  ASSERT_FALSE(replayed.empty());
  EXPECT_GT(replayed.front().first, 200u);  // 400 KB in segments of 64 KiB
  EXPECT_EQ(replayed.back().first, 400u);
}

}  // namespace
}  // namespace holdfast::runtime
