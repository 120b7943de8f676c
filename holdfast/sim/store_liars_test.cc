// Members that lie in the simulated store over PBFT: up to f of them hurt nobody, each in its own way; more than f
// break promises, and the run says which, and that it was not promised.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "holdfast/sim/engine_choice.h"
#include "holdfast/sim/scenario.h"
#include "holdfast/sim/sim_main.h"
#include "holdfast/sim/store_run.h"

namespace holdfast::sim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

RunSpec spec_of(uint64_t seed, size_t liars) {
  RunSpec spec = swarm_spec(seed);
  run_on(spec, replica::EngineKind::kPbft);
  draw_byzantine(spec, liars);
  return spec;
}

class EveryLieInTheStore : public ::testing::TestWithParam<size_t> {};

TEST_P(EveryLieInTheStore, HurtsNobody) {
  const auto lie = static_cast<FaultKind>(static_cast<size_t>(FaultKind::kEquivocate) + GetParam());
  for (const uint64_t seed : {2, 7}) {
    RunSpec spec = spec_of(seed, 1);
    spec.plan.faults[0].kind = lie;
    ASSERT_TRUE(budget_of(spec).within);
    const RunResult result = run_store(spec);
    for (const Violation& v : result.violations) {
      ADD_FAILURE() << info(lie).name << ", seed " << seed << ": " << v.oracle << "\n" << v.explanation;
    }
    // To forget is no word of its own.
    if (lie != FaultKind::kForgetful) {
      EXPECT_GT(result.lies, 0u) << info(lie).name << ", seed " << seed;
    }
    EXPECT_GT(result.answered, 15u) << info(lie).name << ", seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Y, EveryLieInTheStore, ::testing::Range(size_t{0}, size_t{12}), [](const auto& lie) {
  return std::string(sim::info(static_cast<FaultKind>(static_cast<size_t>(FaultKind::kEquivocate) + lie.param)).name);
});

TEST(StoreLiars, MoreThanFAreShown) {
  std::ostringstream out, err;
  EXPECT_EQ(sim_main({"--engine", "pbft", "--liars", "2", "--seed", "6"}, out, err), 1) << err.str();
  EXPECT_THAT(out.str(), AllOf(HasSubstr("seed 6 FAILED"), HasSubstr("this was not promised: equivocate"),
                               HasSubstr("2 of 4 members may be struck: pbft is safe with 1"),
                               HasSubstr("replay: holdfast sim --engine pbft --liars 2 --seed 6 --trace")));
}

// Who lies and who has lost its disk share one budget.
TEST(StoreLiars, ALiarCountsLikeAnyOtherWhoIsLost) {
  const auto budget = [](const std::string& members, const std::string& fault) {
    const StatusOr<RunSpec> spec = parse_scenario(
        "engine = \"pbft\"\n[cluster]\nmembers = " + members + "\n[[fault]]\nname = \"Y1\"\nmembers = [0]\n" + fault,
        "x.toml");
    EXPECT_TRUE(spec.ok()) << spec.status();
    return budget_of(*spec);
  };
  const std::string rot = "[[fault]]\nname = \"log_rot\"\nat_ms = 1000\n", lie = "[[fault]]\nname = \"collude\"\n";
  EXPECT_TRUE(budget("4", "").within);
  EXPECT_FALSE(budget("4", rot + "members = [1]").within);
  EXPECT_TRUE(budget("4", rot + "members = [0]").within) << "the same member twice";
  EXPECT_TRUE(budget("7", rot).within);
  EXPECT_FALSE(budget("7", rot + rot).within);
  EXPECT_FALSE(budget("4", lie + "members = [1]").safe);
  EXPECT_TRUE(budget("7", lie + "members = [1]").safe);
}

// Beside its liars a seed stays what it is; and what is drawn is within the budget.
TEST(StoreLiars, AreDrawnAsideOfAllElse) {
  size_t lying = 0, changing = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    RunSpec spec = swarm_spec(seed);
    run_on(spec, replica::EngineKind::kPbft);
    const Plan before = spec.plan;
    draw_byzantine(spec);
    const Budget budget = budget_of(spec);
    EXPECT_TRUE(budget.within && budget.safe) << "seed " << seed << ": " << budget.why;
    const size_t liars = spec.plan.faults.size() - before.faults.size();
    for (size_t i = 0; i < spec.plan.faults.size(); ++i) {
      ASSERT_EQ(is_lie(spec.plan.faults[i].kind), i < liars);
      if (i < liars) continue;
      ASSERT_EQ(spec.plan.faults[i].seed, before.faults[i - liars].seed);
    }
    lying += liars > 0;
    changing += spec.workload.change_members;
    EXPECT_FALSE(liars > 0 && spec.workload.change_members) << "seed " << seed;
  }
  EXPECT_GT(lying, 100u);
  EXPECT_GT(changing, 50u);
}

TEST(StoreLiars, NobodyLiesOverAnotherEngine) {
  const StatusOr<RunSpec> spec = parse_scenario("[[fault]]\nname = \"twins\"\n", "x.toml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_THAT(std::string(check_liars(*spec).message()), HasSubstr("members lie over PBFT only; give --engine pbft"));
  std::ostringstream out, err;
  EXPECT_EQ(sim_main({"--liars", "1", "--seed", "3"}, out, err), 2);
  EXPECT_THAT(err.str(), HasSubstr("--liars needs --engine pbft"));
}

}  // namespace
}  // namespace holdfast::sim
