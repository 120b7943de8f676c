#include "holdfast/store/range.h"

#include <algorithm>
#include <limits>

namespace holdfast::store {
namespace {

bool has_bounds(const RangeRequest& r) {
  return r.min_mod_revision != Revision{} || r.max_mod_revision != Revision{} || r.min_create_revision != Revision{} ||
         r.max_create_revision != Revision{};
}

bool within_bounds(const RangeRequest& r, const Version& v) {
  return (r.max_mod_revision == Revision{} || v.mod <= r.max_mod_revision) &&
         (r.min_mod_revision == Revision{} || v.mod >= r.min_mod_revision) &&
         (r.max_create_revision == Revision{} || v.create <= r.max_create_revision) &&
         (r.min_create_revision == Revision{} || v.create >= r.min_create_revision);
}

bool less(SortTarget target, const Version& a, const Version& b) {
  switch (target) {
    case SortTarget::kKey:
      return a.key->key.view() < b.key->key.view();
    case SortTarget::kVersion:
      return a.version < b.version;
    case SortTarget::kCreate:
      return a.create < b.create;
    case SortTarget::kMod:
      return a.mod < b.mod;
    case SortTarget::kValue:
      return a.value.view() < b.value.view();
  }
  return false;
}

// Ties stay in key order.
void sort_rows(const RangeRequest& r, std::vector<const Version*>& rows) {
  const SortTarget target = r.sort_target;
  if (r.sort_order == SortOrder::kDescend) {
    std::stable_sort(rows.begin(), rows.end(),
                     [target](const Version* a, const Version* b) { return less(target, *b, *a); });
  } else if (target != SortTarget::kKey) {
    std::stable_sort(rows.begin(), rows.end(),
                     [target](const Version* a, const Version* b) { return less(target, *a, *b); });
  }
}

template <class T>
bool decide(CompareResult wanted, const T& actual, const T& given) {
  switch (wanted) {
    case CompareResult::kEqual:
      return actual == given;
    case CompareResult::kNotEqual:
      return actual != given;
    case CompareResult::kGreater:
      return actual > given;
    case CompareResult::kLess:
      return actual < given;
  }
  return false;
}

bool holds_for(const Compare& c, const Version& v) {
  switch (c.target) {
    case CompareTarget::kVersion:
      return decide(c.result, v.version, c.number);
    case CompareTarget::kCreate:
      return decide(c.result, v.create.value(), c.number);
    case CompareTarget::kMod:
      return decide(c.result, v.mod.value(), c.number);
    case CompareTarget::kLease:
      return decide(c.result, v.lease.value(), c.number);
    case CompareTarget::kValue:
      return decide(c.result, v.value.view(), c.value.view());
  }
  return false;
}

}  // namespace

Response read_range(const VersionedMap& map, Revision current, const RangeRequest& r) {
  if (r.revision > current) return Refused{Error::kFutureRev, current};
  const Revision revision = r.revision.value() <= 0 ? current : r.revision;
  if (revision < map.compacted()) return Refused{Error::kCompacted, current};

  RangeResponse response;
  response.revision = current;
  // Bounds and an explicit order need every row before the limit can cut. A sort target alone does not: it then orders
  // the rows that the limit left, as it does in etcd.
  const bool everything = r.sort_order != SortOrder::kNone || has_bounds(r);
  const size_t limit = r.limit > 0 ? static_cast<size_t>(r.limit) : std::numeric_limits<size_t>::max();
  const size_t enough = everything || r.limit <= 0 ? std::numeric_limits<size_t>::max() : limit + 1;
  std::vector<const Version*> rows;
  const Interval interval = Interval::of(r.key, r.range_end);
  map.scan(interval, revision, [&](const KeyEntry&, const Version& v) {
    ++response.count;
    if (r.count_only || rows.size() >= enough || !within_bounds(r, v)) return;
    rows.push_back(&v);
  });
  if (rows.size() > 1) sort_rows(r, rows);
  if (rows.size() > limit) {
    rows.resize(limit);
    response.more = true;
  }
  response.kvs.reserve(rows.size());
  for (const Version* v : rows) {
    response.kvs.push_back(to_key_value(*v));
    if (r.keys_only) response.kvs.back().value = Slice();
  }
  return response;
}

bool holds(const VersionedMap& map, Revision current, const Compare& c) {
  bool any = false, all = true;
  map.scan(Interval::of(c.key, c.range_end), current, [&](const KeyEntry&, const Version& v) {
    any = true;
    all = all && holds_for(c, v);
  });
  if (any) return all;
  // A key that does not exist has zeros for numbers, but no value, not even an empty one.
  return c.target != CompareTarget::kValue && holds_for(c, Version{});
}

}  // namespace holdfast::store
