// Metrics: counters, gauges and histograms with names and labels, kept by whoever counts and rendered by server/.
//
// Updating is wait-free and allowed from any thread. Registering and visiting are for one thread (the loop); a metric
// lives as long as its registry and its address never changes, so that those who count keep a reference.
//
// Names and units follow the conventions of Prometheus: seconds and bytes, counters end in _total.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::runtime {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Counts observations by upper bounds (inclusive, ascending); one more bucket takes what lies above the last.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double v);

  const std::vector<double>& bounds() const { return bounds_; }
  // Of bucket `i` alone, not cumulative; i <= bounds().size().
  uint64_t bucket(size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
  uint64_t count() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> buckets_;
  std::atomic<double> sum_{0};
};

// `count` bounds from `first`, each `factor` times the one before.
std::vector<double> exponential_bounds(double first, double factor, size_t count);

// "name" -> "value" pairs in the order they are shown.
using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  enum class Kind { kCounter, kGauge, kHistogram };

  // Registers, or finds again by name and labels. Kind and help are those of the first registration of the name.
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                       const Labels& labels = {});
  // A value read when somebody asks, on the thread that visits. A second registration replaces the first.
  void computed(Kind kind, const std::string& name, const std::string& help, std::function<double()> value,
                const Labels& labels = {});

  // One metric with its labels. Exactly one of the members behind `labels` is set.
  struct Series {
    Labels labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> computed;
  };
  struct Family {
    Kind kind = Kind::kCounter;
    std::string help;
    std::map<Labels, Series> series;
  };
  // All families by name, for rendering.
  const std::map<std::string, Family>& families() const { return families_; }

 private:
  Series& series(Kind kind, const std::string& name, const std::string& help, const Labels& labels);
  std::map<std::string, Family> families_;
};

}  // namespace holdfast::runtime
