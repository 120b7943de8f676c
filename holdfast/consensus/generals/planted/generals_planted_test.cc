// The battles find the bugs planted in both protocols, and are silent without.
#include <gtest/gtest.h>

#include "holdfast/base/planted.h"
#include "holdfast/consensus/generals/generals_testing.h"

namespace holdfast::generals {
namespace {

uint64_t broken_oral(std::string_view bug) {
  planted_bug = bug;
  uint64_t broken = 0;
  all_oral_battles(4, 1, [&](const Outcome& o, NodeId traitor, Order order) {
    broken += broken_promise(o, traitor != kCommander, order).empty() ? 0 : 1;
  });
  for (uint64_t seed = 1; seed <= 200; ++seed) broken += random_oral_battle(seed, 7, 2).empty() ? 0 : 1;
  planted_bug = {};
  return broken;
}

// Random treason against SM(2) with four generals: chains of any traitors in any round, with the keys they have.
uint64_t broken_written(std::string_view bug) {
  planted_bug = bug;
  uint64_t broken = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const std::set<NodeId> traitors =
        random.chance(1, 2) ? std::set{NodeId(1), NodeId(4)} : std::set{NodeId(3), NodeId(4)};
    std::vector<WrittenBattle::Treason> treasons;
    for (uint64_t k = random.below(8); k > 0; --k) {
      Path chain = {NodeId(1)};
      if (!traitors.contains(NodeId(1)) || random.chance(1, 2)) chain.push_back(NodeId(4));
      const NodeId to(random.chance(1, 2) || traitors.contains(NodeId(3)) ? 2 : 3);
      treasons.push_back({static_cast<uint32_t>(1 + random.below(3)), chain, static_cast<Order>(random.below(2)), to});
    }
    const Outcome o = WrittenBattle(4, 2, traitors).fight(Order::kAttack, treasons, traitors);
    broken += broken_promise(o, !traitors.contains(kCommander), Order::kAttack).empty() ? 0 : 1;
  }
  planted_bug = {};
  return broken;
}

TEST(PlantedGeneralsBugs, BelievingWhatOneWasToldDirectly) { EXPECT_GT(broken_oral("OM-TRUST"), 0u); }
TEST(PlantedGeneralsBugs, TakingOrdersThatComeTooLate) { EXPECT_GT(broken_written("SM-LATE"), 0u); }
TEST(PlantedGeneralsBugs, TakingEverySignatureForGenuine) { EXPECT_GT(broken_written("SM-UNCHECKED"), 0u); }
TEST(PlantedGeneralsBugs, NoneMeansNone) {
  EXPECT_EQ(broken_oral(""), 0u);
  EXPECT_EQ(broken_written(""), 0u);
}

}  // namespace
}  // namespace holdfast::generals
