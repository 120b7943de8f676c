// The one true sequence of events of a simulated store, and a deliberately naive reading of it: what every key looked
// like as of every revision. All that clients were told is compared with it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "holdfast/sim/check/history.h"

namespace holdfast::sim::check {

class TrueLog {
 public:
  struct Revised {
    std::vector<store::Event> events;
    Time at;  // when the first member applied it
  };

  // The next revision, as the first member that applied it reports it. The empty store is revision 1. A finding when
  // the events contradict the rules of versions (create and mod revision, version count, deletes of what is there).
  Finding add(store::Revision revision, std::vector<store::Event> events, Time at);

  store::Revision last() const { return store::Revision(static_cast<int64_t>(revised_.size()) + 1); }
  // `revision` in (1, last()].
  const Revised& at(store::Revision revision) const { return revised_[static_cast<size_t>(revision.value() - 2)]; }
  bool contains(store::Revision revision) const { return revision > store::Revision(1) && revision <= last(); }

  // The live version of a key as of a revision.
  std::optional<store::KeyValue> get(const std::string& key, store::Revision as_of) const;
  // The live keys of a range (in the request's encoding of ranges) as of a revision, in the order of keys.
  std::vector<store::KeyValue> range(const Slice& key, const Slice& range_end, store::Revision as_of) const;

 private:
  struct Version {
    store::Revision revision;
    std::optional<store::KeyValue> kv;  // none: deleted
  };
  std::vector<Revised> revised_;
  std::map<std::string, std::vector<Version>> versions_;
};

// Whether a key lies in a range as requests write it.
bool in_range(const Slice& key, const Slice& begin, const Slice& range_end);

// The state as of a revision, with the writes of one transaction on top of it.
class View {
 public:
  View(const TrueLog& log, store::Revision base) : log_(log), base_(base) {}

  store::Revision base() const { return base_; }
  bool changed() const { return !events_.empty(); }
  // What the transaction did so far, in order.
  const std::vector<store::Event>& events() const { return events_; }

  // What the store should answer; response revisions are `header`.
  store::RangeResponse range(const store::RangeRequest& request, store::Revision header) const;
  store::PutResponse put(const store::PutRequest& request, store::Revision header);
  store::DeleteRangeResponse delete_range(const store::DeleteRangeRequest& request, store::Revision header);
  store::TxnResponse txn(const store::TxnRequest& request, store::Revision header);

 private:
  std::optional<store::KeyValue> get(const Slice& key) const;
  std::vector<store::KeyValue> live(const Slice& key, const Slice& range_end) const;
  bool holds(const store::Compare& compare) const;

  const TrueLog& log_;
  store::Revision base_;
  std::map<std::string, std::optional<store::KeyValue>> written_;
  std::vector<store::Event> events_;
};

}  // namespace holdfast::sim::check
