// The store: a multi-version key-value map with leases and members, as a pure, deterministic state machine in memory.
//
// The same commands in the same order give the same state, the same responses and the same hash on every member,
// compiler and platform. It reads no clock: time reaches it as commands (Tick). It is made durable by the log of its
// commands and by snapshots of it (docs/formats/store-snapshot.md).
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "holdfast/base/slice.h"
#include "holdfast/base/status.h"
#include "holdfast/crypto/crypto.h"
#include "holdfast/store/api.h"

namespace holdfast::store {

// --- Commands: what the log carries. Requests that change state, and what only members themselves propose. -----------

// Log time advances to `clock_ms` (never back); leases that end by then are revoked, oldest first, at most
// kMaxExpiriesPerTick. Proposed by the leader, which adds only time that it has itself seen pass.
struct Tick {
  int64_t clock_ms = 0;
};
// A member tells its name and where clients reach it.
struct Publish {
  NodeId member;
  std::string name;
  std::vector<std::string> client_urls;
};
// The renewals of one batch. Unknown leases are passed over, and those that have ended but wait for a Tick to revoke
// them.
struct LeaseRenew {
  std::vector<LeaseId> ids;
};
// What a committed membership entry means to the store: its context. `members` says who belongs and who is a learner.
// Members that the table has already keep their names and URLs: the context may be older than a Publish or a
// MemberUpdate that came before it in the log.
struct SetMembers {
  std::vector<Member> members;
  NodeId added;  // none unless a member was added
};
using Command =
    std::variant<PutRequest, DeleteRangeRequest, TxnRequest, CompactRequest, LeaseGrantRequest, LeaseRevokeRequest,
                 LeaseRenew, Tick, Publish, SetMembers, MemberUpdateRequest, AlarmRequest>;

inline constexpr int kMaxExpiriesPerTick = 1000;
inline constexpr int64_t kMaxLeaseTtlSeconds = 9'000'000'000;

struct Limits {
  size_t max_txn_ops = 128;
  int64_t min_lease_ttl_seconds = 2;  // ceil(1.5 x election timeout)
  int64_t quota_bytes = int64_t{2} << 30;
};

// Checks that need no state: what can be refused before it is proposed (empty key, too many ops, duplicate keys in a
// txn, unknown sort options). kNone: well formed.
Error validate(const Request& request, const Limits& limits);
// The same, and makes the decisions that are the serving member's: raises a lease's TTL to the least allowed. Members
// may be configured differently, so what is applied must not depend on `limits`.
Error admit(Request& request, const Limits& limits);
bool is_read_only(const TxnRequest& txn);  // ranges only, not nested

class Store {
 public:
  explicit Store(const Limits& limits);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  // Applies one command. A command that cannot be carried out changes nothing but answers Refused. Tick and LeaseRenew,
  // which nobody waits for, answer Refused with kNone; Publish and SetMembers answer MembersResponse.
  // kAnswerTooLarge: the keys and values that it would be answered with may have more than `max_answer_bytes`, encoded.
  Response apply(const Command& command, size_t max_answer_bytes = kAnyAnswer);

  // Reads at the present state.
  Response range(const RangeRequest& request, size_t max_answer_bytes = kAnyAnswer) const;
  Response read_txn(const TxnRequest& txn, size_t max_answer_bytes = kAnyAnswer) const;  // is_read_only(txn)
  Response lease_leases() const;
  // `elapsed_ms`: the local time since the last Tick was applied, to show a remaining time between ticks.
  Response lease_time_to_live(const LeaseTimeToLiveRequest& request, int64_t elapsed_ms) const;
  Response hash_kv(const HashKvRequest& request) const;
  Response alarms(AlarmType type = AlarmType::kNone) const;  // kNone: of every type

