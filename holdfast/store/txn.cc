// Transactions and the changes they make.

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/store/impl.h"
#include "holdfast/store/range.h"

namespace holdfast::store {

PutResponse Changes::put(const PutRequest& request) {
  const KeyEntry* entry = store_.map.find(request.key.view());
  const Version* old = entry == nullptr ? nullptr : entry->visible(revision());
  PutResponse response;
  if (request.prev_kv && old != nullptr) response.prev_kv = to_key_value(*old);
  ensure(old != nullptr || !(request.ignore_value || request.ignore_lease),
         "what is kept of a key was checked to exist");
  const LeaseId lease = request.ignore_lease ? old->lease : request.lease;
  const LeaseId old_lease = old == nullptr ? LeaseId{} : old->lease;
  const Slice value = request.ignore_value ? old->value : request.value;
  Version* v = store_.map.put(request.key, value, lease, main(), count_);
  if (lease != old_lease) {
    store_.leases.detach(old_lease, v->key);
    store_.leases.attach(lease, v->key);
  }
  ++count_;
  store_.events.push_back(to_event(*v));
  response.revision = revision();
  return response;
}

void Changes::erase(KeyEntry& entry) {
  store_.leases.detach(entry.latest()->lease, &entry);
  const Version* v = store_.map.erase(entry, main(), count_);
  ++count_;
  store_.events.push_back(to_event(*v));
}

DeleteRangeResponse Changes::erase(const DeleteRangeRequest& request) {
  DeleteRangeResponse response;
  std::vector<KeyEntry*> doomed;
  store_.map.scan(Interval::of(request.key, request.range_end), revision(), [&](KeyEntry& entry, const Version& v) {
    doomed.push_back(&entry);
    if (request.prev_kv) response.prev_kvs.push_back(to_key_value(v));
  });
  for (KeyEntry* entry : doomed) erase(*entry);
  response.deleted = static_cast<int64_t>(doomed.size());
  response.revision = revision();
  return response;
}

void Changes::revoke(LeaseId id) {
  const Lease* lease = store_.leases.find(id);
  ensure(lease != nullptr, "a lease that is revoked exists");
  const std::vector<KeyEntry*> doomed(lease->keys.begin(), lease->keys.end());
  for (KeyEntry* entry : doomed) erase(*entry);
  store_.leases.remove(id);
}

// What a put says of the version before it.
size_t most_bytes(const Store::Impl& store, const PutRequest& r) {
  const Version* old = r.prev_kv ? store.map.visible(r.key.view(), store.revision) : nullptr;
  return kBareAnswerBytes + (old == nullptr ? 0 : most_bytes(*old));
}

size_t most_bytes(const Store::Impl& store, const DeleteRangeRequest& r) {
  if (!r.prev_kv) return kBareAnswerBytes;
  return most_bytes(store.map, store.revision, RangeRequest{.key = r.key, .range_end = r.range_end}, false);
}

namespace {

// Every guard of the transaction and of those nested in it is judged on the state before any change: outcomes in the
// order in which the arms taken are walked.
void judge(const Store::Impl& store, const TxnRequest& txn, std::vector<bool>& path) {
  bool succeeded = true;
  for (const Compare& c : txn.compare) succeeded = succeeded && holds(store.map, store.revision, c);
  path.push_back(succeeded);
  for (const RequestOp& op : succeeded ? txn.success : txn.failure) {
    if (const auto* nested = std::get_if<TxnRequest>(&op)) judge(store, *nested, path);
  }
}

Error check(const Store::Impl& store, const RangeRequest& r) {
  if (r.revision == Revision{}) return Error::kNone;
  if (r.revision > store.revision) return Error::kFutureRev;
  return r.revision < store.map.compacted() ? Error::kCompacted : Error::kNone;
}

Error check(const Store::Impl& store, const PutRequest& r) {
  if ((r.ignore_value || r.ignore_lease) && store.map.visible(r.key.view(), store.revision) == nullptr) {
    return Error::kKeyNotFound;
  }
  return r.lease != LeaseId{} && store.leases.find(r.lease) == nullptr ? Error::kLeaseNotFound : Error::kNone;
}

// Whether each operation of the arms taken can be carried out. `at` walks along the path.
Error check(const Store::Impl& store, const TxnRequest& txn, const std::vector<bool>& path, size_t& at) {
  for (const RequestOp& op : path[at++] ? txn.success : txn.failure) {
    Error error = Error::kNone;
    if (const auto* range = std::get_if<RangeRequest>(&op)) {
      error = check(store, *range);
    } else if (const auto* put = std::get_if<PutRequest>(&op)) {
      error = check(store, *put);
    } else if (const auto* nested = std::get_if<TxnRequest>(&op)) {
      error = check(store, *nested, path, at);
    }
    if (error != Error::kNone) return error;
  }
  return Error::kNone;
}

// Whether what a transaction is answered with has no more than so many bytes, found out before anything is changed.
class Measure {
 public:
  Measure(const Store::Impl& store, const std::vector<bool>& path, size_t max_bytes)
      : store_(store), path_(path), left_(max_bytes) {}

