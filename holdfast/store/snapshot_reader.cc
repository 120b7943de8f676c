// Writing an image while the store goes on.
//
// All versions form one list in the order of revisions and new ones are appended to it, so the image of a moment is a
// walk along that list up to the revision of the moment. Nothing is removed from the list meanwhile: garbage collection
// pauses. What is garbage is judged by the compaction of the moment, not by a later one.

#include <string>

#include "holdfast/base/assert.h"
#include "holdfast/store/image.h"
#include "holdfast/store/impl.h"

namespace holdfast::store {
namespace {

// What looking at a version counts against the size of a slice, so that long runs of garbage do not make one slow.
constexpr size_t kLookBytes = 32;

class Reader : public Store::SnapshotReader {
 public:
  Reader(Store::Impl& store, uint64_t state_hash) : store_(store), at_(store.map.first()) {
    header_ = {store.revision, store.map.compacted(), store.clock_ms, store.members, store.alarms};
    end_.state_hash.value = state_hash;
    leases_.reserve(store.leases.size());
    for (const auto& [id, lease] : store.leases.all()) leases_.push_back({id, lease.ttl_seconds, lease.expiry_ms});
    store_.imaging = true;
  }
  ~Reader() override { store_.imaging = false; }

  bool read(size_t max_bytes, std::string& out) override {
    const size_t begin = out.size();
    looked_ = 0;
    while (stage_ != Stage::kDone && out.size() - begin + looked_ < max_bytes) step(out);
    return stage_ != Stage::kDone;
  }

 private:
  enum class Stage { kHeader, kLeases, kVersions, kEnd, kDone };

  void step(std::string& out) {
    switch (stage_) {
      case Stage::kHeader:
        out += kImageMagic;
        write(header_, out);
        stage_ = Stage::kLeases;
        break;
      case Stage::kLeases:
        write_leases(out);
        break;
      case Stage::kVersions:
        write_version(out);
        break;
      case Stage::kEnd:
        write(end_, out);
        stage_ = Stage::kDone;
        break;
      case Stage::kDone:
        break;
    }
  }

  void write_leases(std::string& out) {
    ImageLeases part;
    for (; end_.leases < leases_.size() && part.leases.size() < kImageFrameLeases; ++end_.leases) {
      part.leases.push_back(leases_[end_.leases]);
    }
    if (part.leases.empty()) {
      stage_ = Stage::kVersions;
    } else {
      write(std::move(part), out);
    }
  }

  void write_version(std::string& out) {
    if (at_ == nullptr || at_->mod > header_.revision) {
      if (!pending_.versions.empty()) flush(out);
      stage_ = Stage::kEnd;
      return;
    }
    const Version& v = *at_;
    looked_ += kLookBytes;
    if (v.is_retained(header_.compact_revision)) {
      pending_.versions.push_back({v.key->key, v.mod, v.sub, v.create, v.version, v.lease, v.value});
      pending_bytes_ += v.key->key.size() + v.value.size() + kLookBytes;
      ++end_.versions;
      if (pending_bytes_ >= kImageFrameBytes) flush(out);
    }
    at_ = v.next;
  }

  void flush(std::string& out) {
    write(std::move(pending_), out);
    pending_ = {};
    pending_bytes_ = 0;
  }

  static void write(ImagePart part, std::string& out) {
    const Chain bytes = codec::encode(part);
    codec::Writer length(4);
    length.fixed32(static_cast<uint32_t>(bytes.size()));
    const Chain prefix = length.finish();
    for (const Chain* chain : {&prefix, &bytes}) {
      for (const Slice& s : chain->parts()) out += s.view();
    }
  }

  Store::Impl& store_;
  Stage stage_ = Stage::kHeader;
  ImageHeader header_;
  std::vector<ImageLease> leases_;
  const Version* at_;
  ImageVersions pending_;
  size_t pending_bytes_ = 0;
  size_t looked_ = 0;
  ImageEnd end_;
};

}  // namespace

std::unique_ptr<Store::SnapshotReader> Store::snapshot() const {
  ensure(!impl_->imaging, "one image of a store is taken at a time");
  return std::make_unique<Reader>(*impl_, state_hash());
}

}  // namespace holdfast::store
