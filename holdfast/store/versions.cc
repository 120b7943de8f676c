#include "holdfast/store/versions.h"

#include <algorithm>

#include "holdfast/base/assert.h"
#include "holdfast/base/checksum.h"
#include "holdfast/store/digests.h"

namespace holdfast::store {
namespace {

// What a version costs beside its value, and a key beside its bytes: roughly what the allocator takes for them.
constexpr int64_t kVersionBytes = sizeof(Version) + 32;
constexpr int64_t kKeyBytes = sizeof(KeyEntry) + 64;

int64_t cost(const Version& v) { return kVersionBytes + static_cast<int64_t>(v.value.size()); }
int64_t cost(const KeyEntry& e) { return kKeyBytes + static_cast<int64_t>(e.key.size()); }

Slice own(const Slice& s) { return s.size() < kShareBytes ? Slice::copy_of(s.view()) : s; }

uint64_t hash_of(const Version& v) {
  uint64_t h = hash64(v.key->key.view(), 1);
  h = hash_combine(h, hash64(v.value.view(), 2));
  for (const int64_t field :
       {v.mod.value(), static_cast<int64_t>(v.sub), v.create.value(), v.version, v.lease.value()}) {
    h = hash_combine(h, static_cast<uint64_t>(field));
  }
  return h;
}

}  // namespace

const Version* KeyEntry::as_of(Revision revision) const {
  if (empty()) return nullptr;
  if (latest()->mod <= revision) return latest();
  const auto begin = versions.begin() + static_cast<std::ptrdiff_t>(first);
  const auto it =
      std::upper_bound(begin, versions.end(), revision, [](Revision r, const Version* v) { return r < v->mod; });
  return it == begin ? nullptr : *(it - 1);
}

void KeyEntry::drop_oldest() {
  ++first;
  // Moving the rest once per doubling keeps this constant on average.
  if (first > 16 && first * 2 > versions.size()) {
    versions.erase(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(first));
    first = 0;
  }
}

KeyValue to_key_value(const Version& v) { return {v.key->key, v.create, v.mod, v.version, v.value, v.lease}; }

Event to_event(const Version& v) {
  Event e;
  e.type = v.is_tombstone() ? EventType::kDelete : EventType::kPut;
  e.kv = to_key_value(v);
  return e;
}

VersionedMap::~VersionedMap() {
  for (Version* v = first_; v != nullptr;) delete std::exchange(v, v->next);
}

Version* VersionedMap::append(KeyEntry& entry, Version&& value) {
  auto* v = new Version(std::move(value));
  v->key = &entry;
  if (!entry.empty()) {
    Version* old = entry.latest();
    old->newer = v;
    if (!old->is_tombstone()) bytes_live_ -= cost(*old) + cost(entry);
  }
  entry.versions.push_back(v);
  v->previous = last_;
  (last_ == nullptr ? first_ : last_->next) = v;
  last_ = v;
  log_.push_back(v);
  hash_ += hash_of(*v);
  if (kept_ != nullptr) kept_->add(element_of(*v));
  if (seen_ != nullptr && next_seen_ == nullptr) next_seen_ = v;
  bytes_held_ += cost(*v);
  if (!v->is_tombstone()) bytes_live_ += cost(*v) + cost(entry);
  return v;
}

KeyEntry& VersionedMap::entry_of(const Slice& key) {
  auto it = keys_.lower_bound(key.view());
  if (it == keys_.end() || it->first.view() != key.view()) {
    auto entry = std::make_unique<KeyEntry>();
    entry->key = Slice::copy_of(key.view());
    bytes_held_ += cost(*entry);
    Slice name = entry->key;
    it = keys_.emplace_hint(it, std::move(name), std::move(entry));
  }
  return *it->second;
}

Version* VersionedMap::put(const Slice& key, const Slice& value, LeaseId lease, Revision mod, uint32_t sub) {
  KeyEntry& entry = entry_of(key);
  Version v;
  const Version* old = entry.empty() ? nullptr : entry.latest();
  const bool creates = old == nullptr || old->is_tombstone();
  v.mod = mod;
  v.sub = sub;
  v.create = creates ? mod : old->create;
  v.version = creates ? 1 : old->version + 1;
  v.lease = lease;
  v.value = own(value);
  return append(entry, std::move(v));
}

Version* VersionedMap::erase(KeyEntry& entry, Revision mod, uint32_t sub) {
  ensure(!entry.empty() && !entry.latest()->is_tombstone(), "only a live key is deleted");
  Version v;
  v.mod = mod;
  v.sub = sub;
  return append(entry, std::move(v));
}

bool VersionedMap::restore(const Slice& key, Version v) {
  if (last_ != nullptr && std::pair(v.mod, v.sub) <= std::pair(last_->mod, last_->sub)) return false;
  v.value = own(v.value);
  append(entry_of(key), std::move(v));
  return true;
}

KeyEntry* VersionedMap::find(std::string_view key) const {
  const auto it = keys_.find(key);
  return it == keys_.end() ? nullptr : it->second.get();
}

const Version* VersionedMap::visible(std::string_view key, Revision revision) const {
  const KeyEntry* entry = find(key);
  return entry == nullptr ? nullptr : entry->visible(revision);
}

size_t VersionedMap::position_after(Revision revision) const {
  // Watchers that are nearly up to date ask for the last few: look there first.
  if (log_.empty() || log_.back()->mod <= revision) return log_.size();
  const auto it =
      std::upper_bound(log_.begin(), log_.end(), revision, [](Revision r, const Version* v) { return r < v->mod; });
  return static_cast<size_t>(it - log_.begin());
}

void VersionedMap::compact(Revision revision) {
  ensure(revision >= compacted_, "compactions go forward");
  compacted_ = revision;
  dirty_ = true;
  collected_at_compacted_ = 0;
}

void VersionedMap::set_compacted(Revision revision) {
  compacted_ = settled_for_ = revision;
  while (!log_.empty() && log_.front()->mod < revision) {
    log_.pop_front();
    ++log_begin_;
  }
  settled_ = log_begin_;
}

void VersionedMap::discount(Version& v) const {
  if (v.discounted) return;
  v.discounted = true;
  hash_ -= hash_of(v);
  if (kept_ == nullptr) return;
  const crypto::Digest element = element_of(v);
  kept_->remove(element);
  if (was_seen(v)) seen_->remove(element);
}

bool VersionedMap::was_seen(const Version& v) const {
  if (seen_ == nullptr) return false;
  return next_seen_ == nullptr || std::pair(v.mod, v.sub) < std::pair(next_seen_->mod, next_seen_->sub);
}

// `changed` is a version of the log with mod <= compacted_: what it made garbage, and whether it is garbage itself. In
// the order of revisions, so all that is older than its predecessor has been discounted with that.
void VersionedMap::settle(Version& changed) const {
  const KeyEntry& entry = *changed.key;
  const auto begin = entry.versions.begin() + static_cast<std::ptrdiff_t>(entry.first);
  const auto at = std::lower_bound(begin, entry.versions.end(), std::pair(changed.mod, changed.sub),
                                   [](const Version* v, const auto& r) { return std::pair(v->mod, v->sub) < r; });
  if (at != begin) discount(**(at - 1));
  if (changed.is_tombstone() && changed.mod < compacted_) discount(changed);
}

void VersionedMap::settle() const {
  if (settled_for_ == compacted_) return;
  // Versions of the compacted revision itself are looked at again by the next compaction.
  uint64_t at = std::max(settled_, log_begin_);
  for (; at - log_begin_ < log_.size() && log_[at - log_begin_]->mod <= compacted_; ++at) {
    Version& v = *log_[at - log_begin_];
    settle(v);
    if (v.mod < compacted_) settled_ = at + 1;
  }
  settled_for_ = compacted_;
}

uint64_t VersionedMap::hash() const {
  settle();
  return hash_;
}

void VersionedMap::free_version(Version* v) {
  KeyEntry& entry = *v->key;
  ensure(entry.oldest() == v, "versions of a key are collected oldest first");
  discount(*v);
  if (v == next_seen_) next_seen_ = v->next;
  (v->previous == nullptr ? first_ : v->previous->next) = v->next;
  (v->next == nullptr ? last_ : v->next->previous) = v->previous;
  bytes_held_ -= cost(*v);
  entry.drop_oldest();
  delete v;
  if (!entry.empty()) return;
  bytes_held_ -= cost(entry);
  const auto it = keys_.find(entry.key.view());
  ensure(it != keys_.end(), "a key that loses its last version is in the index");
  keys_.erase(it);
}

bool VersionedMap::collect(size_t max) {
  // First what lies before the compacted revision leaves the log, and frees what it superseded.
  for (; dirty_ && max > 0 && !log_.empty() && log_.front()->mod < compacted_; --max) {
    Version* v = log_.front();
    log_.pop_front();
    ++log_begin_;
    while (v->key->oldest() != v) free_version(v->key->oldest());
    if (v->is_tombstone()) free_version(v);
  }
  // Then the changes of the compacted revision itself, which stay in the log, free what they superseded.
  for (; dirty_ && max > 0; --max, ++collected_at_compacted_) {
    if (collected_at_compacted_ == log_.size() || log_[collected_at_compacted_]->mod > compacted_) {
      dirty_ = false;
      break;
    }
    KeyEntry& entry = *log_[collected_at_compacted_]->key;
    while (entry.oldest()->mod < compacted_) free_version(entry.oldest());
  }
  return dirty_;
}

}  // namespace holdfast::store
