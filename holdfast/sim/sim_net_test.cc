#include "holdfast/sim/net.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "holdfast/sim/frame.h"

namespace holdfast::sim {
namespace {

const NodeId kA(1), kB(2), kC(3);

struct Wires {
  Wires() : world(5), net(world, Duration::micros(100), Duration::micros(900)) {
    for (NodeId n : {kA, kB, kC}) {
      net.attach(n, [this, n](NodeId from, Slice bytes) { got.emplace_back(from, n, bytes.str()); });
    }
  }
  static Net::Covers link(NodeId a, NodeId b) {
    return [=](NodeId from, NodeId to) { return from == a && to == b; };
  }
  void send(int n, NodeId from = kA, NodeId to = kB) {
    for (int i = 0; i < n; ++i) net.send(from, to, Slice::copy_of(std::to_string(i)));
  }
  std::vector<std::string> payloads() {
    std::vector<std::string> out;
    for (auto& [from, to, bytes] : got) out.push_back(bytes);
    return out;
  }
  static std::vector<std::string> numbers(int n) {
    std::vector<std::string> out;
    for (int i = 0; i < n; ++i) out.push_back(std::to_string(i));
    return out;
  }
  void settle() { world.run_until(world.now() + Duration::seconds(100)); }
  World world;
  Net net;
  std::vector<std::tuple<NodeId, NodeId, std::string>> got;
};

TEST(Net, DeliversEverythingInOrderWithoutFaults) {
  Wires w;
  w.send(100);
  w.settle();
  EXPECT_EQ(w.payloads(), Wires::numbers(100));
}

TEST(Net, LossHitsOnlyTheLinksItCovers) {
  Wires w;
  w.net.add_fault(Wires::link(kA, kB), {.loss = 500});
  w.send(200, kA, kB);
  w.send(200, kA, kC);
  w.settle();
  const auto to_b = std::count_if(w.got.begin(), w.got.end(), [](auto& g) { return std::get<1>(g) == kB; });
  EXPECT_GT(to_b, 50);
  EXPECT_LT(to_b, 150);
  EXPECT_EQ(w.got.size() - static_cast<size_t>(to_b), 200u);
}

TEST(Net, DuplicationReorderingAndReplayDeliverMoreOrElsewhereButLoseNothing) {
  Wires w;
  w.net.add_fault(Wires::link(kA, kB),
                  {.duplicate = 200, .reorder = 300, .replay = 200, .jitter = Duration::millis(20)});
  w.send(300);
  w.settle();
  auto got = w.payloads();
  EXPECT_GT(got.size(), 350u);
  EXPECT_FALSE(std::is_sorted(got.begin(), got.end()));
  std::sort(got.begin(), got.end());
  got.erase(std::unique(got.begin(), got.end()), got.end());
  EXPECT_EQ(got.size(), 300u);
  EXPECT_GT(w.net.stats().replayed, 10u);
}

TEST(Net, DamagedFramesAreNeverDelivered) {
  Wires w;
  w.net.add_fault(Wires::link(kA, kB), {.corrupt = 300, .truncate = 300});
  for (int i = 0; i < 300; ++i) {
    w.send(1);
    w.settle();
  }
  EXPECT_GT(w.net.stats().corrupted, 100u);
  for (const std::string& payload : w.payloads()) EXPECT_EQ(payload, "0");
  EXPECT_EQ(w.got.size() + w.net.stats().corrupted, 300u);
}

TEST(Net, AFrameSurvivesNeitherFlipNorTruncation) {
  const std::string frame = encode_frame({kClusterId, kA, kB, "payload"});
  Frame read;
  ASSERT_TRUE(decode_frame(frame, read));
  EXPECT_EQ(read.payload, "payload");
  EXPECT_EQ(read.from, kA);
  EXPECT_EQ(read.to, kB);
  for (size_t cut = 0; cut < frame.size(); ++cut)
    EXPECT_FALSE(decode_frame(std::string_view(frame).substr(0, cut), read));
  for (size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string bad = frame;
    bad[bit / 8] ^= static_cast<char>(1u << (bit % 8));
    EXPECT_FALSE(decode_frame(bad, read));
  }
}

TEST(Net, ACutLosesWhatIsUnderWayAndAHealedLinkWorks) {
  Wires w;
  w.send(5);
  const uint64_t cut = w.net.add_fault(Wires::link(kA, kB), {.cut = true});
  w.send(5);
  w.send(5, kB, kA);
  w.settle();
  EXPECT_EQ(w.payloads(), Wires::numbers(5)) << "one direction is cut, the other is not";
  w.net.remove_fault(cut);
  w.send(2);
  w.settle();
  EXPECT_EQ(w.got.size(), 7u);
}

TEST(Net, AClogReleasesEverythingOutOfOrder) {
  Wires w;
  const uint64_t clog = w.net.add_fault(Wires::link(kA, kB), {.clog = true});
  w.send(50);
  w.settle();
  EXPECT_TRUE(w.got.empty());
  w.net.remove_fault(clog);
  w.settle();
  auto got = w.payloads();
  EXPECT_NE(got, Wires::numbers(50));
  std::sort(got.begin(), got.end());
  auto want = Wires::numbers(50);
  std::sort(want.begin(), want.end());
  EXPECT_EQ(got, want);
}

TEST(Net, ABandwidthCapDelaysLargeMessages) {
  Wires w;
  w.net.add_fault(Wires::link(kA, kB), {.bytes_per_second = 1000});
  w.net.send(kA, kB, Slice::take(std::string(5000, 'x')));
  w.world.run_until(Time::at_millis(4900));
  EXPECT_TRUE(w.got.empty());
  w.world.run_until(Time::at_millis(5100));
  EXPECT_EQ(w.got.size(), 1u);
}

TEST(Net, WhatWaitedForItsShareOfABandwidthLeavesInOrderWhenTheCapIsLifted) {
  Wires w;
  const uint64_t cap = w.net.add_fault(Wires::link(kA, kB), {.bytes_per_second = 1});
  w.send(10);
  w.world.run_until(Time::at_millis(2500));
  EXPECT_EQ(w.payloads(), Wires::numbers(2)) << "one byte per second";
  w.net.remove_fault(cap);
  w.world.run_until(Time::at_millis(2510));
  EXPECT_EQ(w.payloads(), Wires::numbers(10));
  w.send(1);
  w.settle();
  EXPECT_EQ(w.got.size(), 11u) << "nothing was sent twice";
}

}  // namespace
}  // namespace holdfast::sim