  bool fits(const TxnRequest& txn) {
    look(txn);
    std::sort(written_.begin(), written_.end());
    size_t sum = 0;
    for (Written& w : written_) w.bytes_up_to_here = sum += w.bytes;
    at_ = 0;
    return take_all(txn);
  }

 private:
  // What the arms taken write.
  void look(const TxnRequest& txn) {
    for (const RequestOp& op : path_[at_++] ? txn.success : txn.failure) {
      if (const auto* put = std::get_if<PutRequest>(&op)) {
        const Version* old = store_.map.visible(put->key.view(), store_.revision);
        const bool keeps = put->ignore_value && old != nullptr;
        const size_t value = keeps ? old->value.size() : put->value.size();
        written_.push_back({put->key.view(), kBareAnswerBytes + put->key.size() + value, 0});
      } else if (const auto* nested = std::get_if<TxnRequest>(&op)) {
        look(*nested);
      }
      changing_ = changing_ || !(std::holds_alternative<RangeRequest>(op) || std::holds_alternative<TxnRequest>(op));
    }
  }
  // Of that, what a read of the interval may see.
  size_t written_in(const Slice& key, const Slice& range_end) const {
    const Interval interval = Interval::of(key, range_end);
    const auto first = std::lower_bound(written_.begin(), written_.end(), Written{interval.begin, 0, 0});
    const auto last = std::partition_point(first, written_.end(), [&](const Written& w) { return !interval.is_behind(w.key); });
    const auto sum = [&](auto at) { return at == written_.begin() ? 0 : std::prev(at)->bytes_up_to_here; };
    return sum(last) - sum(first);
  }
  bool take(size_t bytes) {
    const bool enough = bytes <= left_;
    left_ -= enough ? bytes : left_;
    return enough;
  }
  bool take_all(const TxnRequest& txn) {
    if (!take(kBareAnswerBytes)) return false;
    for (const RequestOp& op : path_[at_++] ? txn.success : txn.failure) {
      bool enough = true;
      if (const auto* range = std::get_if<RangeRequest>(&op)) {
        enough = take(written_in(range->key, range->range_end)) &&
                 take(most_bytes(store_.map, store_.revision, *range, changing_));
      } else if (const auto* put = std::get_if<PutRequest>(&op)) {
        enough = take(most_bytes(store_, *put));
      } else if (const auto* erase = std::get_if<DeleteRangeRequest>(&op)) {
        enough = take(erase->prev_kv ? written_in(erase->key, erase->range_end) : 0) && take(most_bytes(store_, *erase));
      } else if (const auto* nested = std::get_if<TxnRequest>(&op)) {
        enough = take_all(*nested);
      }
      if (!enough) return false;
    }
    return true;
  }

  const Store::Impl& store_;
  const std::vector<bool>& path_;
  size_t at_ = 0;
  struct Written {
    std::string_view key;
    size_t bytes, bytes_up_to_here;
    auto operator<=>(const Written&) const = default;
  };
  std::vector<Written> written_;  // by key
  bool changing_ = false;
  size_t left_;
};

TxnResponse execute(const Store::Impl& store, const TxnRequest& txn, const std::vector<bool>& path, size_t& at,
                    Changes* changes) {
  const auto now = [&] { return changes == nullptr ? store.revision : changes->revision(); };
  TxnResponse response;
  response.succeeded = path[at++];
  const auto& ops = response.succeeded ? txn.success : txn.failure;
  response.responses.reserve(ops.size());
  for (const RequestOp& op : ops) {
    if (const auto* range = std::get_if<RangeRequest>(&op)) {
      Response read = read_range(store.map, now(), *range, kAnyAnswer);
      ensure(std::holds_alternative<RangeResponse>(read), "a transaction's ranges were checked before it ran");
      response.responses.emplace_back(std::get<RangeResponse>(std::move(read)));
    } else if (const auto* put = std::get_if<PutRequest>(&op)) {
      ensure(changes != nullptr, "a transaction that writes may change the store");
      response.responses.emplace_back(changes->put(*put));
    } else if (const auto* erase = std::get_if<DeleteRangeRequest>(&op)) {
      ensure(changes != nullptr, "a transaction that writes may change the store");
      response.responses.emplace_back(changes->erase(*erase));
    } else if (const auto* nested = std::get_if<TxnRequest>(&op)) {
      response.responses.emplace_back(execute(store, *nested, path, at, changes));
    }
  }
  response.revision = now();
  return response;
}

}  // namespace

Response run_txn(const Store::Impl& store, const TxnRequest& txn, Changes* changes, size_t max_bytes) {
  std::vector<bool> path;
  judge(store, txn, path);
  size_t at = 0;
  if (const Error error = check(store, txn, path, at); error != Error::kNone) return Refused{error, store.revision};
  if (max_bytes != kAnyAnswer && !Measure(store, path, max_bytes).fits(txn)) {
    return Refused{Error::kAnswerTooLarge, store.revision};
  }
  at = 0;
  return execute(store, txn, path, at, changes);
}

}  // namespace holdfast::store
