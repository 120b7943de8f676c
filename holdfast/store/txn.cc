// Transactions and the changes they make.

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

TxnResponse execute(const Store::Impl& store, const TxnRequest& txn, const std::vector<bool>& path, size_t& at,
                    Changes* changes) {
  const auto now = [&] { return changes == nullptr ? store.revision : changes->revision(); };
  TxnResponse response;
  response.succeeded = path[at++];
  const auto& ops = response.succeeded ? txn.success : txn.failure;
  response.responses.reserve(ops.size());
  for (const RequestOp& op : ops) {
    if (const auto* range = std::get_if<RangeRequest>(&op)) {
      Response read = read_range(store.map, now(), *range);
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

Response run_txn(const Store::Impl& store, const TxnRequest& txn, Changes* changes) {
  std::vector<bool> path;
  judge(store, txn, path);
  size_t at = 0;
  if (const Error error = check(store, txn, path, at); error != Error::kNone) return Refused{error, store.revision};
  at = 0;
  return execute(store, txn, path, at, changes);
}

}  // namespace holdfast::store
