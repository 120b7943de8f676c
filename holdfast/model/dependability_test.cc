// Dependability arithmetic: against known values, against each other, at the edges, and against Monte-Carlo runs whose
// tolerance is their own confidence interval.
#include "holdfast/model/dependability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "holdfast/base/random.h"

namespace holdfast::dependability {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Equal up to rounding, relatively.
void expect_close(double a, double b, double relative = 1e-9) { EXPECT_NEAR(a, b, std::abs(b) * relative); }

TEST(OneComponent, IsDownForMttrOfMtbf) {
  EXPECT_DOUBLE_EQ(*mtbf({90, 10}), 100);
  EXPECT_DOUBLE_EQ(*unavailability({90, 10}), 0.1);
  expect_close(*unavailability({1e12, 1}), 1e-12, 1e-11);
  EXPECT_EQ(*unavailability({5, 0}), 0);
  EXPECT_DOUBLE_EQ(nines(1e-5), 5);
  EXPECT_EQ(nines(0), kInfinite);
  EXPECT_FALSE(std::signbit(nines(1))) << "no -0";
}

TEST(OneComponent, LivesExponentiallyOrAsWeibullSays) {
  expect_close(*unreliability({10, 1}, 10), 1 - std::exp(-1.0));
  expect_close(*unreliability({1e12, 1}, 1), 1e-12);
  EXPECT_EQ(*unreliability({10, 1}, 0), 0);
  EXPECT_EQ(*unreliability({10, 1}, kInfinite), 1);
  expect_close(*weibull_scale({10, 2}), 10 / (std::sqrt(std::acos(-1.0)) / 2));
  expect_close(*unreliability({10, 2}, *weibull_scale({10, 2})), 1 - std::exp(-1.0));
  EXPECT_LT(*unreliability({10, 3}, 1), *unreliability({10, 1}, 1)) << "what wears fails late";
  EXPECT_GT(*unreliability({10, 0.5}, 1), *unreliability({10, 1}, 1)) << "early failures";
}

TEST(Combinations, AreThoseOfTheTextbook) {
  EXPECT_DOUBLE_EQ(*series(std::vector{0.1, 0.2}), 1 - 0.9 * 0.8);
  EXPECT_DOUBLE_EQ(*parallel(std::vector{0.1, 0.2}), 0.02);
  EXPECT_EQ(*series(std::vector<double>{}), 0);
  expect_close(*series(std::vector(1000, 1e-15)), 1e-12);
  expect_close(*k_of_n({2, 3}, 0.1), 3 * 0.01 * 0.9 + 0.001);
  expect_close(*k_of_n({3, 5}, 1e-3), 10 * 1e-9 * 0.999 * 0.999 + 5 * 1e-12 * 0.999 + 1e-15);
  EXPECT_EQ(*k_of_n({2, 3}, 0), 0);
  EXPECT_EQ(*k_of_n({2, 3}, 1), 1);
  for (size_t n = 1; n <= 12; ++n) {
    const std::vector<double> same(n, 0.3);
    expect_close(*k_of_n({n, n}, 0.3), *series(same));
    expect_close(*k_of_n({1, n}, 0.3), *parallel(same));
    for (size_t k = 1; k <= n; ++k) expect_close(*k_of_n({k, n}, 0.3), *k_of_n(k, same));
  }
}

TEST(Combinations, OfUnequalOnesAreCountedCaseByCase) {
  const std::vector<double> down = {0.1, 0.02, 0.5, 0.3, 1e-6};
  for (size_t needed = 1; needed <= down.size(); ++needed) {
    double few = 0;
    for (unsigned up = 0; up < 1u << down.size(); ++up) {
      double p = 1;
      for (size_t i = 0; i < down.size(); ++i) p *= (up >> i & 1) != 0 ? 1 - down[i] : down[i];
      if (static_cast<size_t>(__builtin_popcount(up)) < needed) few += p;
    }
    expect_close(*k_of_n(needed, down), few);
  }
}

TEST(Combinations, KeepTheirDigitsAtTheEdges) {
  // One of two with 1e-6 each: 1e-12, which 1 - availability would know to four digits.
  expect_close(*k_of_n({1, 2}, 1e-6), 1e-12, 1e-12);
  expect_close(*k_of_n({1, 20}, 1e-12), 1e-240, 1e-9);
  // The first term outweighs all others: C(1000, 501) u^501.
  const double lead = std::lgamma(1001) - std::lgamma(502) - std::lgamma(500) + 501 * std::log(1e-9);
  EXPECT_NEAR(*k_of_n({500, 1000}, 1e-9), 0, 1e-300) << "too small for a double: " << lead;
  expect_close(
      *k_of_n({990, 1000}, 1e-5),
      std::exp(std::lgamma(1001) - std::lgamma(12) - std::lgamma(990) + 11 * std::log(1e-5) + 989 * std::log1p(-1e-5)),
      1e-2);
  const std::vector<double> many(1000, 0.01);
  for (const size_t k : {1, 500, 950, 990, 1000}) expect_close(*k_of_n({k, 1000}, 0.01), *k_of_n(k, many), 1e-9);
  expect_close(*k_of_n({501, 1000}, 0.5),
               0.5 + std::exp(std::lgamma(1001) - 2 * std::lgamma(501) - 1000 * std::log(2.0)) / 2);
}

TEST(GroupsWithoutRepair, LiveTheSumOfTheirSteps) {
  expect_close(*mttf_without_repair({1, 3}, {60, 1}), 60 * (1 + 1 / 2.0 + 1 / 3.0));
  expect_close(*mttf_without_repair({2, 3}, {60, 1}), 60 * (1 / 2.0 + 1 / 3.0));
  EXPECT_LT(*mttf_without_repair({2, 3}, {60, 1}), 60.0) << "triple redundancy without repair lives shorter than one";
  for (const double shape : {0.5, 0.999999, 1.000001, 2.0, 10.0}) {
    expect_close(*mttf_without_repair({1, 1}, {60, shape}), 60.0, 1e-9);
  }
  expect_close(*mttf_without_repair({501, 1000}, {60, 1.0000001}), *mttf_without_repair({501, 1000}, {60, 1}), 1e-6);
}

// All are needed: the first failure of n Weibull lives has the same shape and a scale less by the root.
TEST(GroupsWithoutRepair, ThatNeedAllLiveToTheFirstFailure) {
  for (const double n : {1, 2, 3, 7, 30, 100, 501, 1000}) {
    for (double shape = 0.05; shape <= 10; shape *= 1.1) {
      SCOPED_TRACE(testing::Message() << n << " of " << n << ", shape " << shape);
      const auto members = static_cast<size_t>(n);
      expect_close(*mttf_without_repair({members, members}, {60, shape}), 60 * std::pow(n, -1 / shape));
    }
  }
}

// By inclusion and exclusion over the survivors: R^i alone integrates to i^(-1 / shape) means. The signs alternate, so
// that it keeps its digits for few members only.
TEST(GroupsWithoutRepair, ThatAreSmallLiveAsCountedCaseByCase) {
  const auto choose = [](size_t n, size_t k) {
    long double ways = 1;
    for (size_t i = 0; i < k; ++i) ways = ways * static_cast<long double>(n - i) / static_cast<long double>(i + 1);
    return ways;
  };
  for (size_t n = 1; n <= 10; ++n) {
    for (size_t k = 1; k <= n; ++k) {
      for (double shape = 0.05; shape <= 10; shape *= 1.3) {
        long double truth = 0;
        for (size_t up = k; up <= n; ++up) {
          for (size_t i = 0; i <= n - up; ++i) {
            const long double part = choose(n, up) * choose(n - up, i);
            truth += (i % 2 == 0 ? part : -part) * std::pow(static_cast<long double>(up + i), -1.0L / shape);
          }
        }
        SCOPED_TRACE(testing::Message() << k << " of " << n << ", shape " << shape);
        expect_close(*mttf_without_repair({k, n}, {1, shape}), static_cast<double>(truth));
      }
    }
  }
}

// For shape 1 / p the mean is the p-th moment of a sum of independent exponential steps of means 1 / n to 1 / k, whose
// cumulants add up: positive terms only, at any size.
TEST(GroupsWithoutRepair, ThatAreLargeLiveAsTheMomentsOfTheirSteps) {
  for (const size_t n : {2, 3, 7, 30, 100, 1000}) {
    for (const size_t k : {size_t{1}, n / 2 + 1, n * 2 / 3 + 1, n - 1, n}) {
      std::vector<double> cumulants{0}, moments{1};
      double factorial = 1;  // of p
      for (int p = 1; p <= 20; ++p) {
        double sum = 0;
        for (size_t i = n; i >= k; --i) sum += std::pow(static_cast<double>(i), -p);
        cumulants.push_back(factorial * sum);  // so far of p - 1
        factorial *= p;
        double moment = 0, choose = 1;
        for (int j = 1; j <= p; ++j) {
          const auto at = static_cast<size_t>(j);
          moment += choose * cumulants[at] * moments[static_cast<size_t>(p) - at];
          choose = choose * (p - j) / j;
        }
        moments.push_back(moment);
        SCOPED_TRACE(testing::Message() << k << " of " << n << ", shape 1 / " << p);
        expect_close(*mttf_without_repair({k, n}, {1, 1.0 / p}), moment / factorial);
      }
    }
  }
}

// The clever one against a dumb one: the area under the reliability, which another function sums, on a fine grid.
TEST(GroupsWithoutRepair, LiveAsLongAsTheAreaUnderTheirReliability) {
  for (const Group g : {Group{501, 1000}, {1, 300}, {67, 100}, {990, 1000}}) {
    for (const double shape : {0.3, 2.0, 10.0}) {
      const double scale = *weibull_scale({1, shape}), step = 0.02, begin = -40;
      double area = std::exp(begin / shape);  // nobody has failed so early
      for (double x = begin + step / 2; x < 5; x += step) {
        // Enough work when those that failed are too few to be "needed" to fail.
        const double reliability = *k_of_n({g.members - g.needed + 1, g.members}, std::exp(-std::exp(x)));
        area += reliability * std::exp(x / shape) / shape * step;
      }
      SCOPED_TRACE(testing::Message() << g.needed << " of " << g.members << ", shape " << shape);
      expect_close(*mttf_without_repair(g, {1, shape}), scale * area, 1e-6);
    }
  }
}

TEST(GroupsWithRepair, AreTheFormulasOfTheirChains) {
  const double l = 1.0 / 1000, m = 1.0 / 10;
  // Two of which one is enough, one repairer: the textbook's duplex.
  const GroupFigures one = *repaired_group({1, 2}, {1000, 10}, 1);
  expect_close(one.mttf, (3 * l + m) / (2 * l * l));
  expect_close(one.unavailability, 2 * l * l / (2 * l * l + 2 * l * m + m * m));
  expect_close(one.mean_down, 10);
  // Two of three, one repairer (triple redundancy with repair).
  expect_close(repaired_group({2, 3}, {1000, 10}, 1)->mttf, (5 * l + m) / (6 * l * l));
  EXPECT_GT(one.unavailability, repaired_group({1, 2}, {1000, 10}, 2)->unavailability);
}

TEST(GroupsWithRepair, WithARepairerForEachAreIndependent) {
  for (const Group g : {Group{1, 1}, {2, 3}, {3, 5}, {5, 7}, {1, 4}, {501, 1000}}) {
    for (const double mttr : {1e-3, 1.0, 300.0, 5000.0}) {
      const GroupFigures chain = *repaired_group(g, {1000, mttr}, g.members),
                         by_one = *independent_group(g, {1000, mttr});
      expect_close(chain.unavailability, by_one.unavailability);
      expect_close(chain.mean_down, by_one.mean_down);
      if (std::isfinite(chain.mttf)) expect_close(chain.mttf, by_one.mttf);
      EXPECT_NEAR(chain.nines, by_one.nines, 1e-9);
      if (std::isfinite(chain.mean_up)) expect_close(chain.mean_up, by_one.mean_up);
      if (chain.nines < 300) expect_close(chain.unavailability, *k_of_n(g, *unavailability({1000, mttr})));
    }
  }
}

// log of the probability that just so many are down.
double log_exactly(size_t members, double failed, double down) {
  const auto n = static_cast<double>(members);
  return std::lgamma(n + 1) - std::lgamma(failed + 1) - std::lgamma(n - failed + 1) + failed * std::log(down) +
         (n - failed) * std::log1p(-down);
}

TEST(GroupsWithRepair, StaySoundAtTheEdges) {
  expect_close(independent_group({1, 2}, {1e6, 1})->unavailability, std::pow(1 / (1e6 + 1), 2), 1e-12);
  const GroupFigures huge = *repaired_group({501, 1000}, {30 * kDay, 60}, 1);
  EXPECT_TRUE(std::isinf(huge.mttf)) << "beyond all numbers";
  EXPECT_GT(huge.unavailability, 0) << "it is not certain";
  // What cannot be told as a number still has its everyday figures: an outage ends with the first of 500 repairs.
  for (const Group g : {Group{501, 1000}, {50, 1000}}) {
    const GroupFigures f = *independent_group(g, {30 * kDay, 60});
    const auto failed = static_cast<double>(g.members - g.needed + 1);
    EXPECT_TRUE(std::isinf(f.mean_up));
    expect_close(f.mean_down, 60 / failed, 1e-3);
    const double lead = log_exactly(g.members, failed, 60 / (30 * kDay + 60));
    expect_close(f.nines, -lead / std::log(10.0), 1e-3);
    EXPECT_EQ(f.unavailability, std::numeric_limits<double>::denorm_min());
  }
  const GroupFigures hopeless = *repaired_group({501, 1000}, {60, 30 * kDay}, 1);
  EXPECT_NEAR(hopeless.unavailability, 1, 1e-12);
  EXPECT_TRUE(std::isfinite(hopeless.mttf));
  const GroupFigures instant = *repaired_group({2, 3}, {60, 0}, 1);
  EXPECT_EQ(instant.unavailability, 0);
  EXPECT_TRUE(std::isinf(instant.mttf) && std::isinf(instant.mean_up)) << instant.mttf;
  EXPECT_DOUBLE_EQ(repaired_group({3, 3}, {60, 0}, 1)->mttf, 20) << "all are needed: repair cannot prevent the first";
}

TEST(Nonsense, IsRefusedByName) {
  for (const double bad : {0.0, -1.0, kNan, kInfinite}) {
    EXPECT_FALSE(unavailability({bad, 1}).ok());
    EXPECT_FALSE(unreliability({bad, 1}, 1).ok());
    EXPECT_FALSE(independent_group({1, 2}, {bad, 1}).ok());
    EXPECT_FALSE(repaired_group({1, 2}, {bad, 1}, 1).ok());
  }
  for (const double bad : {-1.0, kNan, kInfinite}) EXPECT_FALSE(mtbf({1, bad}).ok());
  for (const double bad : {-1e-9, 1.0000001, kNan}) {
    EXPECT_FALSE(k_of_n({1, 2}, bad).ok());
    EXPECT_FALSE(k_of_n(1, std::vector{0.5, bad}).ok());
    EXPECT_FALSE(series(std::vector{bad}).ok());
    EXPECT_FALSE(parallel(std::vector{bad}).ok());
  }
  EXPECT_FALSE(unreliability({1, 0}, 1).ok());
  EXPECT_FALSE(unreliability({1, kNan}, 1).ok());
  EXPECT_FALSE(unreliability({1, 1}, -1).ok());
  EXPECT_FALSE(parallel(std::vector<double>{}).ok());
  EXPECT_FALSE(repaired_group({1, 2}, {1, 1}, 0).ok());
  for (const Group bad : {Group{0, 1}, {2, 1}, {1, 0}, {1, 10'000'000}}) {
    EXPECT_FALSE(k_of_n(bad, 0.5).ok());
    EXPECT_FALSE(mttf_without_repair(bad, {1, 1}).ok());
    EXPECT_FALSE(independent_group(bad, {1, 1}).ok());
  }
  EXPECT_EQ(
      k_of_n({3, 2}, 0.5).status().message(),
      "a group of 2 members of which 3 are needed makes no sense; there must be 1 to 100000 members, and 1 to all of "
      "them needed");
}

// --- Monte Carlo
// -----------------------------------------------------------------------------------------------------------

// The mean of independent samples, and how far it may be from the truth: five standard errors, which chance exceeds
// once in 1.7 million; the seeds are fixed.
class Samples {
 public:
  void add(double x) {
    ++n_;
    const double before = x - mean_;
    mean_ += before / static_cast<double>(n_);
    squares_ += before * (x - mean_);
  }
  void expect_mean(double truth, const char* what) const {
    const double error = std::sqrt(squares_ / static_cast<double>(n_ - 1) / static_cast<double>(n_));
    EXPECT_GT(error, 0) << what;
    EXPECT_LT(error, 0.1 * truth) << what << ": too few samples to say anything";
    EXPECT_NEAR(mean_, truth, 5 * error) << what << ", " << n_ << " samples";
  }

