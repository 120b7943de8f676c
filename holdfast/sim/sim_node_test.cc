#include "holdfast/sim/node.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::sim {
namespace {

// A core that is small and still does everything: it numbers what it is asked to remember, makes each number stable
// before it tells a peer, counts what its peer told it, and asks again on a timer.
struct Remember {
  uint64_t number = 0;
};
struct Told {
  uint64_t number = 0;
};
struct Heard {
  uint64_t number = 0;
};

class Counter {
 public:
  using Out = Outbox<std::variant<Told>, std::variant<Remember>, std::variant<Heard>>;
  explicit Counter(NodeId peer) : peer_(peer) {}

  void replay(StableSeq, const std::variant<Remember>& r) { last_ = std::get<Remember>(r).number; }
  void start(Time now, Out&) { deadline_ = now + Duration::millis(10); }
  void on_message(Time, NodeId, const std::variant<Told>& m, Out& out) { out.raise(Heard{std::get<Told>(m).number}); }
  void on_stable(Time, StableSeq, Out&) {}
  void on_time(Time now, Out& out) {
    if (now < deadline_) return;
    deadline_ = now + Duration::millis(10);
    if (last_ > 0) out.send(peer_, Told{durable_or_last()});
    ++ticks;
  }
  Time deadline() const { return deadline_; }
  void check_invariants() const { ensure(last_ < 1'000'000, "the counter is small"); }

  void remember(Out& out) {
    const StableSeq stable = out.persist(Remember{++last_});
    out.send(peer_, Told{last_}, stable);
  }
  uint64_t last() const { return last_; }
  uint64_t ticks = 0;

 private:
  uint64_t durable_or_last() const { return last_; }
  NodeId peer_;
  uint64_t last_ = 0;
  Time deadline_ = Time::never();
};

struct Pair {
  explicit Pair(uint64_t seed) : world(seed), net(world, Duration::micros(100), Duration::micros(900)) {
    for (uint64_t i : {1, 2}) {
      nodes.push_back(std::make_unique<SimNode<Counter>>(
          world, net, NodeId(i), [i](const NodeStart&) { return std::make_unique<Counter>(NodeId(3 - i)); },
          [this, i](std::variant<Heard> e) { heard[i - 1].push_back(std::get<Heard>(e).number); },
          std::make_unique<MemoryStorage>(world.stream("disk", i))));
    }
    for (auto& n : nodes) n->start();
  }
  void remember(size_t i) {
    nodes[i]->input([](Counter& c, Time, Counter::Out& out) { c.remember(out); });
  }
  World world;
  Net net;
  std::vector<std::unique_ptr<SimNode<Counter>>> nodes;
  std::vector<uint64_t> heard[2];
};

TEST(SimNode, SendsOnlyWhatIsStable) {
  Pair p(1);
  p.nodes[0]->set_disk_pace({Duration::millis(5), Duration::millis(5), Duration::millis(1)});
  p.remember(0);
  p.world.run_until(Time::at_millis(5));
  EXPECT_TRUE(p.heard[1].empty());
  p.world.run_until(Time::at_millis(7));
  EXPECT_EQ(p.heard[1], std::vector<uint64_t>{1});
}

TEST(SimNode, ACrashBeforeTheSyncForgetsAndAnAnsweredRecordIsNeverForgotten) {
  std::set<uint64_t> recovered;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Pair p(seed);
    p.remember(0);
    p.world.run_until(Time::at_millis(5));
    p.remember(0);
    p.remember(0);
    p.nodes[0]->crash("test");
    EXPECT_EQ(p.nodes[0]->core(), nullptr);
    p.nodes[0]->start();
    recovered.insert(p.nodes[0]->core()->last());
  }
  EXPECT_GE(*recovered.begin(), 1u);
  EXPECT_GT(recovered.size(), 1u) << "different seeds leave different images";
}

TEST(SimNode, FailpointsCutAStepOff) {
  for (Failpoint point : {Failpoint::kStep, Failpoint::kAppend, Failpoint::kWrite, Failpoint::kSync}) {
    Pair p(7);
    int told = 0;
    p.nodes[0]->set_supervisor([&](Process&, bool by_itself) { told += by_itself ? 1 : 0; });
    p.nodes[0]->arm_failpoint(point, 1);
    p.remember(0);
    p.world.run_until(Time::at_millis(4));
    EXPECT_EQ(p.nodes[0]->life(), Life::kDown) << print(point);
    EXPECT_EQ(told, 1) << print(point);
    EXPECT_TRUE(p.heard[1].empty()) << print(point);
  }
  Pair p(7);
  p.nodes[0]->arm_failpoint(Failpoint::kSynced, 1);
  p.remember(0);
  p.world.run_until(Time::at_millis(4));
  EXPECT_TRUE(p.heard[1].empty());
  p.nodes[0]->start();
  EXPECT_EQ(p.nodes[0]->core()->last(), 1u) << "synced and not reported: still there";
}

TEST(SimNode, APausedProcessCatchesUpWhenItWakes) {
  Pair p(3);
  p.nodes[1]->pause();
  for (int i = 0; i < 3; ++i) p.remember(0);
  p.world.run_until(Time::at_millis(8));
  EXPECT_TRUE(p.heard[1].empty());
  p.nodes[1]->resume();
  p.world.run_until(Time::at_millis(9));
  EXPECT_EQ(p.heard[1], (std::vector<uint64_t>{1, 2, 3}));
}

TEST(SimNode, ASlowProcessTakesItsStepsOneAfterTheOther) {
  Pair p(3);
  p.nodes[1]->set_step_cost(Duration::millis(100));
  for (int i = 0; i < 5; ++i) p.remember(0);
  p.world.run_until(Time::at_millis(50));
  EXPECT_EQ(p.heard[1].size(), 1u);
  p.world.run_until(Time::at_millis(10'000));
  EXPECT_GE(p.heard[1].size(), 5u);
}

TEST(SimNode, AFastClockTicksMoreOftenAndAFrozenOneNever) {
  Pair p(5);
  p.nodes[0]->set_clock_rate(2'000'000);
  p.nodes[1]->set_clock_rate(0);
  p.world.run_until(Time::at_millis(1000));
  EXPECT_NEAR(static_cast<double>(p.nodes[0]->core()->ticks), 200, 3);
  EXPECT_LE(p.nodes[1]->core()->ticks, 1u);
  p.nodes[1]->set_clock_rate(1'000'000);
  p.world.run_until(Time::at_millis(2000));
  EXPECT_NEAR(static_cast<double>(p.nodes[1]->core()->ticks), 100, 3);
}

TEST(SimNode, TheSameSeedGivesTheSameTraceAndAnotherSeedAnother) {
  auto run = [](uint64_t seed) {
    Pair p(seed);
    p.net.add_fault([](NodeId, NodeId) { return true; }, {.loss = 100, .duplicate = 100, .reorder = 200});
    for (int i = 0; i < 50; ++i) {
      p.remember(static_cast<size_t>(i % 2));
      p.world.run_until(Time::at_millis(i));
      if (i % 20 == 19) {
        p.nodes[0]->crash("test");
        p.nodes[0]->start();
      }
    }
    return p.world.trace().hash();
  };
  EXPECT_EQ(run(11), run(11));
  EXPECT_NE(run(11), run(12));
}

}  // namespace
}  // namespace holdfast::sim
