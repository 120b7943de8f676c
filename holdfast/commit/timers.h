// One deadline for each of many transactions, and the earliest of all.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "holdfast/commit/types.h"

namespace holdfast::commit {

// At most one deadline per transaction. set() replaces, cancel() is harmless when there is none.
class Timers {
 public:
  void set(const TxnId& txn, Time at) {
    cancel(txn);
    due_.emplace(at, txn);
    at_.emplace(txn, at);
  }
  void cancel(const TxnId& txn) {
    const auto it = at_.find(txn);
    if (it == at_.end()) return;
    due_.erase({it->second, txn});
    at_.erase(it);
  }
  bool has(const TxnId& txn) const { return at_.count(txn) > 0; }
  size_t size() const { return at_.size(); }
  Time earliest() const { return due_.empty() ? Time::never() : due_.begin()->first; }
  // Takes one that is due at `now`; false when there is none.
  bool take_due(Time now, TxnId& txn) {
    if (earliest() > now || due_.empty()) return false;
    txn = due_.begin()->second;
    cancel(txn);
    return true;
  }

 private:
  std::set<std::pair<Time, TxnId>> due_;
  std::map<TxnId, Time> at_;
};

}  // namespace holdfast::commit
