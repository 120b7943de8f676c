#include "holdfast/replica/snapshot_writer.h"

#include <utility>

#include "holdfast/base/checksum.h"
#include "holdfast/base/codec.h"

namespace holdfast::replica {

SnapshotWriter::SnapshotWriter(BlobId blob, const consensus::SnapshotMeta& meta, const ImageHeader& header,
                               std::unique_ptr<ImageReader> image, size_t slice_bytes)
    : meta_(meta), image_(std::move(image)), slice_bytes_(slice_bytes) {
  meta_.blob = blob;
  meta_.size = 0;
  meta_.crc32c = 0;
  codec::Writer w;
  const codec::Writer::Frame frame = w.open();
  codec::write(w, header);
  w.close(frame);
  pending_ = w.finish().flatten().str();
}

std::vector<BlobRequest> SnapshotWriter::work() {
  std::vector<BlobRequest> out;
  if (!busy()) return out;
  if (!created_) {
    out.push_back(BlobCreate{meta_.blob});
    created_ = true;
  }
  const bool more = image_->read(slice_bytes_, pending_);
  image_bytes_ += pending_.size();
  std::vector<Slice> encoded;
  encoder_.add(Slice::take(std::exchange(pending_, {})), encoded);
  if (!more) encoder_.finish(encoded);
  append(std::move(encoded), out);
  if (!more) {
    out.push_back(BlobSeal{meta_.blob});
    sealed_ = true;
    image_.reset();
  }
  return out;
}

void SnapshotWriter::append(std::vector<Slice> encoded, std::vector<BlobRequest>& out) {
  for (Slice& slice : encoded) {
    meta_.crc32c = crc32c(slice.view(), meta_.crc32c);
    written_ += slice.size();
    in_flight_ += slice.size();
    out.push_back(BlobAppend{meta_.blob, std::move(slice)});
  }
  meta_.size = written_;
}

}  // namespace holdfast::replica
