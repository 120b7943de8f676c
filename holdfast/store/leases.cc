#include "holdfast/store/leases.h"

#include <limits>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"
#include "holdfast/store/digests.h"

namespace holdfast::store {

int64_t LeaseTable::expiry(int64_t clock_ms, int64_t ttl_seconds) {
  const int64_t ttl_ms = ttl_seconds * 1000 + 1;
  return clock_ms > std::numeric_limits<int64_t>::max() - ttl_ms ? std::numeric_limits<int64_t>::max()
                                                                 : clock_ms + ttl_ms;
}

uint64_t LeaseTable::hash_of(LeaseId id, const Lease& lease) {
  const uint64_t h =
      hash_combine(hash_combine(3, static_cast<uint64_t>(id.value())), static_cast<uint64_t>(lease.ttl_seconds));
  return hash_combine(h, static_cast<uint64_t>(lease.expiry_ms));
}

void LeaseTable::count(LeaseId id, const Lease& lease) {
  hash_ += hash_of(id, lease);
  if (kept_ != nullptr) kept_->add(element_of(id, lease));
}

void LeaseTable::discount(LeaseId id, const Lease& lease) {
  hash_ -= hash_of(id, lease);
  if (kept_ != nullptr) kept_->remove(element_of(id, lease));
}

const Lease* LeaseTable::find(LeaseId id) const {
  const auto it = leases_.find(id);
  return it == leases_.end() ? nullptr : &it->second;
}

void LeaseTable::grant(LeaseId id, int64_t ttl_seconds, int64_t expiry_ms) {
  ensure(id != LeaseId{}, "a lease has an id");
  const auto [it, added] = leases_.try_emplace(id);
  ensure(added, "a lease is granted once");
  it->second.ttl_seconds = ttl_seconds;
  it->second.expiry_ms = expiry_ms;
  by_expiry_.emplace(expiry_ms, id);
  count(id, it->second);
}

void LeaseTable::renew(LeaseId id, int64_t clock_ms) {
  const auto it = leases_.find(id);
  ensure(it != leases_.end(), "only an existing lease is renewed");
  Lease& lease = it->second;
  discount(id, lease);
  by_expiry_.erase({lease.expiry_ms, id});
  lease.expiry_ms = expiry(clock_ms, lease.ttl_seconds);
  by_expiry_.emplace(lease.expiry_ms, id);
  count(id, lease);
}

void LeaseTable::remove(LeaseId id) {
  const auto it = leases_.find(id);
  ensure(it != leases_.end(), "only an existing lease is removed");
  ensure(it->second.keys.empty(), "a lease is removed after its keys");
  discount(id, it->second);
  by_expiry_.erase({it->second.expiry_ms, id});
  leases_.erase(it);
}

void LeaseTable::attach(LeaseId id, KeyEntry* key) {
  if (id == LeaseId{}) return;
  const auto it = leases_.find(id);
  ensure(it != leases_.end(), "a live key's lease exists");
  it->second.keys.insert(key);
}

void LeaseTable::detach(LeaseId id, KeyEntry* key) {
  if (id == LeaseId{}) return;
  const auto it = leases_.find(id);
  ensure(it != leases_.end() && it->second.keys.erase(key) == 1, "a live key is attached to its lease");
}

std::optional<std::pair<int64_t, LeaseId>> LeaseTable::first_to_expire() const {
  if (by_expiry_.empty()) return std::nullopt;
  return *by_expiry_.begin();
}

}  // namespace holdfast::store
