// The table of leases: who ends when in log time, and which keys go with it.
//
// A lease ends at an absolute moment of log time, which only Tick commands advance; so its remaining time is part of
// the replicated state, and neither a change of leader nor a restored snapshot starts it afresh.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "holdfast/crypto/set_digest.h"
#include "holdfast/store/api.h"
#include "holdfast/store/versions.h"

namespace holdfast::store {

struct KeyOrder {
  bool operator()(const KeyEntry* a, const KeyEntry* b) const { return a->key.view() < b->key.view(); }
};

struct Lease {
  int64_t ttl_seconds = 0;
  int64_t expiry_ms = 0;
  absl::btree_set<KeyEntry*, KeyOrder> keys;  // live keys attached to it
};

class LeaseTable {
 public:
  const Lease* find(LeaseId id) const;
  // The id must be new and not zero.
  void grant(LeaseId id, int64_t ttl_seconds, int64_t expiry_ms);
  // Moves the end of an existing lease to its TTL after `clock_ms`.
  void renew(LeaseId id, int64_t clock_ms);
  // The lease must exist and have no keys left.
  void remove(LeaseId id);
  // Zero ids are passed over.
  void attach(LeaseId id, KeyEntry* key);
  void detach(LeaseId id, KeyEntry* key);

  bool empty() const { return leases_.empty(); }
  size_t size() const { return leases_.size(); }
  const absl::btree_map<LeaseId, Lease>& all() const { return leases_; }
  // The lease that ends first; of equals the one with the smallest id.
  std::optional<std::pair<int64_t, LeaseId>> first_to_expire() const;
  // The sum of the leases' hashes; attachments follow from the keys.
  uint64_t hash() const { return hash_; }
  // As with VersionedMap.
  void keep_digest();
  crypto::Digest digest() const;
  crypto::Digest audited_digest() const;

  // A millisecond later than the TTL: log time is cut to whole ones, so the lease may have begun almost one after
  // `clock_ms`, and none may end early.
  static int64_t expiry(int64_t clock_ms, int64_t ttl_seconds);

 private:
  static uint64_t hash_of(LeaseId id, const Lease& lease);
  void count(LeaseId id, const Lease& lease);
  void discount(LeaseId id, const Lease& lease);
  absl::btree_map<LeaseId, Lease> leases_;
  absl::btree_set<std::pair<int64_t, LeaseId>> by_expiry_;
  uint64_t hash_ = 0;
  std::unique_ptr<crypto::SetDigest> kept_;  // null until somebody wants it
};

}  // namespace holdfast::store
