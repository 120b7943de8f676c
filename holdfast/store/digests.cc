#include "holdfast/store/digests.h"

#include "holdfast/base/assert.h"
#include "holdfast/base/codec.h"
#include "holdfast/store/impl.h"

namespace holdfast::store {
namespace {

uint64_t number(int64_t n) { return static_cast<uint64_t>(n); }

}  // namespace

// --- Versions --------------------------------------------------------------------------------------------------------

crypto::Digest element_of(const Version& v) {
  return crypto::Hasher()
      .add(std::string_view("version "))
      .add(number(v.mod.value()))
      .add(uint64_t{v.sub})
      .add(number(v.create.value()))
      .add(number(v.version))
      .add(number(v.lease.value()))
      .add(uint64_t{v.key->key.size()})
      .add(uint64_t{v.value.size()})
      .add(v.key->key.view())
      .add(v.value.view())
      .finish();
}

crypto::SetDigest VersionedMap::retained() const {
  crypto::SetDigest set;
  for (const auto& [key, entry] : keys_) {
    for (size_t i = entry->first; i < entry->versions.size(); ++i) {
      const Version& v = *entry->versions[i];
      if (v.is_retained(compacted_)) set.add(element_of(v));
    }
  }
  return set;
}

void VersionedMap::keep_digest() {
  if (kept_ != nullptr) return;
  settle();  // so that what is not discounted is what is retained
  kept_ = std::make_unique<crypto::SetDigest>(retained());
}

crypto::Digest VersionedMap::digest() const {
  if (kept_ == nullptr) return audited_digest();
  settle();
  return kept_->digest();
}

crypto::Digest VersionedMap::audited_digest() const { return retained().digest(); }

std::optional<bool> VersionedMap::audit(size_t max_versions, size_t max_bytes) {
  ensure(kept_ != nullptr, "what is in memory is compared with the digest that is kept");
  if (seen_ == nullptr) {
    seen_ = std::make_unique<crypto::SetDigest>();
    next_seen_ = first_;
  }
  for (size_t bytes = 0; next_seen_ != nullptr; next_seen_ = next_seen_->next) {
    const Version& v = *next_seen_;
    if (max_versions-- == 0 || bytes >= max_bytes) return std::nullopt;
    if (v.discounted) continue;
    seen_->add(element_of(v));
    bytes += v.key->key.size() + v.value.size();
  }
  const bool same = *seen_ == *kept_;
  seen_.reset();
  return same;
}

// --- Leases ----------------------------------------------------------------------------------------------------------

crypto::Digest element_of(LeaseId id, const Lease& lease) {
  return crypto::Hasher()
      .add(std::string_view("lease   "))
      .add(number(id.value()))
      .add(number(lease.ttl_seconds))
      .add(number(lease.expiry_ms))
      .finish();
}

void LeaseTable::keep_digest() {
  if (kept_ != nullptr) return;
  kept_ = std::make_unique<crypto::SetDigest>();
  for (const auto& [id, lease] : leases_) kept_->add(element_of(id, lease));
}

crypto::Digest LeaseTable::digest() const { return kept_ == nullptr ? audited_digest() : kept_->digest(); }

crypto::Digest LeaseTable::audited_digest() const {
  crypto::SetDigest set;
  bool ordered = by_expiry_.size() == leases_.size();
  for (const auto& [id, lease] : leases_) {
    set.add(element_of(id, lease));
    ordered = ordered && by_expiry_.contains({lease.expiry_ms, id});
  }
  // Leases end in the order of a second table: if that says otherwise, this is the state of no store.
  return ordered ? set.digest() : crypto::digest("leases out of order");
}

// --- The store -------------------------------------------------------------------------------------------------------

crypto::Digest Store::Impl::digest_with(const crypto::Digest& versions, const crypto::Digest& leases_digest) const {
  codec::Writer w;
  codec::write(w, members);
  codec::write(w, alarms);
  return crypto::Hasher()
      .add(std::string_view("holdfast store 1"))
      .add(number(revision.value()))
      .add(number(map.compacted().value()))
      .add(number(clock_ms))
      .add(versions)
      .add(leases_digest)
      .add(w.finish().flatten().view())
      .finish();
}

void Store::keep_digest() {
  impl_->map.keep_digest();
  impl_->leases.keep_digest();
}

crypto::Digest Store::state_digest() const { return impl_->digest_with(impl_->map.digest(), impl_->leases.digest()); }

crypto::Digest Store::audited_digest() const {
  return impl_->digest_with(impl_->map.audited_digest(), impl_->leases.audited_digest());
}

std::optional<bool> Store::audit(size_t max_versions, size_t max_bytes) {
  const std::optional<bool> versions = impl_->map.audit(max_versions, max_bytes);
  if (!versions) return std::nullopt;
  return *versions && impl_->leases.audited_digest() == impl_->leases.digest();
}

}  // namespace holdfast::store
