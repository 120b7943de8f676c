#include "holdfast/sim/check/true_log.h"

#include <algorithm>

#include "holdfast/base/print.h"

namespace holdfast::sim::check {

using store::EventType;
using store::KeyValue;
using store::Revision;

bool in_range(const Slice& key, const Slice& begin, const Slice& range_end) {
  if (range_end.empty()) return key == begin;
  if (range_end.view() == std::string_view("\0", 1)) return key >= begin;
  return key >= begin && key < range_end;
}

Finding TrueLog::add(Revision revision, std::vector<store::Event> events, Time at) {
  if (revision != last() + 1) {
    return {"MONO", "revision " + to_text(revision) + " was applied after " + to_text(last())};
  }
  if (events.empty()) return {"REP", "revision " + to_text(revision) + " has no events"};
  for (store::Event& e : events) {
    const std::string key = e.kv.key.str();
    // A transaction may delete a key and write it again: its own earlier versions count.
    std::vector<Version>& versions = versions_[key];
    const std::optional<KeyValue> before = versions.empty() ? std::nullopt : versions.back().kv;
    std::string wrong;
    if (e.kv.mod_revision != revision) wrong = "has another mod revision";
    if (e.type == EventType::kDelete) {
      if (!before) wrong = "deletes a key that is not there";
      versions.push_back({revision, std::nullopt});
    } else {
      if (e.kv.version != (before ? before->version + 1 : 1)) wrong = "has a wrong version";
      if (e.kv.create_revision != (before ? before->create_revision : revision)) wrong = "has a wrong create revision";
      versions.push_back({revision, e.kv});
    }
    if (!wrong.empty()) {
      return {"REP", "the event " + print(e) + " of revision " + to_text(revision) + " " + wrong +
                         "; before: " + print(before)};
    }
  }
  revised_.push_back({std::move(events), at});
  return {};
}

std::optional<KeyValue> TrueLog::get(const std::string& key, Revision as_of) const {
  const auto it = versions_.find(key);
  if (it == versions_.end()) return std::nullopt;
  const auto after = std::upper_bound(it->second.begin(), it->second.end(), as_of,
                                      [](Revision r, const Version& v) { return r < v.revision; });
  return after == it->second.begin() ? std::nullopt : std::prev(after)->kv;
}

std::vector<KeyValue> TrueLog::range(const Slice& key, const Slice& range_end, Revision as_of) const {
  std::vector<KeyValue> out;
  if (range_end.empty()) {
    if (auto kv = get(key.str(), as_of)) out.push_back(std::move(*kv));
    return out;
  }
  for (auto it = versions_.lower_bound(key.str()); it != versions_.end(); ++it) {
    if (!in_range(Slice::unowned(it->first), key, range_end)) break;
    if (auto kv = get(it->first, as_of)) out.push_back(std::move(*kv));
  }
  return out;
}

std::optional<KeyValue> View::get(const Slice& key) const {
  const auto it = written_.find(key.str());
  return it != written_.end() ? it->second : log_.get(key.str(), base_);
}

std::vector<KeyValue> View::live(const Slice& key, const Slice& range_end) const {
  std::map<std::string, KeyValue> all;
  for (KeyValue& kv : log_.range(key, range_end, base_)) all[kv.key.str()] = std::move(kv);
  for (const auto& [k, kv] : written_) {
    if (!in_range(Slice::unowned(k), key, range_end)) continue;
    all.erase(k);
    if (kv) all[k] = *kv;
  }
  std::vector<KeyValue> out;
  for (auto& [k, kv] : all) out.push_back(std::move(kv));
  return out;
}

store::RangeResponse View::range(const store::RangeRequest& request, Revision header) const {
  store::RangeResponse out;
  out.revision = header;
  std::vector<KeyValue> kvs = request.revision && request.revision < base_
                                  ? log_.range(request.key, request.range_end, request.revision)
                                  : live(request.key, request.range_end);
  out.count = static_cast<int64_t>(kvs.size());
  if (request.count_only) return out;
  if (request.sort_order == store::SortOrder::kDescend) std::reverse(kvs.begin(), kvs.end());
  if (request.limit > 0 && static_cast<int64_t>(kvs.size()) > request.limit) {
    kvs.resize(static_cast<size_t>(request.limit));
    out.more = true;
  }
  if (request.keys_only) {
    for (KeyValue& kv : kvs) kv.value = Slice();
  }
  out.kvs = std::move(kvs);
  return out;
}

store::PutResponse View::put(const store::PutRequest& request, Revision header) {
  const std::optional<KeyValue> before = get(request.key);
  KeyValue kv;
  kv.key = request.key;
  kv.value = request.ignore_value && before ? before->value : request.value;
  kv.lease = request.ignore_lease && before ? before->lease : request.lease;
  kv.mod_revision = base_ + 1;
  kv.create_revision = before ? before->create_revision : base_ + 1;
  kv.version = before ? before->version + 1 : 1;
  written_[request.key.str()] = kv;
  events_.push_back({EventType::kPut, kv, std::nullopt});
  store::PutResponse out;
  out.revision = header;
  if (request.prev_kv) out.prev_kv = before;
  return out;
}

store::DeleteRangeResponse View::delete_range(const store::DeleteRangeRequest& request, Revision header) {
  store::DeleteRangeResponse out;
  out.revision = header;
  for (KeyValue& kv : live(request.key, request.range_end)) {
    written_[kv.key.str()] = std::nullopt;
    store::Event e;
    e.type = EventType::kDelete;
    e.kv.key = kv.key;
    e.kv.mod_revision = base_ + 1;
    events_.push_back(std::move(e));
    ++out.deleted;
    if (request.prev_kv) out.prev_kvs.push_back(std::move(kv));
  }
  return out;
}

bool View::holds(const store::Compare& c) const {
  std::vector<KeyValue> kvs = live(c.key, c.range_end);
  // A key that is not there compares as zeros, but has no value to compare with.
  if (kvs.empty()) {
    if (c.target == store::CompareTarget::kValue) return false;
    kvs.emplace_back();
  }
  for (const KeyValue& kv : kvs) {
    int order = 0;
    if (c.target == store::CompareTarget::kValue) {
      order = kv.value < c.value ? -1 : kv.value == c.value ? 0 : 1;
    } else {
      const int64_t have = c.target == store::CompareTarget::kVersion  ? kv.version
                           : c.target == store::CompareTarget::kCreate ? kv.create_revision.value()
                           : c.target == store::CompareTarget::kMod    ? kv.mod_revision.value()
                                                                       : kv.lease.value();
      order = have < c.number ? -1 : have == c.number ? 0 : 1;
    }
    bool ok = false;
    switch (c.result) {
      case store::CompareResult::kEqual:
        ok = order == 0;
        break;
      case store::CompareResult::kGreater:
        ok = order > 0;
        break;
      case store::CompareResult::kLess:
        ok = order < 0;
        break;
      case store::CompareResult::kNotEqual:
        ok = order != 0;
        break;
    }
    if (!ok) return false;
  }
  return true;
}

store::TxnResponse View::txn(const store::TxnRequest& request, Revision header) {
  store::TxnResponse out;
  out.revision = header;
  out.succeeded = true;
  for (const store::Compare& c : request.compare) out.succeeded = out.succeeded && holds(c);
  for (const store::RequestOp& op : out.succeeded ? request.success : request.failure) {
    // Inside a transaction the revision counts its own writes: etcd reports the revision being made.
    const Revision inner = changed() ? base_ + 1 : base_;
    if (const auto* r = std::get_if<store::RangeRequest>(&op)) out.responses.emplace_back(range(*r, inner));
    if (const auto* p = std::get_if<store::PutRequest>(&op)) out.responses.emplace_back(put(*p, base_ + 1));
    if (const auto* d = std::get_if<store::DeleteRangeRequest>(&op)) {
      auto deleted = delete_range(*d, base_ + 1);
      if (deleted.deleted == 0 && !changed()) deleted.revision = base_;
      out.responses.emplace_back(std::move(deleted));
    }
    if (const auto* t = std::get_if<store::TxnRequest>(&op)) out.responses.emplace_back(txn(*t, inner));
  }
  return out;
}

}  // namespace holdfast::sim::check
