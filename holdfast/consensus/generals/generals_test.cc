// The Byzantine generals: both protocols with as many traitors as they withstand, and with more.
#include <gtest/gtest.h>

#include "holdfast/base/mark.h"
#include "holdfast/consensus/generals/generals_testing.h"

namespace holdfast::generals {
namespace {

constexpr Order A = Order::kAttack, R = Order::kRetreat;
const NodeId n1(1), n2(2), n3(3), n4(4);

// --- Oral messages ---

// Lectures: BA1 and BA2; paper: IC1 and IC2. Theorem 1: OM(m) keeps them if there are more than 3m generals.
TEST(OralMessages, FourGeneralsKeepIC1AndIC2AgainstEveryStrategyOfOneTraitor) {
  const uint64_t battles = all_oral_battles(4, 1, [](const Outcome& o, NodeId traitor, Order order) {
    ASSERT_EQ(broken_promise(o, traitor != kCommander, order), "");
  });
  EXPECT_EQ(battles, 2 * (27 + 3 * 9u));
}

// Paper, section 2: three generals cannot cope with one traitor. Some strategy breaks OM(1) for every traitor and IC2.
TEST(OralMessages, ThreeGeneralsFailAgainstOneTraitor) {
  std::map<NodeId, uint64_t> broken;
  const uint64_t battles = all_oral_battles(3, 1, [&](const Outcome& o, NodeId traitor, Order order) {
    broken[traitor] += broken_promise(o, traitor != kCommander, order).empty() ? 0 : 1;
  });
  EXPECT_EQ(battles, 2 * (9 + 2 * 3u));
  // A loyal commander's attack is not obeyed when the traitor says "he told me to retreat", or nothing.
  EXPECT_EQ(broken[n2], 2u);
  EXPECT_EQ(broken[n3], 2u);
  // The default order saves IC1: a traitorous commander gets two contradictory words, and retreat, at each.
  EXPECT_EQ(broken[n1], 0u);
}

// Paper, figures 1 and 2: why no rule helps. Lieutenant n2 sees exactly the same in both, and must obey in the first,
// and must not go where n3 cannot follow in the second.
TEST(OralMessages, ThreeGeneralsCannotTellWhoTheTraitorIs) {
  OralBattle lying_lieutenant(3, 1, {n3});
  lying_lieutenant.fight(A, [](const Path&, NodeId) { return R; });
  OralBattle lying_commander(3, 1, {n1});
  lying_commander.fight(A, [](const Path&, NodeId to) { return to == n2 ? A : R; });
  EXPECT_EQ(print(lying_lieutenant.view(n2).told), print(lying_commander.view(n2).told));
  EXPECT_EQ(print(lying_lieutenant.view(n2).told), "[[n1]:Attack, [n1, n3]:Retreat]");
}

TEST(OralMessages, SevenGeneralsKeepIC1AndIC2AgainstTwoTraitors) {
  for (uint64_t seed = 1; seed <= 1500; ++seed) ASSERT_EQ(random_oral_battle(seed, 7, 2), "") << "seed " << seed;
}

TEST(OralMessages, SixGeneralsFailAgainstTwoTraitors) {
  size_t broken = 0;
  for (uint64_t seed = 1; seed <= 3000 && broken == 0; ++seed) broken += random_oral_battle(seed, 6, 2).empty() ? 0 : 1;
  EXPECT_GT(broken, 0u);
}

// Four generals and two traitors, one more than OM(1) withstands.
TEST(OralMessages, FourGeneralsFailAgainstTwoTraitors) {
  const Outcome o = OralBattle(4, 1, {n3, n4}).fight(A, [](const Path&, NodeId) { return R; });
  EXPECT_EQ(broken_promise(o, true, A), "IC2: a loyal commander is not obeyed");
}

// Paper, section 3: the number of messages. docs/protocols/byzantine-generals.md, "Cost".
TEST(OralMessages, CostGrowsWithThePowerOfTheTraitors) {
  const auto fought = [](uint64_t n, uint32_t m) {
    return OralBattle(n, m, {}).fight(A, [](const Path&, NodeId) { return std::nullopt; }).messages;
  };
  EXPECT_EQ(fought(2, 0), 1u);
  EXPECT_EQ(fought(4, 1), 3 + 6u);
  EXPECT_EQ(fought(7, 2), 6 + 30 + 120u);
  EXPECT_EQ(fought(10, 3), 9 + 72 + 504 + 3024u);
  for (uint64_t n = 2; n <= 9; ++n) {
    for (uint32_t m = 0; m <= 3; ++m) EXPECT_EQ(fought(n, m), OralGeneral::messages(n, m)) << n << " " << m;
  }
}

// A3: what has not come when its round ends is missing, and counts as the default. One loyal general's lost messages
// are those of a traitor that is silent.
TEST(OralMessages, LostMessagesAreDetectedByTheEndOfTheRound) {
  for (const Order order : {A, R}) {
    for (uint64_t unheard = 1; unheard <= 4; ++unheard) {
      for (uint64_t lost = 0; lost < 8; ++lost) {  // which of its messages
        OralBattle battle(4, 1, {});
        auto& world = battle.world();
        for (auto& [id, node] : world.nodes) {
          world.step(node, [&](OralGeneral& g, OralGeneral::Out& out) { g.begin(world.now, order, out); });
        }
        for (uint32_t round = 1; round <= 2; ++round) {
          uint64_t number = 0;
          while (!world.in_flight.empty()) {
            const bool its = world.in_flight[0].from == NodeId(unheard);
            its && (lost >> number++ & 1) != 0 ? world.lose(0) : world.deliver(0);
          }
          world.wait(Duration::seconds(1));
        }
        std::set<Order> obeyed;
        for (auto& [id, node] : world.nodes) {
          ASSERT_EQ(node.events.size(), 1u);
          if (id != kCommander && id != NodeId(unheard)) obeyed.insert(std::get<Obeyed>(node.events[0]).order);
        }
        EXPECT_EQ(obeyed.size(), 1u) << unheard << " " << lost;
        if (unheard != 1) {
          EXPECT_EQ(obeyed, std::set<Order>{order});
        }
      }
    }
  }
}

TEST(OralMessages, WhatComesAfterItsRoundCountsAsNeverSaid) {
  Config config{n2, generals_of(4), 1};
  OralGeneral general(config);
  OralGeneral::Out out;
  general.begin(Time(), R, out);
  general.on_time(Time::at_millis(1000), out);
  EXPECT_EQ(out.sent.size(), 2u);
  general.on_message(Time::at_millis(1000), n1, Oral{{n1}, A}, out);
  EXPECT_TRUE(general.state().told.empty());
  general.on_message(Time::at_millis(1000), n3, Oral{{n1, n3}, A}, out);
  EXPECT_EQ(general.state().told.size(), 1u);
  general.on_message(Time::at_millis(1000), n3, Oral{{n1, n3}, R}, out);
  EXPECT_EQ(print(general.state().told), "[[n1, n3]:Attack]") << "the first word counts";
}

TEST(OralMessages, NonsenseChangesNothing) {
  OralGeneral general(Config{n2, generals_of(4), 1});
  OralGeneral::Out out;
  general.begin(Time(), R, out);
  const std::vector<std::pair<NodeId, Path>> nonsense = {
      {n3, {}},           {n3, {n1}},         {n3, {n3}},
      {n3, {n1, n4}},     {n2, {n1, n2}},     {n3, {n3, n3}},
      {n1, {n1, n3, n1}}, {n3, {n1, n4, n3}}, {NodeId(9), {n1, NodeId(9)}},
      {n1, {n1, n1}}};
  for (const auto& [from, path] : nonsense) general.on_message(Time(), from, Oral{path, A}, out);
  EXPECT_TRUE(general.state().told.empty());
}

TEST(Generals, RefuseConfigurationsThatMakeNoSense) {
  EXPECT_TRUE(check(Config{n1, generals_of(4), 1}).ok());
  EXPECT_FALSE(check(Config{n1, {}, 1}).ok());
  EXPECT_FALSE(check(Config{n4, generals_of(3), 1}).ok());
  EXPECT_FALSE(check(Config{n1, {n1, n2, n2}, 1}).ok());
  EXPECT_FALSE(check(Config{n1, generals_of(40), 5}).ok());
  Config config{n1, generals_of(4), 1};
  config.round = Duration();
  EXPECT_FALSE(check(config).ok());
}

// --- Signed messages ---

using Treason = WrittenBattle::Treason;

// Theorem 2: SM(m) keeps both promises for any number of generals. Three of them succeed where OM cannot: every
// strategy of the commander (each order to each lieutenant, in the first round, in the last, or never) and of a
// lieutenant (the order passed on, another one forged, at any time or never).
TEST(SignedMessages, ThreeGeneralsKeepIC1AndIC2AgainstEveryStrategyOfOneTraitor) {
  for (uint64_t strategy = 0; strategy < 81; ++strategy) {
    std::vector<Treason> treasons;
    uint64_t rest = strategy;
    for (const NodeId to : {n2, n3}) {
      for (const Order order : {A, R}) {
        if (rest % 3 > 0) treasons.push_back({static_cast<uint32_t>(rest % 3), {n1}, order, to});
        rest /= 3;
      }
    }
    const Outcome o = WrittenBattle(3, 1, {n1}).fight(A, treasons, {n1});
    ASSERT_EQ(broken_promise(o, false, A), "") << strategy;
  }
  for (const Order order : {A, R}) {
    for (uint64_t strategy = 0; strategy < 27; ++strategy) {
      const Order other = order == A ? R : A;
      std::vector<Treason> treasons;
      if (strategy % 3 > 0) treasons.push_back({static_cast<uint32_t>(strategy % 3), {n1, n3}, other, n2});
      if (strategy / 3 % 3 > 0) treasons.push_back({static_cast<uint32_t>(strategy / 3 % 3), {n1, n3}, order, n2});
      if (strategy / 9 > 0) treasons.push_back({static_cast<uint32_t>(strategy / 9), {n1}, other, n2});
      // It signs for the commander with its own key: it has no other.
      const Outcome o = WrittenBattle(3, 1, {n3}).fight(order, treasons, {n3});
      ASSERT_EQ(broken_promise(o, true, order), "") << strategy;
    }
  }
}

// Two traitors of four, the commander among them, who have both keys: every order to every loyal lieutenant from either
// of them in any round, or never. SM(2) withstands all of it.
uint64_t broken_by_two_traitors(uint32_t m, uint64_t most) {
  uint64_t broken = 0;
  const uint64_t options = 1 + 2 * (m + 1);
  for (uint64_t strategy = 0; strategy < options * options * options * options && strategy < most; ++strategy) {
    std::vector<Treason> treasons;
    uint64_t rest = strategy;
    for (const NodeId to : {n2, n3}) {
      for (const Order order : {A, R}) {
        const uint64_t what = rest % options;
        rest /= options;
        if (what == 0) continue;
        const auto round = static_cast<uint32_t>((what - 1) / 2 + 1);
        treasons.push_back({round, what % 2 == 1 ? Path{n1} : Path{n1, n4}, order, to});
      }
    }
    const Outcome o = WrittenBattle(4, m, {n1, n4}).fight(A, treasons, {n1, n4});
    broken += broken_promise(o, false, A).empty() ? 0 : 1;
  }
  return broken;
}

TEST(SignedMessages, FourGeneralsKeepIC1AgainstEveryStrategyOfTwoTraitors) {
  EXPECT_EQ(broken_by_two_traitors(2, 7 * 7 * 7 * 7), 0u);
}

// SM(1) with two traitors: the second order is shown to one lieutenant in the last round, which can tell nobody.
TEST(SignedMessages, OneRoundTooFewIsNotEnough) { EXPECT_GT(broken_by_two_traitors(1, 5 * 5 * 5 * 5), 0u); }

TEST(SignedMessages, ASignatureMeansItsBattleItsOrderAndItsPlaceInTheChain) {
  const auto verdict = [](const Written& m, NodeId from, uint64_t battle) {
    std::map<NodeId, crypto::PublicKey> keys;
    for (const NodeId g : generals_of(4)) keys.emplace(g, identity_of(g).public_key());
    Config config{n2, generals_of(4), 1};
    config.battle = battle;
    WrittenGeneral general(config, identity_of(n2), keys);
    WrittenGeneral::Out out;
    general.begin(Time(), R, out);
    general.on_message(Time(), from, m, out);
    general.check_invariants();
    return general.state().seen.size();
  };
  const std::set<NodeId> all = {n1, n2, n3, n4};
  const Written good = written(7, A, {n1, n3}, all, n3);
  EXPECT_EQ(verdict(good, n3, 7), 1u);
  EXPECT_EQ(verdict(good, n3, 8), 0u) << "another battle";
  EXPECT_EQ(verdict(good, n4, 7), 0u) << "another sender";
  Written changed = good;
  changed.order = R;
  EXPECT_EQ(verdict(changed, n3, 7), 0u) << "another order";
  Written cut = good;
  cut.chain.erase(cut.chain.begin());
  EXPECT_EQ(verdict(cut, n3, 7), 0u) << "without the commander";
  EXPECT_EQ(verdict(written(7, A, {n1, n3}, {n3}, n3), n3, 7), 0u) << "the commander's forged";
  EXPECT_EQ(verdict(written(7, A, {n1, n3, n3}, all, n3), n3, 7), 0u) << "twice the same";
  EXPECT_EQ(verdict(written(7, A, {n1, n2, n3}, all, n3), n3, 7), 0u) << "through the receiver";
  EXPECT_EQ(verdict(written(7, A, {n1, n3, n4}, all, n4), n4, 7), 0u) << "longer than the rounds";
  EXPECT_EQ(verdict(Written{A, {}}, n1, 7), 0u) << "unsigned";
}

// docs/protocols/byzantine-generals.md, "Cost".
TEST(SignedMessages, CostIsBoundedByTwoOrdersOfEverybodyToEverybody) {
  for (uint64_t n = 2; n <= 7; ++n) {
    EXPECT_EQ(WrittenBattle(n, 2, {}).fight(A, {}, {}).messages, (n - 1) + (n - 1) * (n - 2)) << n;
    // A commander that signs two orders: all others pass both on.
    std::vector<Treason> treasons;
    for (const NodeId to : generals_of(n)) {
      if (to != n1) treasons.push_back({1, {n1}, A, to}), treasons.push_back({1, {n1}, R, to});
    }
    const Outcome o = WrittenBattle(n, 2, {n1}).fight(A, treasons, {n1});
    EXPECT_EQ(o.messages, 2 * (n - 1) * (n - 2));
    EXPECT_LE(o.messages, WrittenGeneral::most_messages(n));
    EXPECT_TRUE(o.ic2(kDefaultOrder)) << "the traitor is found out, and nobody follows";
  }
}

TEST(GeneralsAtLast, RareBranchesWereReached) {
  for (const Mark* m : all_marks()) {
    if (m->name.starts_with("generals.")) {
      EXPECT_GT(m->hits, 0u) << m->name;
    }
  }
}

}  // namespace
}  // namespace holdfast::generals
