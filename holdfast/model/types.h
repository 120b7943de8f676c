// The nouns of the lectures' system model: processes with identities, each with its own clock and stable storage.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "holdfast/base/strong.h"

namespace holdfast {

struct NodeIdTag {
  static constexpr const char* kPrefix = "n";
};
// A process. Zero names nobody.
using NodeId = Strong<NodeIdTag, uint64_t>;

struct StableSeqTag {
  static constexpr const char* kPrefix = "s";
};
// The number of a stable record in its node's one stream, counted from 1 and never reused. Zero: no record.
using StableSeq = Strong<StableSeqTag, uint64_t>;

struct BlobIdTag {
  static constexpr const char* kPrefix = "b";
};
// The name of a blob (a large object in stable storage) within its node. Never reused.
using BlobId = Strong<BlobIdTag, uint64_t>;

// A span of time in nanoseconds, signed.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration nanos(int64_t n) { return Duration(n); }
  static constexpr Duration micros(int64_t n) { return Duration(n * 1'000); }
  static constexpr Duration millis(int64_t n) { return Duration(n * 1'000'000); }
  static constexpr Duration seconds(int64_t n) { return Duration(n * 1'000'000'000); }

  constexpr int64_t nanos() const { return ns_; }
  constexpr int64_t millis() const { return ns_ / 1'000'000; }
  constexpr auto operator<=>(const Duration&) const = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return Duration(a.ns_ + b.ns_); }
  friend constexpr Duration operator-(Duration a, Duration b) { return Duration(a.ns_ - b.ns_); }
  friend constexpr Duration operator*(Duration a, int64_t k) { return Duration(a.ns_ * k); }
  friend constexpr Duration operator/(Duration a, int64_t k) { return Duration(a.ns_ / k); }

 private:
  constexpr explicit Duration(int64_t n) : ns_(n) {}
  int64_t ns_ = 0;
};

// A reading of one node's monotonic clock, in nanoseconds from an origin of its own. Readings of different nodes, or
// of one node before and after a restart, must not be compared.
class Time {
 public:
  constexpr Time() = default;
  static constexpr Time at_nanos(int64_t n) { return Time(n); }
  static constexpr Time at_millis(int64_t n) { return Time(n * 1'000'000); }
  // Later than every reading: the deadline of the idle.
  static constexpr Time never() { return Time(std::numeric_limits<int64_t>::max()); }

  constexpr int64_t nanos() const { return ns_; }
  constexpr int64_t millis() const { return ns_ / 1'000'000; }
  constexpr auto operator<=>(const Time&) const = default;
  friend constexpr Time operator+(Time t, Duration d) { return t == never() ? t : Time(t.ns_ + d.nanos()); }
  friend constexpr Time operator-(Time t, Duration d) { return Time(t.ns_ - d.nanos()); }
  friend constexpr Duration operator-(Time a, Time b) { return Duration::nanos(a.ns_ - b.ns_); }

 private:
  constexpr explicit Time(int64_t n) : ns_(n) {}
  int64_t ns_ = 0;
};

inline std::string to_text(Duration d) { return std::to_string(d.millis()) + "ms"; }
inline std::string to_text(Time t) { return t == Time::never() ? "never" : "@" + std::to_string(t.millis()) + "ms"; }

}  // namespace holdfast
