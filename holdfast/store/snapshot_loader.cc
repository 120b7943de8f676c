// Rebuilding a store from an image. Whatever the bytes are, the outcome is a store whose invariants hold or kDataLoss.

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "holdfast/store/image.h"
#include "holdfast/store/impl.h"

namespace holdfast::store {
namespace {

template <class T, class Key>
bool strictly_ordered(const std::vector<T>& items, Key&& key) {
  return std::adjacent_find(items.begin(), items.end(), [&](const T& a, const T& b) { return !(key(a) < key(b)); }) ==
         items.end();
}

class Loader : public Store::SnapshotLoader {
 public:
  // Makes the finished store: its constructor is private.
  using Make = Store (*)(std::unique_ptr<Store::Impl>);
  Loader(const Limits& limits, Make make) : impl_(std::make_unique<Store::Impl>(limits)), make_(make) {}

  Status add(std::string_view bytes) override {
    if (!status_.ok()) return status_;
    buffer_ += bytes;
    size_t used = 0;
    while (status_.ok() && take(used)) {
    }
    buffer_.erase(0, used);
    consumed_ += used;
    return status_;
  }

  StatusOr<Store> finish() override {
    if (status_.ok() && (stage_ != Stage::kDone || !buffer_.empty())) fail("the image ends early");
    if (!status_.ok()) return status_;
    stage_ = Stage::kTaken;
    status_ = absl::FailedPreconditionError("the store was taken already");
    return make_(std::move(impl_));
  }

 private:
  enum class Stage { kMagic, kHeader, kLeases, kVersions, kDone, kTaken };

  void fail(const std::string& what, StatusCode code = StatusCode::kDataLoss) {
    if (!status_.ok()) return;
    status_ = Status(code, absl::StrCat("store image: ", what, " (in the part at byte ", consumed_, " or soon after)"));
  }

  // Takes the next whole piece of the buffer; false when there is none yet.
  bool take(size_t& used) {
    const std::string_view rest = std::string_view(buffer_).substr(used);
    if (rest.empty()) return false;
    if (stage_ == Stage::kMagic) {
      if (rest.size() < kImageMagic.size()) return false;
      if (rest.substr(0, kImageMagic.size()) != kImageMagic) fail("it does not begin as an image does");
      used += kImageMagic.size();
      stage_ = Stage::kHeader;
      return true;
    }
    if (stage_ == Stage::kDone) return fail("bytes follow its end"), false;
    if (rest.size() < 4) return false;
    uint32_t length = 0;
    std::memcpy(&length, rest.data(), 4);
    if (length > kImageMaxFrame) return fail("a part is longer than any can be"), false;
    if (rest.size() - 4 < length) return false;
    StatusOr<ImagePart> part = codec::decode<ImagePart>(Slice::copy_of(rest.substr(4, length)));
    if (!part.ok()) return fail(std::string(part.status().message()), part.status().code()), false;
    used += 4 + length;
    std::visit([this](auto& p) { accept(p); }, *part);
    return true;
  }

  void accept(ImageHeader& h) {
    if (stage_ != Stage::kHeader) return fail("a header stands in the middle");
    stage_ = Stage::kLeases;
    if (h.revision < Revision(1) || h.compact_revision < Revision{} || h.compact_revision > h.revision ||
        h.clock_ms < 0) {
      return fail("its revisions or its clock are impossible");
    }
    if (!strictly_ordered(h.members, [](const Member& m) { return m.id; }) ||
        !strictly_ordered(h.alarms, [](const AlarmMember& a) { return std::pair(a.alarm, a.member); })) {
      return fail("members or alarms are not in order");
    }
    impl_->revision = h.revision;
    compacted_ = h.compact_revision;
    impl_->clock_ms = h.clock_ms;
    impl_->members = std::move(h.members);
    impl_->alarms = std::move(h.alarms);
  }

  void accept(ImageLeases& part) {
    if (stage_ != Stage::kLeases) return fail("leases stand in the wrong place");
    for (const ImageLease& l : part.leases) {
      if (l.id == LeaseId{} || (leases_ > 0 && l.id <= last_lease_)) return fail("leases are not in order");
      if (l.ttl_seconds < 1 || l.ttl_seconds > kMaxLeaseTtlSeconds || l.expiry_ms < 0 ||
          l.expiry_ms > LeaseTable::expiry(impl_->clock_ms, l.ttl_seconds)) {
        return fail("a lease's times are impossible");
      }
      impl_->leases.grant(l.id, l.ttl_seconds, l.expiry_ms);
      last_lease_ = l.id;
      ++leases_;
    }
  }

  void accept(ImageVersions& part) {
    if (stage_ == Stage::kLeases) stage_ = Stage::kVersions;
    if (stage_ != Stage::kVersions) return fail("versions stand in the wrong place");
    for (ImageVersion& v : part.versions) {
      if (!is_possible(v)) return fail("a version is impossible");
      Version version;
      version.mod = v.mod;
      version.sub = v.sub;
      version.create = v.create;
      version.version = v.version;
      version.lease = v.lease;
      version.value = std::move(v.value);
      if (!impl_->map.restore(v.key, std::move(version))) return fail("versions are not in order");
      ++versions_;
    }
  }

  bool is_possible(const ImageVersion& v) const {
    if (v.key.empty() || v.mod < Revision(2) || v.mod > impl_->revision || v.version < 0) return false;
    const bool tombstone = v.version == 0;
    if (tombstone) {
      if (v.create != Revision{} || v.lease != LeaseId{} || !v.value.empty()) return false;
    } else if (v.create < Revision(2) || v.create > v.mod) {
      return false;
    }
    const bool creates = v.version == 1 && v.create == v.mod;
    const KeyEntry* entry = impl_->map.find(v.key.view());
    if (entry == nullptr) {
      // The first that is left of its key: its very first, or the one that a compaction kept.
      if (v.mod > compacted_) return creates;
      return tombstone ? v.mod == compacted_ : creates || (v.version > 1 && v.create < v.mod);
    }
    const Version& before = *entry->latest();
    if (v.mod <= compacted_) return false;  // `before` would be garbage
    if (before.is_tombstone()) return creates;
    return tombstone || (v.version - 1 == before.version && v.create == before.create);
  }

  void accept(ImageEnd& end) {
    if (stage_ != Stage::kLeases && stage_ != Stage::kVersions) return fail("its end stands in the wrong place");
    stage_ = Stage::kDone;
    if (end.leases != leases_ || end.versions != versions_) return fail("leases or versions are missing");
    impl_->map.set_compacted(compacted_);
    bool attached = true;
    impl_->map.each_key([&](KeyEntry& entry) {
      const Version& v = *entry.latest();
      if (v.is_tombstone() || v.lease == LeaseId{}) return;
      attached = attached && impl_->leases.find(v.lease) != nullptr;
      if (attached) impl_->leases.attach(v.lease, &entry);
    });
    if (!attached) return fail("a key's lease does not exist");
    if (impl_->state_hash() != end.state_hash.value) fail("the state that results has another hash");
  }

  std::unique_ptr<Store::Impl> impl_;
  Make make_;
  Stage stage_ = Stage::kMagic;
  Status status_;
  std::string buffer_;
  uint64_t consumed_ = 0;
  Revision compacted_;
  LeaseId last_lease_;
  uint64_t leases_ = 0;
  uint64_t versions_ = 0;
};

}  // namespace

std::unique_ptr<Store::SnapshotLoader> Store::load(const Limits& limits) {
  return std::make_unique<Loader>(limits, [](std::unique_ptr<Impl> impl) { return Store(std::move(impl)); });
}

}  // namespace holdfast::store
