#include "holdfast/server/metrics_text.h"

#include <gtest/gtest.h>

#include "holdfast/server/process_metrics.h"

namespace holdfast::server {
namespace {

TEST(MetricsText, IsTheFormatOfPrometheus) {
  runtime::Metrics metrics;
  metrics.counter("calls_total", "Calls\nof \\ all.", {{"method", "Put\"\\\n"}, {"code", "OK"}}).add(3);
  metrics.gauge("level", "A level.").set(-7);
  metrics.computed(runtime::Metrics::Kind::kGauge, "ratio", "A ratio.", [] { return 0.1; });
  runtime::Histogram& h = metrics.histogram("seconds", "Times.", {0.5, 1, 2.5}, {{"op", "x"}});
  h.observe(0.25);
  h.observe(1);
  h.observe(9);
  EXPECT_EQ(render(metrics),
            "# HELP calls_total Calls\\nof \\\\ all.\n"
            "# TYPE calls_total counter\n"
            "calls_total{method=\"Put\\\"\\\\\\n\",code=\"OK\"} 3\n"
            "# HELP level A level.\n"
            "# TYPE level gauge\n"
            "level -7\n"
            "# HELP ratio A ratio.\n"
            "# TYPE ratio gauge\n"
            "ratio 0.1\n"
            "# HELP seconds Times.\n"
            "# TYPE seconds histogram\n"
            "seconds_bucket{op=\"x\",le=\"0.5\"} 1\n"
            "seconds_bucket{op=\"x\",le=\"1\"} 2\n"
            "seconds_bucket{op=\"x\",le=\"2.5\"} 2\n"
            "seconds_bucket{op=\"x\",le=\"+Inf\"} 3\n"
            "seconds_sum{op=\"x\"} 10.25\n"
            "seconds_count{op=\"x\"} 3\n");
}

TEST(MetricsText, NumbersReadBackAsThemselves) {
  runtime::Metrics metrics;
  double value = 0;
  metrics.computed(runtime::Metrics::Kind::kGauge, "v", "V.", [&] { return value; });
  const auto shown = [&](double v) {
    value = v;
    const std::string text = render(metrics);
    return text.substr(text.rfind("\nv ") + 3);
  };
  EXPECT_EQ(shown(0), "0\n");
  EXPECT_EQ(shown(2147483648.0), "2147483648\n");
  EXPECT_EQ(std::stod(shown(1.0 / 3)), 1.0 / 3);
  EXPECT_EQ(std::stod(shown(1e300)), 1e300);
  EXPECT_EQ(shown(std::numeric_limits<double>::infinity()), "+Inf\n");
  EXPECT_EQ(shown(std::numeric_limits<double>::quiet_NaN()), "NaN\n");
}

TEST(MetricsText, ProcessMetricsAreAlive) {
  runtime::Metrics metrics;
  add_process_metrics(metrics);
  for (const auto& [name, family] : metrics.families()) {
    EXPECT_GT(family.series.begin()->second.computed(), 0) << name;
  }
  EXPECT_EQ(metrics.families().size(), 6u);
}

}  // namespace
}  // namespace holdfast::server