 private:
  uint64_t n_ = 0;
  double mean_ = 0, squares_ = 0;
};

double uniform(Random& random) { return (static_cast<double>(random.next() >> 11) + 0.5) * 0x1p-53; }
double draw(Random& random, Lifetime life) {
  return *weibull_scale(life) * std::pow(-std::log(uniform(random)), 1 / life.shape);
}

TEST(MonteCarlo, LifetimesAndTheirCombinations) {
  Random random(1);
  for (const double shape : {0.7, 1.0, 2.5}) {
    const Lifetime life{100, shape};
    Samples mean, dead, group, group_dead, series_dead, parallel_dead;
    for (int i = 0; i < 60'000; ++i) {
      std::vector<double> lives(5);
      for (double& t : lives) t = draw(random, life);
      mean.add(lives[0]);
      dead.add(lives[0] < 50 ? 1 : 0);
      series_dead.add(*std::min_element(lives.begin(), lives.end()) < 10 ? 1 : 0);
      parallel_dead.add(*std::max_element(lives.begin(), lives.end()) < 120 ? 1 : 0);
      std::sort(lives.begin(), lives.end());
      group.add(lives[2]);  // three of five are needed: the third failure is one too many
      group_dead.add(lives[2] < 70 ? 1 : 0);
    }
    mean.expect_mean(100, "MTTF");
    dead.expect_mean(*unreliability(life, 50), "R(t)");
    series_dead.expect_mean(*series(std::vector(5, *unreliability(life, 10))), "series");
    parallel_dead.expect_mean(*parallel(std::vector(5, *unreliability(life, 120))), "parallel");
    group.expect_mean(*mttf_without_repair({3, 5}, life), "MTTF of three of five");
    group_dead.expect_mean(*k_of_n({3, 5}, *unreliability(life, 70)), "R(t) of three of five");
  }
}

// A group in time: members fail, queue for the repairers, and are as good as new.
struct History {
  double down = 0, first_outage = -1;
  uint64_t outages = 0;
};
History live(Random& random, Group g, Lifetime life, double mttr, size_t repairers, double until) {
  std::vector<double> fails(g.members), done;  // done: when the members in repair will be ready
  for (double& t : fails) t = draw(random, life);
  size_t waiting = 0;
  History h;
  double now = 0;
  const auto is_down = [&] { return fails.size() < g.needed; };
  for (;;) {
    const auto next_failure = std::min_element(fails.begin(), fails.end());
    const auto next_repair = std::min_element(done.begin(), done.end());
    const double failure = next_failure == fails.end() ? kInfinite : *next_failure;
    const double repair = next_repair == done.end() ? kInfinite : *next_repair;
    const double next = std::min({failure, repair, until});
    if (is_down()) h.down += next - now;
    now = next;
    if (now >= until) return h;
    if (failure <= repair) {
      const bool was_up = !is_down();
      fails.erase(next_failure);
      if (done.size() < repairers) {
        done.push_back(now + draw(random, {mttr, 1}));
      } else {
        ++waiting;
      }
      if (was_up && is_down()) {
        ++h.outages;
        if (h.first_outage < 0) h.first_outage = now;
      }
    } else {
      done.erase(next_repair);
      fails.push_back(now + draw(random, life));
      if (waiting > 0) --waiting, done.push_back(now + draw(random, {mttr, 1}));
    }
  }
}

void expect_figures(Random& random, Group g, Repairable member, double shape, size_t repairers) {
  const GroupFigures truth =
      repairers < g.members ? *repaired_group(g, member, repairers) : *independent_group(g, member);
  const double until = 400 * member.mttf;
  const double warm = 20 * member.mttf;  // what is left of having begun with all up is beyond all digits
  Samples down, outages, first;
  for (int i = 0; i < 150; ++i) {
    Random fork = random.fork(), again = fork;
    const History head = live(fork, g, {member.mttf, shape}, member.mttr, repairers, warm);
    const History all = live(again, g, {member.mttf, shape}, member.mttr, repairers, until);
    down.add((all.down - head.down) / (until - warm));
    outages.add(static_cast<double>(all.outages - head.outages) / (until - warm));
  }
  down.expect_mean(truth.unavailability, "unavailability");
  outages.expect_mean(1 / (truth.mean_up + truth.mean_down), "outages per second");
  if (shape != 1) return;
  for (int i = 0; i < 3000; ++i) {
    const History h = live(random, g, {member.mttf, 1}, member.mttr, repairers, 60 * truth.mttf);
    first.add(h.first_outage < 0 ? 60 * truth.mttf : h.first_outage);
  }
  first.expect_mean(truth.mttf, "MTTF of the group");
}

TEST(MonteCarlo, GroupsWithRepair) {
  Random random(2);
  expect_figures(random, {2, 3}, {100, 10}, 1, 3);
  expect_figures(random, {2, 3}, {100, 10}, 1, 1);
  expect_figures(random, {3, 5}, {100, 40}, 1, 2);
  expect_figures(random, {1, 2}, {100, 20}, 1, 1);
}

// Only the means matter where every failure is repaired on its own.
TEST(MonteCarlo, GroupsThatAgeWithRepair) {
  Random random(3);
  expect_figures(random, {2, 3}, {100, 10}, 3, 3);
  expect_figures(random, {3, 5}, {100, 30}, 0.8, 5);
}

}  // namespace
}  // namespace holdfast::dependability
