// Flooding consensus and the Byzantine generals in the simulated world: within what the protocols declare to tolerate
// every promise is kept, and beyond it they are seen to break.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/flooding_sim_testing.h"
#include "tests/generals_sim_testing.h"

namespace holdfast {
namespace {

using flooding::Agreement;
using flooding::SimulatedFlooding;
using generals::OralGeneral;
using generals::SimulatedBattle;
using generals::WrittenGeneral;

// AGREEMENT_FIRST=N AGREEMENT_SEEDS=M runs others than the suite does, and replays one.
struct Seeds {
  explicit Seeds(uint64_t otherwise) : first(number("AGREEMENT_FIRST", 1)) {
    last = first + number("AGREEMENT_SEEDS", otherwise) - 1;
  }
  static uint64_t number(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
  }
  uint64_t first, last = 0;
};

class FloodingInTheSimulator : public testing::TestWithParam<Agreement> {};

TEST_P(FloodingInTheSimulator, KeepsItsPromisesWhoeverCrashesWhereAndWhen) {
  size_t many = 0;
  const Seeds seeds(3000);
  for (uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    SimulatedFlooding run(seed, GetParam());
    ASSERT_TRUE(run.budget().within) << run.budget().why;
    ASSERT_EQ(run.run(), "") << "seed " << seed;
    many += run.crashes() > 2 ? 1 : 0;
  }
  if (seeds.last - seeds.first > 1000) {
    EXPECT_GT(many, 100u) << "many crashes are drawn, too";
  }
}
INSTANTIATE_TEST_SUITE_P(Both, FloodingInTheSimulator, testing::Values(Agreement::kCorrect, Agreement::kUniform));

// What nobody promised: the first seed of a run that shows why. Zero: none did.
template <class Run>
uint64_t first_broken(uint64_t most, const std::string& promise, Run&& make) {
  for (uint64_t seed = 1; seed <= most; ++seed) {
    auto run = make(seed);
    EXPECT_FALSE(run->budget().within) << "seed " << seed;
    if (run->run().starts_with(promise)) return seed;
  }
  return 0;
}

TEST(FloodingBeyondItsBudget, ALostMessageKeepsItWaitingForEver) {
  EXPECT_GT(first_broken(100, "termination",
                         [](uint64_t seed) {
                           return std::make_unique<SimulatedFlooding>(seed, Agreement::kUniform,
                                                                      flooding::Beyond::kLoss);
                         }),
            0u);
}

TEST(FloodingBeyondItsBudget, ADetectorThatErrsBreaksAgreement) {
  EXPECT_GT(first_broken(3000, "agreement",
                         [](uint64_t seed) {
                           return std::make_unique<SimulatedFlooding>(seed, Agreement::kCorrect,
                                                                      flooding::Beyond::kFalseNotice);
                         }),
            0u);
}

template <class General>
void expect_kept(const Seeds& seeds) {
  size_t most_faulty = 0;
  for (uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    SimulatedBattle<General> battle(seed);
    ASSERT_TRUE(battle.budget().within) << battle.budget().why;
    ASSERT_EQ(battle.run(), "") << "seed " << seed;
    most_faulty = std::max(most_faulty, battle.faulty());
  }
  if (seeds.last - seeds.first > 100) {
    EXPECT_GE(most_faulty, 2u);
  }
}

TEST(GeneralsInTheSimulator, OralMessagesWithstandAThirdOfTraitors) { expect_kept<OralGeneral>(Seeds(3000)); }
TEST(GeneralsInTheSimulator, SignedMessagesWithstandAllButTwo) { expect_kept<WrittenGeneral>(Seeds(250)); }

TEST(GeneralsBeyondTheirBudget, OneTraitorMoreBreaksOralMessages) {
  const auto more = [](uint64_t seed) {
    return std::make_unique<SimulatedBattle<OralGeneral>>(seed, generals::Beyond::kOneMore);
  };
  EXPECT_GT(first_broken(2000, "IC1", more), 0u);
  EXPECT_GT(first_broken(2000, "IC2", more), 0u);
}

TEST(GeneralsBeyondTheirBudget, LostAndLateMessagesBreakBoth) {
  for (const auto beyond : {generals::Beyond::kLoss, generals::Beyond::kLate}) {
    EXPECT_GT(first_broken(500, "IC",
                           [&](uint64_t seed) { return std::make_unique<SimulatedBattle<OralGeneral>>(seed, beyond); }),
              0u);
    EXPECT_GT(
        first_broken(500, "IC",
                     [&](uint64_t seed) { return std::make_unique<SimulatedBattle<WrittenGeneral>>(seed, beyond); }),
        0u);
  }
}

}  // namespace
}  // namespace holdfast
