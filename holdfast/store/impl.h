// The parts of a store, shared by the files that implement it.
#pragma once

#include <vector>

#include "holdfast/base/assert.h"
#include "holdfast/store/leases.h"
#include "holdfast/store/store.h"
#include "holdfast/store/versions.h"

namespace holdfast::store {

struct Store::Impl {
  explicit Impl(const Limits& l) : limits(l) {}
  ~Impl() { ensure(!imaging, "a store outlives its images"); }

  Limits limits;
  VersionedMap map;
  LeaseTable leases;
  std::vector<Member> members;      // by id
  std::vector<AlarmMember> alarms;  // by (alarm, member)
  Revision revision{1};
  int64_t clock_ms = 0;
  std::vector<Event> events;  // of the last command
  bool imaging = false;       // a SnapshotReader lives

  Member* member(NodeId id);
  bool alarmed(AlarmType type) const;
  uint64_t state_hash() const;
  // Of all that is neither versions nor leases, and of the digests of these two.
  crypto::Digest digest_with(const crypto::Digest& versions, const crypto::Digest& leases_digest) const;
};

// The changes of one command: they share one main revision, which the store reaches when `commit` is called after at
// least one change.
class Changes {
 public:
  explicit Changes(Store::Impl& store) : store_(store) {}

  // As seen by a read in the midst of it.
  Revision revision() const { return count_ == 0 ? store_.revision : main(); }
  // The lease exists; for ignore_*, so does the key.
  PutResponse put(const PutRequest& request);
  DeleteRangeResponse erase(const DeleteRangeRequest& request);
  // Deletes the lease's keys, in key order, and the lease.
  void revoke(LeaseId id);
  void commit() { store_.revision = revision(); }

 private:
  Revision main() const { return store_.revision + 1; }
  void erase(KeyEntry& entry);
  Store::Impl& store_;
  uint32_t count_ = 0;
};

// Runs a transaction that is well formed. `changes` is null for one that only reads. kAnswerTooLarge, and nothing is
// changed: its answer may have more than `max_bytes`.
Response run_txn(const Store::Impl& store, const TxnRequest& txn, Changes* changes, size_t max_bytes);
// At least as many bytes as the answer has when it is encoded.
size_t most_bytes(const Store::Impl& store, const PutRequest& request);
size_t most_bytes(const Store::Impl& store, const DeleteRangeRequest& request);

// Form alone, without the limits that members may differ in: what every member refuses alike when it applies.
Error check_form(const RangeRequest& request);
Error check_form(const PutRequest& request);
Error check_form(const DeleteRangeRequest& request);
Error check_form(const TxnRequest& request);
bool has_put(const TxnRequest& txn);

}  // namespace holdfast::store
