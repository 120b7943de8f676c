#include "holdfast/host/pump.h"

#include <gtest/gtest.h>

#include "holdfast/host/pump_testing.h"

namespace holdfast::host {
namespace {

TEST(Pump, NothingLeavesBeforeItsRecordIsStableAndNothingIsLost) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    ASSERT_EQ(watch_a_run(seed), std::vector<std::string>()) << "seed " << seed;
  }
}

TEST(Pump, GoesOnNumberingBehindWhatItReplayed) {
  Scribbler core(1);
  Watcher watcher;
  watcher.appended = watcher.stable = StableSeq(41);
  Pump<Scribbler, Watcher> pump(core, watcher);
  ASSERT_TRUE(pump.replay(StableSeq(40), codec::encode_flat(std::variant<Written>(Written{1}))).ok());
  ASSERT_TRUE(pump.replay(StableSeq(41), codec::encode_flat(std::variant<Written>(Written{2}))).ok());
  EXPECT_EQ(pump.stable(), StableSeq(41));
  EXPECT_EQ(core.replayed, (std::vector<StableSeq>{StableSeq(40), StableSeq(41)}));
  pump.start(Time());
  while (watcher.appended == StableSeq(41)) pump.on_time(Time());
  EXPECT_EQ(watcher.violations, std::vector<std::string>());
}

TEST(Pump, TellsWhatBecameOfBytes) {
  Scribbler core(1);
  Watcher watcher;
  Pump<Scribbler, Watcher> pump(core, watcher);
  pump.start(Time());
  using Newer = std::variant<Said, Written>;
  EXPECT_EQ(pump.on_message(Time(), NodeId(1), codec::encode_flat(Newer(Said{}))), Received::kDelivered);
  EXPECT_EQ(pump.on_message(Time(), NodeId(1), codec::encode_flat(Newer(Written{}))), Received::kSkipped);
  EXPECT_EQ(pump.on_message(Time(), NodeId(1), Slice::copy_of("\x00\x01")), Received::kMalformed);
  EXPECT_EQ(pump.replay(StableSeq(99), codec::encode_flat(std::variant<Written, Said>(Said{}))).code(),
            StatusCode::kUnimplemented);
  EXPECT_EQ(pump.replay(StableSeq(99), Slice::copy_of("x")).code(), StatusCode::kDataLoss);
  EXPECT_TRUE(core.replayed.empty());
}

TEST(Pump, AReportOfOldNewsIsNone) {
  Scribbler core(2);
  Watcher watcher;
  Pump<Scribbler, Watcher> pump(core, watcher);
  pump.start(Time());
  while (watcher.appended < StableSeq(3)) pump.on_time(Time());
  watcher.stable = StableSeq(2);
  pump.on_stable(Time(), StableSeq(2));
  pump.on_stable(Time(), StableSeq(1));
  EXPECT_EQ(pump.stable(), StableSeq(2));
  EXPECT_EQ(watcher.violations, std::vector<std::string>());
}

TEST(PumpDeathTest, WhatWasNeverAppendedDoesNotBecomeStable) {
  Scribbler core(2);
  Watcher watcher;
  Pump<Scribbler, Watcher> pump(core, watcher);
  pump.start(Time());
  EXPECT_DEATH(pump.on_stable(Time(), StableSeq(1000)), "only records that were appended");
}

}  // namespace
}  // namespace holdfast::host
