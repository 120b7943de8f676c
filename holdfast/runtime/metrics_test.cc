#include "holdfast/runtime/metrics.h"

#include <thread>

#include <gtest/gtest.h>

namespace holdfast::runtime {
namespace {

TEST(Metrics, FindsASeriesAgainByNameAndLabels) {
  Metrics m;
  Counter& a = m.counter("x_total", "help", {{"peer", "1"}});
  Counter& b = m.counter("x_total", "other help", {{"peer", "2"}});
  EXPECT_EQ(&a, &m.counter("x_total", "help", {{"peer", "1"}}));
  EXPECT_NE(&a, &b);
  ASSERT_EQ(m.families().size(), 1u);
  EXPECT_EQ(m.families().at("x_total").help, "help");
  EXPECT_EQ(m.families().at("x_total").series.size(), 2u);
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics m;
  Counter& c = m.counter("c_total", "");
  Histogram& h = m.histogram("h_seconds", "", {1, 2});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        c.add();
        h.observe(i % 4);
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(c.value(), 4000u);
  EXPECT_EQ(h.count(), 4000u);
  EXPECT_EQ(h.sum(), 6000.0);
}

TEST(Metrics, HistogramBoundsAreInclusive) {
  Histogram h({0.5, 1});
  for (const double v : {0.0, 0.5, 0.6, 1.0, 1.1}) h.observe(v);
  EXPECT_EQ(h.bucket(0), 2u);
  EXPECT_EQ(h.bucket(1), 2u);
  EXPECT_EQ(h.bucket(2), 1u);
  EXPECT_EQ(exponential_bounds(0.001, 2, 3), (std::vector<double>{0.001, 0.002, 0.004}));
}

TEST(Metrics, ComputedValuesAreReadWhenAsked) {
  Metrics m;
  double v = 1;
  m.computed(Metrics::Kind::kGauge, "g", "", [&] { return v; });
  v = 7;
  EXPECT_EQ(m.families().at("g").series.begin()->second.computed(), 7);
}

}  // namespace
}  // namespace holdfast::runtime
