#include "holdfast/runtime/metrics.h"

#include <algorithm>

#include "holdfast/base/assert.h"

namespace holdfast::runtime {

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), buckets_(bounds_.size() + 1) {
  ensure(std::is_sorted(bounds_.begin(), bounds_.end()), "the bounds of a histogram ascend");
}

void Histogram::observe(double v) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), v);
  buckets_[static_cast<size_t>(at - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(v, std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t n = 0;
  for (const auto& b : buckets_) n += b.load(std::memory_order_relaxed);
  return n;
}

std::vector<double> exponential_bounds(double first, double factor, size_t count) {
  std::vector<double> bounds;
  bounds.reserve(count);
  for (size_t i = 0; i < count; ++i, first *= factor) bounds.push_back(first);
  return bounds;
}

Metrics::Series& Metrics::series(Kind kind, const std::string& name, const std::string& help, const Labels& labels) {
  auto [family, fresh] = families_.try_emplace(name);
  if (fresh) {
    family->second.kind = kind;
    family->second.help = help;
  }
  ensure(family->second.kind == kind, "all metrics of one name are of one kind");
  Series& s = family->second.series[labels];
  s.labels = labels;
  return s;
}

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  Series& s = series(Kind::kCounter, name, help, labels);
  if (s.counter == nullptr) s.counter = std::make_unique<Counter>();
  return *s.counter;
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  Series& s = series(Kind::kGauge, name, help, labels);
  if (s.gauge == nullptr) s.gauge = std::make_unique<Gauge>();
  return *s.gauge;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                              const Labels& labels) {
  Series& s = series(Kind::kHistogram, name, help, labels);
  if (s.histogram == nullptr) s.histogram = std::make_unique<Histogram>(bounds);
  return *s.histogram;
}

void Metrics::computed(Kind kind, const std::string& name, const std::string& help, std::function<double()> value,
                       const Labels& labels) {
  ensure(kind != Kind::kHistogram, "a computed metric is one number");
  Series& s = series(kind, name, help, labels);
  ensure(s.counter == nullptr && s.gauge == nullptr, "a metric is counted or computed, not both");
  s.computed = std::move(value);
}

}  // namespace holdfast::runtime
