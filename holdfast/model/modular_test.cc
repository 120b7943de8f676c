// N-modular redundancy masks what it says, names who was outvoted, and says so when it cannot.
#include "holdfast/model/modular.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <stdexcept>

#include "holdfast/base/random.h"
#include "holdfast/model/tolerance.h"

namespace holdfast {
namespace {

using Numbers = Modular<int64_t>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const Numbers::Module kDouble = [](int64_t x) { return std::optional(2 * x); };
const Numbers::Module kPlusOne = [](int64_t x) { return std::optional(x + 1); };
const Numbers::Module kStuck = [](int64_t) { return std::optional<int64_t>(7); };
const Numbers::Module kCrashed = [](int64_t) { return std::optional<int64_t>(); };

TEST(TripleModularRedundancy, MasksOneFailureInEveryStage) {
  Numbers tmr;
  ASSERT_TRUE(tmr.add_stage({{kDouble, kStuck, kDouble}}).ok());
  ASSERT_TRUE(tmr.add_stage({{kCrashed, kPlusOne, kPlusOne}}).ok());
  ASSERT_TRUE(tmr.add_stage({{kDouble, kDouble, kStuck}}).ok());
  const ModularResult<int64_t> r = tmr.run(10);
  ASSERT_TRUE(r.output.ok()) << r.output.status();
  EXPECT_EQ(*r.output, 42);
  EXPECT_EQ(r.outvoted, (std::vector<Disagreement>{{0, 1}, {1, 0}, {2, 2}}));
}

TEST(TripleModularRedundancy, AnExceptionIsAFailureLikeAnyOther) {
  const Numbers::Module throws = [](int64_t) -> std::optional<int64_t> { throw std::runtime_error("broken"); };
  Numbers tmr;
  Numbers::Stage first{{kDouble, throws, kDouble}};
  first.voters = {{}, {}, [](const auto&) -> std::optional<int64_t> { throw 7; }};
  ASSERT_TRUE(tmr.add_stage(first).ok());
  ASSERT_TRUE(tmr.add_stage({{kPlusOne, kPlusOne, kPlusOne}}).ok());
  const ModularResult<int64_t> r = tmr.run(10);
  ASSERT_TRUE(r.output.ok()) << r.output.status();
  EXPECT_EQ(*r.output, 21);
  EXPECT_EQ(r.outvoted, (std::vector<Disagreement>{{0, 1}, {1, 2}}));
  Numbers two_of_three;
  ASSERT_TRUE(two_of_three.add_stage({{throws, throws, kDouble}}).ok());
  EXPECT_EQ(two_of_three.run(1).output.status().code(), StatusCode::kDataLoss);
}

TEST(TripleModularRedundancy, EmptyFunctionsAreRefused) {
  Numbers tmr;
  EXPECT_EQ(tmr.add_stage({{kDouble, {}, kDouble}}).message(),
            "module 1 of stage 0 is an empty function; give one to call");
  Numbers::Stage no_vote{{kDouble, kDouble, kDouble}}, no_same = no_vote;
  no_vote.vote = nullptr, no_same.same = nullptr;
  for (const Numbers::Stage& stage : {no_vote, no_same}) {
    EXPECT_EQ(tmr.add_stage(stage).code(), StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(tmr.run(1).output.ok()) << "nothing was added";
}

TEST(TripleModularRedundancy, MasksAVoterThatFails) {
  Numbers tmr;
  Numbers::Stage first{{kDouble, kDouble, kDouble}};
  first.voters = {{}, [](const std::optional<int64_t>&) { return std::optional<int64_t>(-1); }, {}};
  ASSERT_TRUE(tmr.add_stage(first).ok());
  Numbers::Stage last{{kPlusOne, kPlusOne, kPlusOne}};
  last.voters = {[](const std::optional<int64_t>&) { return std::optional<int64_t>(); }, {}, {}};
  ASSERT_TRUE(tmr.add_stage(last).ok());
  const ModularResult<int64_t> r = tmr.run(10);
  ASSERT_TRUE(r.output.ok());
  EXPECT_EQ(*r.output, 21);
  EXPECT_EQ(r.outvoted, (std::vector<Disagreement>{{1, 1, false}, {1, 0, true}}))
      << "the module that a bad voter feeds is seen to differ, and so is a voter at the end";
}

// The example of docs/redundancy.md.
TEST(TripleModularRedundancy, MasksAModuleAndAVoterAsTheDocsSay) {
  Numbers tmr;
  Numbers::Stage first{{kDouble, kStuck, kDouble}};
  first.voters = {{}, {}, [](const auto&) { return std::optional<int64_t>(-1); }};
  ASSERT_TRUE(tmr.add_stage(first).ok());
  ASSERT_TRUE(tmr.add_stage({{kPlusOne, kPlusOne, kPlusOne}}).ok());
  const ModularResult<int64_t> result = tmr.run(20);
  ASSERT_TRUE(result.output.ok());
  EXPECT_EQ(*result.output, 41);
  EXPECT_EQ(result.outvoted, (std::vector<Disagreement>{{0, 1, false}, {1, 2, false}}));
}

TEST(TripleModularRedundancy, WithoutAMajorityThereIsNoOutput) {
  Numbers tmr;
  ASSERT_TRUE(tmr.add_stage({{kDouble, kStuck, kCrashed}}).ok());
  const ModularResult<int64_t> r = tmr.run(10);
  EXPECT_EQ(r.output.status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(r.output.status().message(), "stage 0: no majority among 3 modules; more than 1 failed");
}

TEST(TripleModularRedundancy, IsBuiltFromEqualStages) {
  Numbers tmr;
  EXPECT_FALSE(tmr.run(1).output.ok());
  EXPECT_FALSE(tmr.add_stage({{}}).ok());
  EXPECT_TRUE(tmr.add_stage({{kDouble, kDouble, kDouble}}).ok());
  EXPECT_FALSE(tmr.add_stage({{kDouble}}).ok());
  Numbers::Stage odd{{kDouble, kDouble, kDouble}};
  odd.voters.resize(2);
  EXPECT_FALSE(tmr.add_stage(odd).ok());
}

std::optional<double> middle(std::vector<std::optional<double>> given, double epsilon = 0.1) {
  return within(epsilon)(given);
}

TEST(ToleranceVoting, ChoosesTheMiddleOfThoseThatAgree) {
  EXPECT_EQ(middle({1.0, 1.05, 0.97}), 1.0);
  EXPECT_EQ(middle({1.0, 1.05, 900}), 1.05);
  EXPECT_EQ(middle({1.0, 1.05, -900}), 1.0);
  EXPECT_EQ(middle({1.0, {}, 1.05}), 1.05);
  EXPECT_EQ(middle({1.0, kNan, 1.05}), 1.05) << "not-a-number is nothing";
  EXPECT_FALSE(middle({1.0, 2.0, 3.0}).has_value());
  EXPECT_FALSE(middle({1.0, {}, {}}).has_value());
  EXPECT_FALSE(middle({1.0, 1.0, 5, 5}).has_value()) << "two of four are no majority";
  EXPECT_FALSE(exact<double>()({1.0, 1.0 + 1e-15, 2.0}).has_value()) << "an exact vote knows no rounding";
}

TEST(ToleranceVoting, MasksRoundingAndAModuleThatFails) {
  Modular<double> tmr;
  const auto thirds = [](double x) { return std::optional(x / 3); };
  const auto by_multiplying = [](double x) { return std::optional(x * (1.0 / 3)); };
  const auto broken = [](double x) { return std::optional(x / 3 + 1); };
  ASSERT_TRUE(tmr.add_stage(tolerant_stage({thirds, broken, by_multiplying}, 1e-9)).ok());
  const ModularResult<double> r = tmr.run(7);
  ASSERT_TRUE(r.output.ok());
  EXPECT_NEAR(*r.output, 7.0 / 3, 1e-9);
  EXPECT_EQ(r.outvoted, (std::vector<Disagreement>{{0, 1}}));
}

// Whatever fails as long as a majority is correct, the vote is near a correct value.
TEST(ToleranceVoting, StaysAmongTheCorrect) {
  Random random(5);
  for (int round = 0; round < 20'000; ++round) {
    const size_t n = 1 + random.below(9), bad = random.below((n - 1) / 2 + 1);
    std::vector<std::optional<double>> given;
    for (size_t i = 0; i < n; ++i) {
      if (i < n - bad) {
        given.push_back(5 + static_cast<double>(random.below(1001)) / 10'000);  // within 0.1 of each other
      } else {
        const std::optional<double> lies[] = {std::nullopt, -1e9, 1e9, 5.11, 4.9, 5.05, kNan};
        given.push_back(lies[random.below(7)]);
      }
    }
    for (size_t i = n; i > 1; --i) std::swap(given[i - 1], given[random.below(i)]);
    const auto chosen = middle(given);
    ASSERT_TRUE(chosen.has_value());
    ASSERT_GE(*chosen, 5.0);
    ASSERT_LE(*chosen, 5.1);
  }
}

// --- Any f positions per stage, and one more
// ----------------------------------------------------------------------------------

struct Plan {
  size_t n = 3, stages = 1;
  std::vector<std::set<size_t>> modules, voters;  // that fail, by stage
  bool agree = false;                             // whether those that fail do so alike
};

constexpr int64_t kLie = 1'000'000;

Numbers build(const Plan& plan, Random& random) {
  Numbers out;
  for (size_t s = 0; s < plan.stages; ++s) {
    const auto correct = [s](int64_t x) { return std::optional(x * 3 + static_cast<int64_t>(s)); };
    Numbers::Stage stage;
    stage.voters.resize(plan.n);
    for (size_t i = 0; i < plan.n; ++i) {
      const int64_t own_lie = kLie + static_cast<int64_t>(plan.agree ? 0 : 1 + i * 10 + random.below(10));
      const bool silent = !plan.agree && random.chance(1, 4);
      const auto wrong = silent ? std::optional<int64_t>() : std::optional(own_lie);
      stage.modules.push_back(plan.modules[s].contains(i) ? Numbers::Module([wrong](int64_t) { return wrong; })
                                                          : Numbers::Module(correct));
      if (plan.voters[s].contains(i)) stage.voters[i] = [wrong](const std::optional<int64_t>&) { return wrong; };
    }
    EXPECT_TRUE(out.add_stage(std::move(stage)).ok());
  }
  return out;
}
int64_t truth(size_t stages) {
  int64_t x = 5;
  for (size_t s = 0; s < stages; ++s) x = x * 3 + static_cast<int64_t>(s);
  return x;
}

std::set<size_t> some(Random& random, size_t count, size_t n) {
  std::set<size_t> out;
  while (out.size() < count) out.insert(random.below(n));
  return out;
}

TEST(NModularRedundancy, MasksAnyMinorityOfModulesAndVotersInEveryStage) {
  Random random(6);
  for (int round = 0; round < 20'000; ++round) {
    Plan plan{1 + random.below(7), 1 + random.below(4), {}, {}, random.chance(1, 2)};
    const size_t f = tolerated(Bound::kMinority, plan.n);
    plan.modules.resize(plan.stages), plan.voters.resize(plan.stages);
    size_t failing = 0;
    // Positions fail in a stage because the module does, or the voter in front of it (the first stage has none).
    for (size_t s = 0; s <= plan.stages; ++s) {
      for (const size_t position : some(random, random.below(f + 1), plan.n)) {
        const bool by_voter = s == plan.stages || (s > 0 && random.chance(1, 2));
        (by_voter ? plan.voters[s - 1] : plan.modules[s]).insert(position);
        ++failing;
      }
    }
    const ModularResult<int64_t> r = build(plan, random).run(5);
    ASSERT_TRUE(r.output.ok()) << r.output.status();
    ASSERT_EQ(*r.output, truth(plan.stages));
    ASSERT_EQ(r.outvoted.size(), failing) << "each is named once, and nobody else";
  }
}

TEST(NModularRedundancy, OneMoreIsDetectedUnlessTheyConspire) {
  Random random(7);
  for (int round = 0; round < 5'000; ++round) {
    Plan plan{1 + random.below(7), 1 + random.below(4), {}, {}, random.chance(1, 2)};
    const size_t f = tolerated(Bound::kMinority, plan.n);
    plan.modules.resize(plan.stages), plan.voters.resize(plan.stages);
    const size_t stage = random.below(plan.stages);
    plan.modules[stage] = some(random, f + 1, plan.n);
    const ModularResult<int64_t> r = build(plan, random).run(5);
    const bool outvoted = 2 * (f + 1) > plan.n;  // for even n there is a draw
    if (outvoted && plan.agree) {
      ASSERT_TRUE(r.output.ok());
      ASSERT_NE(*r.output, truth(plan.stages)) << "those that agree outvote the correct ones";
    } else if (plan.n == 1 && r.output.ok()) {
      ASSERT_NE(*r.output, truth(plan.stages)) << "nobody is there to disagree";
    } else {
      ASSERT_EQ(r.output.status().code(), StatusCode::kDataLoss);
    }
  }
}

}  // namespace
}  // namespace holdfast