  Revision revision() const;          // 1 when empty, as in etcd
  Revision compact_revision() const;  // 0: never compacted
  const std::vector<Member>& members() const;
  const Member* member(NodeId id) const;
  int64_t clock_ms() const;
  bool has_leases() const;
  // The log time at which the next lease ends; nullopt without leases, and under a CORRUPT alarm, which lets none end.
  // May lie in the past: then another Tick, even at the same time, revokes more.
  std::optional<int64_t> next_expiry_ms() const;
  // The granted TTL; nullopt when there is no such lease or it has ended: what a LeaseRenew did not renew.
  std::optional<int64_t> lease_ttl_seconds(LeaseId id) const;
  int64_t bytes_held() const;    // garbage included: a local measure
  int64_t bytes_in_use() const;  // of live keys
  // Whether the quota leaves room for what the request would add. Local and not part of the state: who finds that it
  // does not refuses with kNoSpace and proposes the NOSPACE alarm, upon which every member refuses puts.
  bool has_room(const Request& request) const;
  const Limits& limits() const;
  // A hash of everything that commands can observe. Equal at equal log positions on all members. Cheap enough for every
  // step of a simulation (maintained incrementally).
  uint64_t state_hash() const;

  // A digest of everything that commands can observe, for those who do not trust each other
  // (docs/formats/store-digest.md): equal if and only if the states are, whatever their histories, whether or not
  // garbage was collected or an image was loaded.
  crypto::Digest state_digest() const;
  // Without it state_digest() is a pass over all data, and nothing else costs anything. With it every version that is
  // written, and again when it is compacted away, costs two hashes, and so does every change of a lease; then
  // state_digest() costs the same whatever the store holds. Begins with a pass over all data; not undone.
  void keep_digest();
  // What state_digest() is, worked out from the data as it lies in memory now: another one if something has rotted
  // since it was written. A pass over all data.
  crypto::Digest audited_digest() const;
  // The same in slices, between commands: whether versions and leases are, as they lie in memory, what the kept digest
  // says. Each call looks at about so many versions, of about so many bytes, and the last of a pass at all leases;
  // nothing before a pass is complete. After keep_digest() only.
  std::optional<bool> audit(size_t max_versions, size_t max_bytes);

  // Compaction is logical at once and physical in slices, which nobody can observe. True when something is left to do.
  bool collect_garbage(size_t max_versions);

  // The events of (after, upto], in revision order, all events of a revision together, at most about `max_events`
  // unless one revision has more. `upto` returns how far it got. `after` must be >= compact_revision - 1.
  struct History {
    std::vector<Event> events;  // without prev_kv
    Revision upto;
  };
  History history(Revision after, Revision upto, size_t max_events) const;
  // The live version of a key as of a revision, for prev_kv; nullopt when that revision is compacted.
  std::optional<KeyValue> at(const Slice& key, Revision revision) const;

  // The events of the last apply(), for watchers that are up to date. Valid until the next apply().
  const std::vector<Event>& last_events() const;

  // --- Snapshots: a consistent image, taken in bounded slices while apply() goes on. ---
  class SnapshotReader {
   public:
    virtual ~SnapshotReader() = default;
    // Appends up to about `max_bytes` of the image to `out`; false when it is complete. The image is that of the moment
    // the reader was made, whatever has been applied since.
    virtual bool read(size_t max_bytes, std::string& out) = 0;
  };
  // At most one at a time; it must not outlive the store. Garbage collection pauses meanwhile.
  std::unique_ptr<SnapshotReader> snapshot() const;

  // Rebuilds a store from an image given in pieces of any size. kDataLoss when it is malformed,
  // kUnimplemented when a newer version wrote it.
  class SnapshotLoader {
   public:
    virtual ~SnapshotLoader() = default;
    virtual Status add(std::string_view bytes) = 0;
    virtual StatusOr<Store> finish() = 0;
  };
  static std::unique_ptr<SnapshotLoader> load(const Limits& limits);

  struct Impl;  // for the files of this room

 private:
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::store
