// The key intervals of requests: one key, [key, end), or everything from a key on.
#pragma once

#include <string_view>

#include "holdfast/base/slice.h"

namespace holdfast::store {

// A view of an interval; the bytes belong to the request.
struct Interval {
  std::string_view begin;
  std::string_view end;  // meaningful only when bounded and not single
  bool single = false;
  bool unbounded = false;

  // `range_end` as requests write it: empty for the one key, "\0" for no end.
  static Interval of(std::string_view key, std::string_view range_end) {
    if (range_end.empty()) return {key, {}, true, false};
    if (range_end.size() == 1 && range_end[0] == '\0') return {key, {}, false, true};
    return {key, range_end, false, false};
  }
  static Interval of(const Slice& key, const Slice& range_end) { return of(key.view(), range_end.view()); }

  // True when `key`, known to be >= begin, lies behind the interval.
  bool is_behind(std::string_view key) const { return single ? key != begin : (!unbounded && key >= end); }
  bool contains(std::string_view key) const { return key >= begin && !is_behind(key); }
  bool is_empty() const { return !single && !unbounded && end <= begin; }
};

}  // namespace holdfast::store
