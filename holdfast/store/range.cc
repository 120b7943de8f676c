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

// The rows of a read, in their order.
struct Rows {
  std::vector<const Version*> rows;
  int64_t count = 0;  // also those that only the limit or the bounds leave out
  bool more = false;
};

size_t limit_of(const RangeRequest& r) { return r.limit > 0 ? static_cast<size_t>(r.limit) : kAnyAnswer; }
Revision revision_of(const RangeRequest& r, Revision current) { return r.revision.value() <= 0 ? current : r.revision; }

// As many as are there within the bounds, up to `enough`; unsorted.
Rows scan(const VersionedMap& map, Revision revision, const RangeRequest& r, size_t enough) {
  Rows found;
  map.scan(Interval::of(r.key, r.range_end), revision, [&](const KeyEntry&, const Version& v) {
    ++found.count;
    if (r.count_only || found.rows.size() >= enough || !within_bounds(r, v)) return;
    found.rows.push_back(&v);
  });
  return found;
}

Rows read_rows(const VersionedMap& map, Revision revision, const RangeRequest& r) {
  // Bounds and an explicit order need every row before the limit can cut. A sort target alone does not: it then orders
  // the rows that the limit left, as it does in etcd.
  const bool everything = r.sort_order != SortOrder::kNone || has_bounds(r);
  const size_t limit = limit_of(r);
  Rows found = scan(map, revision, r, everything || limit == kAnyAnswer ? kAnyAnswer : limit + 1);
  if (found.rows.size() > 1) sort_rows(r, found.rows);
  if (found.rows.size() > limit) {
    found.rows.resize(limit);
    found.more = true;
  }
  return found;
}

size_t sum_of(const std::vector<const Version*>& rows, const RangeRequest& r) {
  size_t bytes = kBareAnswerBytes;
  for (const Version* v : rows) bytes += most_bytes(*v, r.keys_only);
  return bytes;
}

}  // namespace

size_t most_bytes(const Version& v, bool keys_only) {
  constexpr size_t kNumbers = 64;
  return kNumbers + v.key->key.size() + (keys_only ? 0 : v.value.size());
}

size_t most_bytes(const VersionedMap& map, Revision current, const RangeRequest& r, bool changing) {
  const Revision revision = revision_of(r, current);
  if (!changing) return sum_of(read_rows(map, revision, r).rows, r);
  // What is written may let any rows come within the limit: the largest, at worst.
  std::vector<const Version*> rows = scan(map, revision, r, kAnyAnswer).rows;
  if (const size_t limit = limit_of(r); rows.size() > limit) {
    std::nth_element(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(limit), rows.end(),
                     [&](const Version* a, const Version* b) {
                       return most_bytes(*a, r.keys_only) > most_bytes(*b, r.keys_only);
                     });
    rows.resize(limit);
  }
  return sum_of(rows, r);
}

Response read_range(const VersionedMap& map, Revision current, const RangeRequest& r, size_t max_bytes) {
  if (r.revision > current) return Refused{Error::kFutureRev, current};
  const Revision revision = revision_of(r, current);
  if (revision < map.compacted()) return Refused{Error::kCompacted, current};

  const Rows found = read_rows(map, revision, r);
  if (max_bytes != kAnyAnswer && sum_of(found.rows, r) > max_bytes) return Refused{Error::kAnswerTooLarge, current};
  RangeResponse response;
  response.revision = current;
  response.count = found.count;
  response.more = found.more;
  response.kvs.reserve(found.rows.size());
  for (const Version* v : found.rows) {
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
