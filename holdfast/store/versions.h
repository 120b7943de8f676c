// The multi-version map: an ordered index of keys over immutable versions, and the log of these versions by revision.
//
// Terms. A version is one change of one key: a value, or a tombstone. Its revision is (mod, sub): `mod` is the main
// revision that all changes of a transaction share, `sub` counts them. After a compaction at C a version is *retained*
// when it is newer than C, or was the last of its key at C and is either a value or a tombstone of C itself; what else
// there is, is garbage. Nothing that can be observed (reads, history, hash, image) depends on whether garbage has
// been collected yet.
//
// Memory rule: small values and all keys are copied into blocks of their own, so that they do not pin the much larger
// buffer they arrived in; values of kShareBytes or more share the buffer of the log entry that brought them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/container/btree_map.h"
#include "absl/container/inlined_vector.h"
#include "holdfast/base/slice.h"
#include "holdfast/crypto/set_digest.h"
#include "holdfast/store/api.h"
#include "holdfast/store/interval.h"

namespace holdfast::store {

inline constexpr size_t kShareBytes = size_t{64} << 10;

struct KeyEntry;

struct Version {
  KeyEntry* key = nullptr;
  Version* previous = nullptr;  // all versions of the map form one list in the order of revisions
  Version* next = nullptr;
  Version* newer = nullptr;  // the next version of this key
  Revision mod;
  Revision create;
  int64_t version = 0;  // 0: a tombstone
  LeaseId lease;
  Slice value;
  uint32_t sub = 0;
  bool discounted = false;  // garbage, and no longer part of the map's hash and digest

  bool is_tombstone() const { return version == 0; }
  // See "retained" above.
  bool is_retained(Revision compacted) const {
    if (mod > compacted) return true;
    if (newer != nullptr && newer->mod <= compacted) return false;
    return !is_tombstone() || mod == compacted;
  }
};

// A key and its versions, oldest first.
struct KeyEntry {
  Slice key;
  absl::InlinedVector<Version*, 1> versions;
  size_t first = 0;  // versions before it have been collected

  bool empty() const { return first == versions.size(); }
  Version* oldest() const { return versions[first]; }
  Version* latest() const { return versions.back(); }
  // The last version with a main revision of at most `revision`; null when there is none.
  const Version* as_of(Revision revision) const;
  // The same, but null also when it is a tombstone.
  const Version* visible(Revision revision) const {
    const Version* v = as_of(revision);
    return v == nullptr || v->is_tombstone() ? nullptr : v;
  }
  void drop_oldest();
};

KeyValue to_key_value(const Version& v);
Event to_event(const Version& v);

class VersionedMap {
 public:
  VersionedMap() = default;
  ~VersionedMap();
  VersionedMap(const VersionedMap&) = delete;
  VersionedMap& operator=(const VersionedMap&) = delete;

  // --- Writing: revisions (mod, sub) grow with every call. ---
  Version* put(const Slice& key, const Slice& value, LeaseId lease, Revision mod, uint32_t sub);
  // The key must be live.
  Version* erase(KeyEntry& entry, Revision mod, uint32_t sub);
  // Appends a version as it stands, for loading: false when it cannot follow what is there.
  bool restore(const Slice& key, Version version);

  // --- Reading ---
  KeyEntry* find(std::string_view key) const;
  const Version* visible(std::string_view key, Revision revision) const;
  // Calls f(KeyEntry&, const Version&) for each live key of the interval as of `revision`, in key order.
  template <class F>
  void scan(const Interval& interval, Revision revision, F&& f) const {
    if (interval.single) {
      KeyEntry* entry = find(interval.begin);
      const Version* v = entry == nullptr ? nullptr : entry->visible(revision);
      if (v != nullptr) f(*entry, *v);
      return;
    }
    for (auto it = keys_.lower_bound(interval.begin); it != keys_.end(); ++it) {
      if (interval.is_behind(it->first.view())) return;
      const Version* v = it->second->visible(revision);
      if (v != nullptr) f(*it->second, *v);
    }
  }
  // Calls f(const Version&) for the retained versions newer than `after`, in the order of revisions, while it returns
  // true. `after` is at least the compacted revision less one.
  template <class F>
  void changes(Revision after, F&& f) const {
    for (size_t i = position_after(after); i < log_.size(); ++i) {
      if (log_[i]->is_retained(compacted_) && !f(*log_[i])) return;
    }
  }
  // The oldest version, retained or not; follow `next`.
  const Version* first() const { return first_; }
  template <class F>
  void each_key(F&& f) const {
    for (const auto& [key, entry] : keys_) f(*entry);
  }

  // --- Compaction ---
  Revision compacted() const { return compacted_; }
  void compact(Revision revision);
  // Continues a map that was loaded: its versions have been compacted already.
  void set_compacted(Revision revision);
  // Frees garbage, looking at about `max` versions. True: something is left.
  bool collect(size_t max);

  // --- Measures ---
  // The sum of the hashes of the retained versions.
  uint64_t hash() const;
  // From now on the set of the retained versions has a digest that follows every change; begins with a pass over all.
  void keep_digest();
  // Of the set of the retained versions: the one that is kept, or else the audited one.
  crypto::Digest digest() const;
  // The same, of what the index and its versions hold now: a pass over all.
  crypto::Digest audited_digest() const;
  // The same in slices, each about so much, while the map goes on changing: whether what lies in memory is what the kept
  // digest says; nothing before a pass is complete. Then the next one begins.
  std::optional<bool> audit(size_t max_versions, size_t max_bytes);
  int64_t bytes_held() const { return bytes_held_; }
  int64_t bytes_in_use() const { return bytes_live_; }

 private:
  // The order of keys, also against plain views.
  struct ByBytes {
    using is_transparent = void;
    static std::string_view view(const Slice& s) { return s.view(); }
    static std::string_view view(std::string_view s) { return s; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return view(a) < view(b);
    }
  };

  KeyEntry& entry_of(const Slice& key);  // makes it when there is none
  Version* append(KeyEntry& entry, Version&& v);
  size_t position_after(Revision revision) const;
  void discount(Version& v) const;
  bool was_seen(const Version& v) const;
  void settle(Version& changed) const;
  void settle() const;
  crypto::SetDigest retained() const;
  void free_version(Version* v);

  absl::btree_map<Slice, std::unique_ptr<KeyEntry>, ByBytes> keys_;
  // The versions with mod >= compacted_, and garbage not yet collected, in the order of revisions.
  std::deque<Version*> log_;
  uint64_t log_begin_ = 0;  // how many have been removed from the log's front, ever
  Version* first_ = nullptr;
  Version* last_ = nullptr;
  Revision compacted_;
  bool dirty_ = false;                 // garbage of the last compaction may be left
  size_t collected_at_compacted_ = 0;  // how many of the log's versions with mod == compacted_ have been looked at
  // Hash and digest follow compactions lazily: what was made garbage is discounted when one of them is asked for, or
  // when it is collected. `settled_` is the position in the log up to which that has been done for `settled_for_`.
  mutable uint64_t hash_ = 0;
  std::unique_ptr<crypto::SetDigest> kept_;  // null until somebody wants it
  // A pass of audit(): the digest of what it has looked at, as far as that is still there; null when there is none.
  // Versions lie in the order of revisions, so what is new comes behind it, and what goes is behind or before it.
  std::unique_ptr<crypto::SetDigest> seen_;
  const Version* next_seen_ = nullptr;  // null: all that there was
  mutable uint64_t settled_ = 0;
  mutable Revision settled_for_;
  int64_t bytes_held_ = 0;
  int64_t bytes_live_ = 0;
};

}  // namespace holdfast::store
