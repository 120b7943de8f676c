// Ben-Or's protocol in the simulated world: what it promises however messages are delayed, and when it ends.
#include "holdfast/lab/ben_or.h"

#include <gtest/gtest.h>

#include <memory>

#include "holdfast/sim/node.h"

namespace holdfast::lab::ben_or {
namespace {

struct Group {
  Group(uint64_t seed, size_t n, Rule rule, Duration patience, Duration max_delay)
      : world(seed), net(world, Duration::micros(100), max_delay), random(world.stream("group")) {
    Config config;
    for (uint64_t id = 1; id <= n; ++id) config.all.emplace_back(id);
    config.crashes = (n - 1) / 2;
    config.rule = rule;
    config.patience = patience;
    for (const NodeId id : config.all) {
      nodes.push_back(std::make_unique<sim::SimNode<Process>>(
          world, net, id,
          [config](const sim::NodeStart& start) {
            Config own = config;
            own.self = start.self;
            own.seed = start.seed;
            return std::make_unique<Process>(own);
          },
          [](Event) {}, std::make_unique<sim::MemoryStorage>(world.stream("disk", id.value()))));
      nodes.back()->start();
    }
    for (size_t i = 0; i < n; ++i) {
      bits.push_back(random.below(2));
      nodes[i]->input([bit = bits[i]](Process& p, Time now, Process::Out& out) { p.propose(now, bit, out); });
    }
  }
  // Whether all that are up have decided the same, which somebody proposed.
  bool agreed() const {
    std::optional<uint64_t> bit;
    for (const auto& n : nodes) {
      if (n->core() == nullptr) continue;
      if (!n->core()->decided() || (bit && bit != n->core()->decided())) return false;
      bit = n->core()->decided();
    }
    return bit && std::count(bits.begin(), bits.end(), *bit) > 0;
  }
  bool disagreed() const {
    std::optional<uint64_t> bit;
    for (const auto& n : nodes) {
      if (n->core() == nullptr || !n->core()->decided()) continue;
      if (bit && bit != n->core()->decided()) return true;
      bit = n->core()->decided();
    }
    return false;
  }

  sim::World world;
  sim::Net net;
  Random random;
  std::vector<std::unique_ptr<sim::SimNode<Process>>> nodes;
  std::vector<uint64_t> bits;
};

TEST(BenOr, WithCoinsItEndsWhateverIsLateAndWhoeverCrashes) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Group g(seed, seed % 2 == 0 ? 3 : 5, Rule::kCoin, Duration(), Duration::millis(20));
    for (size_t crashes = g.random.below(g.nodes.size() / 2 + 1); crashes > 0; --crashes) {
      g.world.at(Time::at_millis(g.random.between(0, 60)), [&g, crashes] { g.nodes[crashes - 1]->crash("crash"); });
    }
    g.world.run_until(Time::at_millis(60));
    EXPECT_TRUE(g.agreed() || g.world.run_until(Time::at_millis(20'000), [&] { return g.agreed(); }))
        << "seed " << seed;
    EXPECT_FALSE(g.disagreed());
  }
}

TEST(BenOr, WithoutCoinsItNeverDisagrees) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Group g(seed, 3, Rule::kKeep, Duration(), Duration::millis(20));
    g.world.run_until(Time::at_millis(400));
    EXPECT_FALSE(g.disagreed()) << "seed " << seed;
  }
}

TEST(BenOr, WithPatienceItEndsInTheFirstRound) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Group g(seed, 5, Rule::kKeep, Duration::millis(30), Duration::millis(20));
    EXPECT_TRUE(g.world.run_until(Time::at_millis(100), [&] { return g.agreed(); })) << "seed " << seed;
    for (const auto& n : g.nodes) EXPECT_EQ(n->core()->round(), 1u);
  }
}

TEST(BenOr, NonsenseIsIgnored) {
  Config config{NodeId(1), {NodeId(1), NodeId(2), NodeId(3)}, 1, Rule::kKeep, 1, Duration(), 10};
  Process p(config);
  Process::Out out;
  p.propose(Time(), 1, out);
  out.clear();
  p.on_message(Time(), NodeId(9), Decided{0}, out);                    // a stranger
  p.on_message(Time(), NodeId(2), Decided{7}, out);                    // no bit
  p.on_message(Time(), NodeId(2), Report{uint64_t{1} << 60, 1}, out);  // a round that nobody is in
  p.on_message(Time(), NodeId(2), Report{1, 5}, out);
  EXPECT_TRUE(out.empty());
  EXPECT_FALSE(p.decided().has_value());
}

}  // namespace
}  // namespace holdfast::lab::ben_or
